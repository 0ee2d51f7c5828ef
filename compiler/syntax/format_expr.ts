/** Laying out types, patterns and expressions. */

import type { IToken, TokenType } from "chevrotain";
import { type CstNode, isNode, node, nodes, token, tokens } from "./cst.ts";
import { type Doc, group, hardline, ifBroken, indent, join, line, softline } from "./doc.ts";
import * as T from "./tokens.ts";
import type { Trivia } from "./trivia.ts";

/** The operators of one level of precedence, loosest first; `**` binds tighter than a sign. */
const LEVELS: readonly (readonly TokenType[])[] = [
  [T.Plus, T.Minus],
  [T.Star, T.Slash, T.Percent, T.At],
  [T.Power],
];

export class ExprFormatter {
  constructor(readonly trivia: Trivia) {}

  /** A token with its comments. */
  token(found: IToken): Doc {
    const { startOffset } = found;
    return [...this.trivia.leading(startOffset), found.image, ...this.trivia.trailing(startOffset)];
  }

  /** The tokens and nodes of a node, in order. */
  parts(cst: CstNode): (CstNode | IToken)[] {
    return Object.values(cst.children).flat().sort((a, b) => startOf(a) - startOf(b));
  }

  /** A bracketed list: on one line if it fits and has no comma at its end, else an element a line. */
  list(
    cst: CstNode,
    open: IToken,
    close: IToken,
    element: (e: CstNode | IToken) => Doc,
    space: Doc = softline,
  ): Doc {
    const inside = this.parts(cst).filter((p) =>
      startOf(p) > open.startOffset && startOf(p) < close.startOffset
    );
    const commas = inside.filter((p): p is IToken => !isNode(p) && p.tokenType === T.Comma);
    const elements = inside.filter((p) => isNode(p) || p.tokenType !== T.Comma);
    const dangling = this.trivia.dangling(close.startOffset);
    const after = this.trivia.trailing(close.startOffset);
    if (elements.length === 0) {
      const body = dangling.length > 0 ? [indent(hardline, dangling), hardline] : [];
      return [this.token(open), ...body, close.image, ...after];
    }
    const docs: Doc[] = elements.map((e, i) => {
      const comma = commas[i];
      if (i < elements.length - 1) return [element(e), this.token(comma)];
      const single = elements.length === 1 && isGrouping(cst, close);
      const last: Doc = single ? "" : ifBroken(",");
      return comma
        ? [
          element(e),
          ...this.trivia.leading(comma.startOffset),
          last,
          ...this.trivia.trailing(comma.startOffset),
        ]
        : [element(e), last];
    });
    const forced: Doc = commas.length === elements.length ? FORCE : "";
    const rest: Doc[] = dangling.length > 0 ? [hardline, ...dangling] : [];
    const body = [indent(space, join(line, docs), rest), dangling.length > 0 ? hardline : space];
    return [group(this.token(open), forced, body, close.image), after];
  }

  pattern(cst: CstNode): Doc {
    const open = token(cst, "LParen");
    if (!open) return this.token(token(cst, "Identifier")!);
    return this.list(cst, open, token(cst, "RParen")!, (e) => this.pattern(e as CstNode));
  }

  type(cst: CstNode): Doc {
    const kind = token(cst, "Identifier");
    const open = token(cst, "LParen") ?? token(cst, "LBracket");
    const close = token(cst, "RParen") ?? token(cst, "RBracket");
    const element = (e: CstNode | IToken) =>
      isNode(e) && e.name === "type" ? this.type(e) : this.arith(e as CstNode);
    const list = open ? this.list(cst, open, close!, element) : "";
    return kind ? [this.token(kind), list] : list;
  }

  /** An expression; `indented` if what surrounds it has already moved its further lines to the right. */
  expr(cst: CstNode, indented = false): Doc {
    // Comments before it are no part of what it moves to the right.
    return [this.trivia.takeLeading(startOf(cst)), this.#expr(cst, indented)];
  }

  #expr(cst: CstNode, indented: boolean): Doc {
    const choices = nodes(cst, "choice");
    const tails = nodes(cst, "tail");
    const pipe = this.#pipe(node(cst, "compare")!, tails, indented || choices.length > 0);
    if (choices.length === 0) return pipe;
    const docs: Doc[] = [];
    for (const [i, choice] of choices.entries()) {
      const [condition, then] = nodes(choice, "expr");
      const opening: Doc = [this.#keyword(choice, "If"), " ", this.expr(condition, true)];
      docs.push(i === 0 ? opening : [" ", opening]);
      docs.push(i === 0 ? line : " ", this.#keyword(choice, "Then"), " ", this.expr(then, true));
      docs.push(line, this.#keyword(choice, "Else"));
    }
    docs.push(" ", pipe);
    return group(indented ? docs : indent(docs));
  }

  #keyword(cst: CstNode, name: string): Doc {
    return this.token(token(cst, name)!);
  }

  /** A pipeline keeps the author's rows; one that has none, or a row that is too long, has a line for each stage. */
  #pipe(compare: CstNode, tails: readonly CstNode[], indented: boolean): Doc {
    const first = this.#compare(compare, indented && tails.length === 0);
    if (tails.length === 0) return first;
    const rows: Doc[][] = [[first]];
    for (const tail of tails) {
      const stage = node(tail, "stage");
      const inside = node(tail, "inClause");
      const start = startOf(tail);
      const begins = stage &&
        (this.trivia.startsLine(start) || this.trivia.startsLine(startOf(node(stage, "callee")!)));
      if (begins || (inside && rows.length > 1)) rows.push([]);
      const doc = stage ? this.#stage(stage) : this.inClause(inside!);
      const row = rows[rows.length - 1];
      row.push(row.length > 0 ? [line, doc] : doc);
    }
    const docs = rows.map((row) => group(row));
    const all = [docs[0], ...docs.slice(1).flatMap((doc) => [hardline, doc])];
    return indented ? all : indent(all);
  }

  #stage(cst: CstNode): Doc {
    const callee = node(cst, "callee")!;
    const args = node(cst, "args");
    const selectors = nodes(callee, "selector").map((s): Doc => {
      const dot = token(s, "Dot");
      if (dot) return [this.token(dot), this.token(token(s, "Identifier")!)];
      return this.list(s, token(s, "LBracket")!, token(s, "RBracket")!, (e) => this.expr(e as CstNode, true));
    });
    return [
      this.token(token(cst, "PipeOp")!),
      " ",
      this.token(token(callee, "Identifier")!),
      ...selectors,
      args ? this.args(args) : "",
    ];
  }

