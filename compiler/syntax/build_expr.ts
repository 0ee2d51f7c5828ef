<<<<<<< HEAD
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
=======
/** Concrete to abstract syntax: names, types, patterns and expressions. */

import type { IToken } from "chevrotain";
import type { Arg, BinaryOp, Expr, IndexItem, Name, Pattern, Type } from "./ast.ts";
import { cover, type Span } from "../core/span.ts";
import { type CstNode, extent, isNode, node, nodes, only, token, tokens } from "./cst.ts";
import { endOf, quote, type Reporter } from "./report.ts";
import { stringValue } from "./scan.ts";
import { MAX_NESTING, reportTooDeep } from "./nesting.ts";
import * as T from "./tokens.ts";

/**
 * The tallest expression. Long chains of operators and stages are trees as tall as they are long, and everything after
 * the parser walks trees by recursion.
 */
export const MAX_HEIGHT = 500;

/** The recursive forms, whose nesting is counted apart. */
type Form = "brackets" | "sign" | "power" | "if" | "as" | "type" | "pattern";

export class ExprBuilder {
  readonly #heights = new WeakMap<Expr, number>();
  readonly #nesting: Record<Form, number> = {
    brackets: 0,
    sign: 0,
    power: 0,
    if: 0,
    as: 0,
    type: 0,
    pattern: 0,
  };
  #tooDeep = false;

  /** `faulty` holds the statements in which the parser already found a fault. */
  constructor(readonly reporter: Reporter, readonly faulty: ReadonlySet<number>) {}

  // Names

  /** A name; one that is missing is empty and stands at `at`. */
  name(found: IToken | undefined, at: number): Name {
    if (!found) return { text: "", span: this.reporter.span(at, at) };
    return { text: found.image, span: this.reporter.spanOf(found) };
  }

  spanOf(cst: CstNode | undefined, at: number): Span {
    const found = extent(cst);
    return this.reporter.span(found?.start ?? at, found?.end ?? at);
  }

  // Patterns and types

  pattern(cst: CstNode | undefined, at: number): Pattern {
    const span = this.spanOf(cst, at);
    const open = token(cst, "LParen");
    if (!open) return { kind: "name", name: this.name(token(cst, "Identifier"), span.start), span };
    const hole = (): Pattern => ({ kind: "name", name: this.name(undefined, span.start), span });
    return this.nest("pattern", 1, open, hole, () => {
      const items = nodes(cst, "pattern").map((p) => this.pattern(p, span.start));
      this.#checkSingle(cst!, items.length);
      return items.length === 1 ? items[0] : { kind: "tuple", items, span };
    });
  }

  /** A type; one that is missing has an empty kind. */
  type(cst: CstNode | undefined, at: number): Type {
    const span = this.spanOf(cst, at);
    const hole = (): Type => ({ kind: "tensor", kindName: this.name(undefined, span.start), span });
    const open = token(cst, "LParen");
    if (open) {
      return this.nest("type", 1, open, hole, () => {
        const items = nodes(cst, "type").map((t) => this.type(t, span.start));
        this.#checkSingle(cst!, items.length);
        return items.length === 1 ? items[0] : { kind: "tuple", items, span };
      });
    }
    const kind = token(cst, "Identifier");
    const bracket = token(cst, "LBracket");
    const kindName = this.name(kind, span.start);
    if (!bracket) return { kind: "tensor", kindName, span };
    const dims = nodes(cst, "arith").map((d) => this.arith(d, bracket.startOffset + 1));
    const close = token(cst, "RBracket");
    if (dims.length === 0 && kind && close && !cst!.recoveredNode && !this.faulty.has(bracket.payload)) {
      const brackets = this.reporter.span(bracket.startOffset, endOf(close));
      this.reporter.report("MPT0127", "a type's dims cannot be empty", brackets, "no dims", {
        edit: {
          help: `a single value's type is \`${kind.image}\``,
          replacements: [{ span: brackets, text: "" }],
        },
      });
    }
    return { kind: "tensor", kindName, ...(dims.length > 0 && { dims }), span };
  }

  /** `(a,)` would be a one-element tuple, which the language does not have. */
  #checkSingle(cst: CstNode, count: number): void {
    const comma = token(cst, "Comma");
    if (count !== 1 || !comma || cst.recoveredNode) return;
    const span = this.reporter.spanOf(comma);
    this.reporter.report("MPT0119", "there are no tuples of one element", span, "this comma makes no tuple", {
      edit: { help: "remove the comma: `(a)` is `a`", replacements: [{ span, text: "" }] },
    });
  }

  // Expressions

>>>>>>> check
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
<<<<<<< HEAD
        value = this.make({ kind: "if", cond: a, then: b, else: value, span: whole });
