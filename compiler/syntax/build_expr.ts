/** Concrete to abstract syntax: expressions. */

import type { IToken } from "chevrotain";
import { cover, type Span } from "../core/span.ts";
import type { Arg, BinaryOp, Expr, IndexItem } from "./ast.ts";
import { sum } from "./climb.ts";
import { type CstNode, extent, isNode, node, nodes, only, token, tokens } from "./cst.ts";
import { endOf, quote } from "./report.ts";
import { stringValue } from "./scan.ts";
import * as T from "./tokens.ts";
import { TreeBuilder } from "./tree_builder.ts";

export class ExprBuilder extends TreeBuilder {
  expr(cst: CstNode | undefined, at: number): Expr {
    const span = this.spanOf(cst, at);
    if (!cst) return this.hole(span);
    const choices = nodes(cst, "choice");
    const first = choices.length > 0 ? token(choices[0], "If")! : undefined;
    return this.nest("if", choices.length, first, () => this.hole(span), () => {
      const compare = node(cst, "compare");
      const start = extent(compare)?.start ?? span.end;
      const tails = nodes(cst, "tail").map(only).filter(isNode);
      const firstIn = tails.findIndex((t) => t.name === "inClause");
      const stages = firstIn === -1 ? tails : tails.slice(0, firstIn);
      let value = this.#tails(this.compare(compare, start), start, stages, undefined);
      for (let i = choices.length - 1; i >= 0; i--) {
        const from = extent(choices[i])?.start ?? span.start;
        const [condition, then] = nodes(choices[i], "expr");
        const after = (keyword: string) => {
          const found = token(choices[i], keyword);
          return found ? endOf(found) : from;
        };
        const [a, b] = [this.expr(condition, after("If")), this.expr(then, after("Then"))];
        const whole = this.reporter.span(from, value.span.end);
        value = this.make({ kind: "if", cond: a, then: b, else: value, span: whole });
      }
      if (firstIn === -1) return value;
      const inside = this.#in(value, tails[firstIn]);
      return this.#tails(inside, span.start, tails.slice(firstIn + 1), tails[firstIn]);
    });
  }