  inClause(cst: CstNode): Doc {
    return [this.token(token(cst, "In")!), " ", this.token(token(cst, "Identifier")!)];
  }

  #compare(cst: CstNode, indented: boolean): Doc {
    const [left, right] = nodes(cst, "arith");
    const operator = token(cst, "CompareOp");
    if (!operator) return this.arith(left, indented);
    const rest: Doc[] = [line, this.token(operator), " ", this.arith(right, true)];
    return group(this.arith(left, indented), indented ? rest : indent(rest));
  }

  arith(cst: CstNode, indented = false): Doc {
    const operands = nodes(cst, "operand").map((o) => this.operand(o));
    return this.#chain(operands, tokens(cst, "ArithOp"), 0, indented);
  }

  /** Operands between operators: the loosest of them break first. */
  #chain(operands: readonly Doc[], operators: readonly IToken[], level: number, indented: boolean): Doc {
    if (operators.length === 0) return operands[0];
    const cuts = operators.flatMap((op, i) => LEVELS[level].includes(op.tokenType) ? [i] : []);
    if (cuts.length === 0) return this.#chain(operands, operators, level + 1, indented);
    const part = (from: number, to: number) =>
      this.#chain(operands.slice(from, to + 1), operators.slice(from, to), level + 1, true);
    const rest = cuts.flatMap((cut, i): Doc[] => {
      const next = part(cut + 1, cuts[i + 1] ?? operators.length);
      return [line, this.token(operators[cut]), " ", next];
    });
    return group(part(0, cuts[0]), indented ? rest : indent(rest));
  }

  operand(cst: CstNode): Doc {
    const atom = node(cst, "atom")!;
    const number = token(atom, "Integer") ?? token(atom, "Float");
    return this.parts(cst).map((part): Doc => {
      if (!isNode(part)) return this.token(part);
      if (part.name === "atom") return this.#atom(part);
      // `0 .x` must not become `0.`, which is no number.
      if (part.name === "postfix") return [number && token(part, "Dot") ? " " : "", this.#postfix(part)];
      return [" ", this.token(token(part, "As")!), " ", this.token(token(part, "Identifier")!)];
    });
  }

  #atom(cst: CstNode): Doc {
    const open = token(cst, "LParen") ?? token(cst, "LBracket");
    if (!open) return this.parts(cst).map((t) => this.token(t as IToken));
    const close = token(cst, "RParen") ?? token(cst, "RBracket");
    return this.list(cst, open, close!, (e) => this.expr(e as CstNode));
  }

  #postfix(cst: CstNode): Doc {
    const args = node(cst, "args");
    if (args) return this.args(args);
    const indices = node(cst, "indices");
    if (!indices) return [this.token(token(cst, "Dot")!), this.token(token(cst, "Identifier")!)];
    return this.list(
      indices,
      token(indices, "LBracket")!,
      token(indices, "RBracket")!,
      (e) => this.#index(e as CstNode),
    );
  }

  #index(cst: CstNode): Doc {
    return this.parts(cst).map((part): Doc => {
      if (!isNode(part)) return this.token(part);
      return part.name === "slice" ? this.#index(part) : this.expr(part, true);
    });
  }

  args(cst: CstNode): Doc {
    return this.list(cst, token(cst, "LParen")!, token(cst, "RParen")!, (e) => {
      const arg = e as CstNode;
      const name = token(arg, "Identifier");
      const value = this.expr(node(arg, "expr")!);
      return name ? [this.token(name), this.token(token(arg, "Colon")!), " ", value] : value;
    });
  }
}

/** Breaks the group around it and prints nothing. */
const FORCE: Doc = { kind: "group", doc: "", broken: true };

/** Whether a node's brackets hold one expression, pattern or type and no list, so that a comma would be an error. */
function isGrouping(cst: CstNode, close: IToken): boolean {
  if (cst.name === "selector") return true;
  return close.tokenType === T.RParen &&
    (cst.name === "atom" || cst.name === "pattern" || cst.name === "type");
}

export function startOf(part: CstNode | IToken): number {
  return isNode(part) ? part.location!.startOffset : part.startOffset;
}