=======
        value = this.make({ kind: "if", cond: a, then: b, else: value, span: whole }, a, b, value);
>>>>>>> check
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
<<<<<<< HEAD
    return this.make({ kind: "pipe", value, callee, ...(args && { args }), span });
=======
    return this.make(
      { kind: "pipe", value, callee, ...(args && { args }), span },
      value,
      callee,
      ...values(args),
    );
>>>>>>> check
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
<<<<<<< HEAD
        });
=======
        }, value);
>>>>>>> check
        continue;
      }
      const open = token(selector, "LBracket")!;
      const inner = value;
      value = this.nest("brackets", 1, open, () => this.hole(span), () => {
        const index = this.expr(node(selector, "expr"), endOf(open));
        const items: IndexItem[] = [{ kind: "at", index, span: index.span }];
<<<<<<< HEAD
        return this.make({ kind: "index", value: inner, items, span });
=======
        return this.make({ kind: "index", value: inner, items, span }, inner, index);
>>>>>>> check
      });
    }
    return value;
  }

  #in(value: Expr, cst: CstNode): Expr {
    const end = extent(cst)!.end;
    const precision = this.name(token(cst, "Identifier"), end);
<<<<<<< HEAD
    return this.make({ kind: "in", value, precision, span: { ...value.span, end } });
=======
    return this.make({ kind: "in", value, precision, span: { ...value.span, end } }, value);