  /** Applies pipeline stages, and says what cannot follow one without parentheses. */
  #tails(value: Expr, start: number, tails: readonly CstNode[], after: CstNode | undefined): Expr {
    let told = false;
    let stages = 0;
    for (const tail of tails) {
      const before = value.span.end;
      if (tail.name === "stage" && !after) {
        value = this.#stage(value, tail);
        stages++;
        continue;
      }
      if (!told) told = this.#refuse(tail, this.reporter.span(start, before), after !== undefined, stages);
      if (tail.name === "stage") value = this.#stage(value, tail);
      else if (tail.name === "inClause") value = this.#in(value, tail);
      else value = this.#misplaced(value, tail);
    }
    return value;
  }

  #stage(value: Expr, cst: CstNode): Expr {
    const at = extent(cst)!.end;
    const callee = this.#callee(node(cst, "callee"), at);
    const list = node(cst, "args");
    const args = list && this.args(list);
    const span = { ...value.span, end: at };
    return this.make({ kind: "pipe", value, callee, ...(args && { args }), span });
  }

  #callee(cst: CstNode | undefined, at: number): Expr {
    const first = token(cst, "Identifier");
    if (!first) return this.hole(this.reporter.span(at, at));
    let value: Expr = { kind: "name", name: first.image, span: this.reporter.spanOf(first) };
    for (const selector of nodes(cst, "selector")) {
      const end = extent(selector)!.end;
      const span = { ...value.span, end };
      if (token(selector, "Dot")) {
        value = this.make({
          kind: "member",
          value,
          name: this.name(token(selector, "Identifier"), end),
          span,
        });
        continue;
      }
      const open = token(selector, "LBracket")!;
      const inner = value;
      value = this.nest("brackets", 1, open, () => this.hole(span), () => {
        const index = this.expr(node(selector, "expr"), endOf(open));
        const items: IndexItem[] = [{ kind: "at", index, span: index.span }];
        return this.make({ kind: "index", value: inner, items, span });
      });
    }
    return value;
  }

  #in(value: Expr, cst: CstNode): Expr {
    const end = extent(cst)!.end;
    const precision = this.name(token(cst, "Identifier"), end);
    return this.make({ kind: "in", value, precision, span: { ...value.span, end } });
  }

  /** Reports a tail that needs parentheses; false where the parser's own report stands for it. */
  #refuse(tail: CstNode, left: Span, afterIn: boolean, stages: number): boolean {
    const operator = firstToken(tail);
    if (!operator || this.faulty.has(operator.payload)) return false;
    const span = this.reporter.spanOf(operator);
    const shown = quote(operator.image);
    if (operator.tokenType === T.AndAnd || operator.tokenType === T.OrOr) {
      const help = operator.tokenType === T.AndAnd ? "if a then b else false" : "if a then true else b";
      this.reporter.report("MPT0109", `there is no operator ${shown}`, span, "not part of the language", {
        help: `between compile-time values write \`${help}\`; between masks use \`where\``,
      });
      return true;
    }
    const compared = !afterIn && stages === 0;
    const [code, message, label] = afterIn
      ? [
        "MPT0115",
        `${shown} cannot follow \`in\` without parentheses`,
        "what runs in which precision is unclear",
      ]
      : compared
      ? ["MPT0116", "comparisons do not chain", "compares the outcome of a comparison"]
      : ["MPT0114", `${shown} cannot follow a pipeline stage without parentheses`, "after the last stage"];
    const what = afterIn ? "`in` takes all of this" : compared ? "this is a bool" : "the pipeline";
    const edit = {
      help: afterIn || compared ? "put the left side in parentheses" : "put the pipeline in parentheses",
      replacements: [
        { span: this.reporter.span(left.start, left.start), text: "(" },
        { span: this.reporter.span(left.end, left.end), text: ")" },
      ],
    };
    this.reporter.report(code, message, span, label, { also: [{ span: left, text: what }], edit });
    return true;
  }

  /** What the author probably meant: an operator on all that stands to its left. */
  #misplaced(value: Expr, cst: CstNode): Expr {
    const end = extent(cst)!.end;
    const span = { ...value.span, end };
    const operator = token(cst, "ArithOp") ?? token(cst, "CompareOp");
    if (operator) {
      const right = this.arith(node(cst, "arith"), end);
      return this.make({ kind: "binary", op: operator.image as BinaryOp, left: value, right, span });
    }
    const cast = node(cst, "cast");
    if (cast) {
      return this.make({ kind: "as", value, to: this.name(token(cst, "Identifier"), end), span });
    }
    const postfix = node(cst, "postfix");
    return postfix ? this.#postfix(value, postfix) : this.hole(span);
  }

  compare(cst: CstNode | undefined, at: number): Expr {
    const [left, right] = nodes(cst, "arith");
    const operator = token(cst, "CompareOp");
    const a = this.arith(left, at);
    if (!operator) return a;
    const b = this.arith(right, endOf(operator));
    return this.make({
      kind: "binary",
      op: operator.image as BinaryOp,
      left: a,
      right: b,
      span: cover(a.span, b.span),
    });
  }

  /** A flat list of operands and operators, by precedence. */
  arith(cst: CstNode | undefined, at: number): Expr {
    if (!cst) return this.hole(this.reporter.span(at, at));
    return sum(this, nodes(cst, "operand"), tokens(cst, "ArithOp"), at);
  }

  /** An operand with its postfixes and casts, but without its signs. */
  operand(cst: CstNode, at: number): Expr {
    const atom = node(cst, "atom");
    let value = this.#atom(atom, extent(cst)?.start ?? at);
    for (const postfix of nodes(cst, "postfix")) value = this.#postfix(value, postfix);
    const casts = nodes(cst, "cast");
    return this.nest("as", casts.length, token(casts[0], "As"), () => this.hole(value.span), () => {
      for (const cast of casts) {
        const end = extent(cast)!.end;
        const span = { ...value.span, end };
        value = this.make({ kind: "as", value, to: this.name(token(cast, "Identifier"), end), span });
      }
      return value;
    });
  }

  #postfix(value: Expr, cst: CstNode): Expr {
    const end = extent(cst)!.end;
    const span = { ...value.span, end };
    const list = node(cst, "args");
    if (list) {
      const args = this.args(list);
      return this.make({ kind: "call", callee: value, args, span });
    }
    const indices = node(cst, "indices");
    if (!indices) {
      return this.make({ kind: "member", value, name: this.name(token(cst, "Identifier"), end), span });
    }
    return this.nest("brackets", 1, token(indices, "LBracket"), () => this.hole(span), () => {
      const items = nodes(indices, "index").map((i) => this.#index(i));
      return this.make({ kind: "index", value, items, span });
    });
  }

  #index(cst: CstNode): IndexItem {
    const span = this.spanOf(cst, 0);
    const first = node(cst, "at");
    const slice = node(cst, "slice");
    if (!slice) {
      return { kind: "at", index: this.expr(first, span.start), span };
    }
    const part = (found: CstNode | undefined) => found && this.expr(found, span.end);
    const [start, stop, step] = [part(first), part(node(slice, "stop")), part(node(slice, "step"))];
    return { kind: "slice", ...(start && { start }), ...(stop && { stop }), ...(step && { step }), span };
  }

  args(cst: CstNode): Arg[] {
    const open = token(cst, "LParen");
    return this.nest("brackets", 1, open, () => [], () => {
      const args = nodes(cst, "arg").map((arg): Arg => {
        const span = this.spanOf(arg, open ? endOf(open) : 0);
        const named = token(arg, "Colon") && token(arg, "Identifier");
        const value = this.expr(node(arg, "expr"), span.end);
        return { ...(named && { name: this.name(named, span.start) }), value, span };
      });
      const named = args.find((a) => a.name);
      const late = named &&
        args.find((a) => !a.name && a.span.start > named.span.start && a.value.kind !== "error");
      if (named && late) {
        this.reporter.report(
          "MPT0118",
          "a positional argument cannot follow a named one",
          late.span,
          "has no name",
          {
            also: [{ span: named.name!.span, text: "the first named argument" }],
            help: "name it as well, or move it before the named ones",
          },
        );
      }
      return args;
    });
  }

  #atom(cst: CstNode | undefined, at: number): Expr {
    const span = this.spanOf(cst, at);
    if (!cst) return this.hole(span);
    const open = token(cst, "LParen") ?? token(cst, "LBracket");
    if (open) {
      return this.nest("brackets", 1, open, () => this.hole(span), () => {
        const items = nodes(cst, "expr").map((e) => this.expr(e, span.start));
        if (open.tokenType === T.LBracket) return this.make({ kind: "list", items, span });
        this.checkSingle(cst, items.length);
        if (items.length <= 1) return items[0] ?? this.hole(span);
        return this.make({ kind: "tuple", items, span });
      });
    }
    const found = only(cst);
    if (!found || isNode(found)) return this.hole(span);
    switch (found.tokenType) {
      case T.Integer:
      case T.Float:
        return { kind: "number", value: Number(found.image), isInt: found.tokenType === T.Integer, span };
      case T.StringLiteral:
      case T.BadString:
        return { kind: "string", value: stringValue(found.image), span };
      case T.True:
      case T.False:
        return { kind: "bool", value: found.tokenType === T.True, span };
      case T.Identifier:
        return { kind: "name", name: found.image, span };
      default: // a number that cannot be read
        return this.hole(span);
    }
  }
}

function firstToken(cst: CstNode): IToken | undefined {
  let first: IToken | undefined;
  for (const name in cst.children) {
    for (const child of cst.children[name]) {
      const found = isNode(child) ? firstToken(child) : child;
      if (found && (!first || found.startOffset < first.startOffset)) first = found;
    }
  }
  return first;
}