>>>>>>> check
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
<<<<<<< HEAD
      return this.make({ kind: "binary", op: operator.image as BinaryOp, left: value, right, span });
    }
    const cast = node(cst, "cast");
    if (cast) {
      return this.make({ kind: "as", value, to: this.name(token(cst, "Identifier"), end), span });
=======
      return this.make(
        { kind: "binary", op: operator.image as BinaryOp, left: value, right, span },
        value,
        right,
      );
    }
    const cast = node(cst, "cast");
    if (cast) {
      return this.make({ kind: "as", value, to: this.name(token(cst, "Identifier"), end), span }, value);
>>>>>>> check
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
<<<<<<< HEAD
    return this.make({
      kind: "binary",
      op: operator.image as BinaryOp,
      left: a,
      right: b,
      span: cover(a.span, b.span),
    });
=======
    return this.make(
      { kind: "binary", op: operator.image as BinaryOp, left: a, right: b, span: cover(a.span, b.span) },
      a,
      b,
    );
>>>>>>> check
  }

  /** A flat list of operands and operators, by precedence. */
  arith(cst: CstNode | undefined, at: number): Expr {
    if (!cst) return this.hole(this.reporter.span(at, at));
<<<<<<< HEAD
    return sum(this, nodes(cst, "operand"), tokens(cst, "ArithOp"), at);
=======
    return new Climber(this, nodes(cst, "operand"), tokens(cst, "ArithOp"), at).sum();
>>>>>>> check
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
<<<<<<< HEAD
        value = this.make({ kind: "as", value, to: this.name(token(cast, "Identifier"), end), span });
=======
        value = this.make({ kind: "as", value, to: this.name(token(cast, "Identifier"), end), span }, value);
>>>>>>> check
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
<<<<<<< HEAD
      return this.make({ kind: "call", callee: value, args, span });
    }
    const indices = node(cst, "indices");
    if (!indices) {
      return this.make({ kind: "member", value, name: this.name(token(cst, "Identifier"), end), span });
    }
    return this.nest("brackets", 1, token(indices, "LBracket"), () => this.hole(span), () => {
      const items = nodes(indices, "index").map((i) => this.#index(i));
      return this.make({ kind: "index", value, items, span });
=======
      return this.make({ kind: "call", callee: value, args, span }, value, ...values(args));
    }
    const indices = node(cst, "indices");
    if (!indices) {
      return this.make(
        { kind: "member", value, name: this.name(token(cst, "Identifier"), end), span },
        value,
      );
    }
    return this.nest("brackets", 1, token(indices, "LBracket"), () => this.hole(span), () => {
      const items = nodes(indices, "index").map((i) => this.#index(i));
      const parts = items.flatMap((i) => i.kind === "at" ? [i.index] : [i.start, i.stop, i.step]);
      return this.make({ kind: "index", value, items, span }, value, ...parts.filter((p) => p !== undefined));
>>>>>>> check
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
<<<<<<< HEAD
        if (open.tokenType === T.LBracket) return this.make({ kind: "list", items, span });
        this.checkSingle(cst, items.length);
        if (items.length <= 1) return items[0] ?? this.hole(span);
        return this.make({ kind: "tuple", items, span });
=======
        if (open.tokenType === T.LBracket) return this.make({ kind: "list", items, span }, ...items);
        this.#checkSingle(cst, items.length);
        if (items.length <= 1) return items[0] ?? this.hole(span);
        return this.make({ kind: "tuple", items, span }, ...items);
>>>>>>> check
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
<<<<<<< HEAD
=======

  // Bounds

  hole(span: Span): Expr {
    return { kind: "error", span };
  }

  /** `expr`, unless its children make it too tall. */
  make(expr: Expr, ...children: readonly Expr[]): Expr {
    let height = 1;
    for (const child of children) height = Math.max(height, 1 + (this.#heights.get(child) ?? 1));
    if (height <= MAX_HEIGHT) {
      this.#heights.set(expr, height);
      return expr;
    }
    if (!this.#tooDeep) {
      const { end } = expr.span;
      this.reporter.report(
        "MPT0111",
        `this expression chains more than ${MAX_HEIGHT} operations`,
        this.reporter.span(Math.max(expr.span.start, end - 1), end),
        `the chain grows past ${MAX_HEIGHT} here`,
        { help: "name a part of it with `let`" },
      );
    }
    this.#tooDeep = true;
    return this.hole(expr.span);
  }

  /** Runs `build` `levels` deeper in `form`, or reports that this is too deep and gives `hole` instead. */
  nest<R>(form: Form, levels: number, at: IToken | undefined, hole: () => R, build: () => R): R {
    if (this.#nesting[form] + levels > MAX_NESTING) {
      if (!this.#tooDeep && at && !this.faulty.has(at.payload)) reportTooDeep(this.reporter, at);
      this.#tooDeep = true;
      return hole();
    }
    this.#nesting[form] += levels;
    try {
      return build();
    } finally {
      this.#nesting[form] -= levels;
    }
  }

  /** Says anew what is too deep or too tall from here on: called where a statement starts. */
  startStatement(): void {
    this.#tooDeep = false;
  }
}

/** Precedence climbing over one flat list; a right operand of `**` may have signs of its own. */
class Climber {
  #at = 0;

  constructor(
    readonly builder: ExprBuilder,
    readonly operands: readonly CstNode[],
    readonly operators: readonly IToken[],
    readonly offset: number,
  ) {}

  get #operator(): IToken | undefined {
    return this.operators[this.#at];
  }

  sum(): Expr {
    return this.#chain(
      [T.Plus, T.Minus],
      () => this.#chain([T.Star, T.Slash, T.Percent, T.At], () => this.#unary()),
    );
  }

  #chain(operators: readonly unknown[], next: () => Expr): Expr {
    let left = next();
    while (this.#operator && operators.includes(this.#operator.tokenType)) {
      const op = this.#operator.image as BinaryOp;
      this.#at++;
      const right = next();
      left = this.builder.make(
        { kind: "binary", op, left, right, span: cover(left.span, right.span) },
        left,
        right,
      );
    }
    return left;
  }

  #unary(): Expr {
    const { builder } = this;
    const operand = this.operands[this.#at];
    const at = this.#at === 0 ? this.offset : endOf(this.operators[this.#at - 1]);
    if (!operand) return builder.hole(builder.reporter.span(at, at));
    const signs = [...tokens(operand, "Minus"), ...tokens(operand, "Bang")];
    let powers = 0;
    while (this.operators[this.#at + powers]?.tokenType === T.Power) powers++;
    const span = builder.spanOf(operand, at);
    const hole = () => {
      this.#at += powers;
      return builder.hole(span);
    };
    return builder.nest(
      "sign",
      signs.length,
      signs[0],
      hole,
      () => builder.nest("power", powers > 0 ? 1 : 0, this.#operator, hole, () => this.#signed(operand, at)),
    );
  }

  #signed(operand: CstNode, at: number): Expr {
    const { builder } = this;
    let value = builder.operand(operand, at);
    if (this.#operator?.tokenType === T.Power) {
      this.#at++;
      const right = this.#unary();
      value = builder.make(
        { kind: "binary", op: "**", left: value, right, span: cover(value.span, right.span) },
        value,
        right,
      );
    }
    for (const minus of tokens(operand, "Minus").reverse()) {
      const span = cover(builder.reporter.spanOf(minus), value.span);
      value = builder.make({ kind: "unary", op: "-", operand: value, span }, value);
    }
    const bang = token(operand, "Bang");
    if (!bang) return value;
    const mark = builder.reporter.spanOf(bang);
    const end = builder.reporter.span(value.span.end, value.span.end);
    builder.reporter.report("MPT0109", "there is no operator `!`", mark, "not part of the language", {
      edit: {
        help: "compare with `false`",
        replacements: [{ span: mark, text: "(" }, { span: end, text: " == false)" }],
      },
    });
    return builder.hole(value.span);
  }
}

function values(args: readonly Arg[] | undefined): Expr[] {
  return args ? args.map((a) => a.value) : [];
>>>>>>> check
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
