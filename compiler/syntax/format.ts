/** `mpt fmt`: the one layout of a program. */

import type { IToken } from "chevrotain";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { Source } from "../core/span.ts";
import { type CstNode, isNode, node, nodes, only, token } from "./cst.ts";
import {
  breaks,
  type Doc,
  flatWidth,
  hardline,
  indent,
  join,
  layOut,
  type Line,
  line,
  width,
} from "./doc.ts";
import { ExprFormatter, startOf } from "./format_expr.ts";
import { parseConcrete } from "./parse.ts";
import { Trivia } from "./trivia.ts";

/** Lines are broken to stay within this many columns; comments and long strings may pass it. */
const COLUMNS = 100;

/**
 * Lays a program out: two blanks of indentation, at most one empty line in a row, lists with an element a line where they
 * do not fit or end in a comma, pipelines in the author's rows or with a stage a line, `=` signs and comments of
 * neighbouring lines aligned where the author aligned them. Keeps every comment and changes no meaning; formatting
 * twice is formatting once. A program with errors comes back as it was, with its diagnostics.
 */
export function format(source: Source): { text: string; diagnostics: Diagnostic[] } {
  const { diagnostics, concrete } = parseConcrete(source);
  if (!concrete.cst || diagnostics.some((d) => d.severity === "error")) {
    return { text: source.text, diagnostics };
  }
  const trivia = new Trivia(source.text, concrete);
  const doc = new Formatter(trivia).file(concrete.cst);
  const lines = alignComments(layOut(doc, COLUMNS));
  const text = lines.join("\n").replace(/^\n+|\s+$/g, "");
  return { text: text === "" ? "" : text + "\n", diagnostics };
}

/** A statement, item, field or declaration; `name = value` in two parts. */
type Entry =
  & { readonly start: number }
  & (
    | { readonly doc: Doc }
    | { readonly head: Doc; readonly equals: IToken; readonly value: Doc }
  );

class Formatter extends ExprFormatter {
  file(cst: CstNode): Doc {
    const entries = nodes(cst, "declaration").map((d) => this.#entry(only(d) as CstNode));
    const rest = this.trivia.dangling(this.trivia.end);
    const blank = entries.length > 0 && this.trivia.blankBefore(this.trivia.end);
    return [
      this.#entries(entries),
      rest.length > 0 && entries.length > 0 ? hardline : "",
      blank ? hardline : "",
      rest,
    ];
  }

  #entry(cst: CstNode): Entry {
    const start = startOf(cst);
    switch (cst.name) {
      case "constant":
        return this.#assignment(cst, this.expr(node(cst, "expr")!));
      case "layer": {
        const count = node(cst, "count");
        const precision = node(cst, "inClause");
        return this.#assignment(cst, [
          this.token(token(cst, "callee")!),
          this.args(node(cst, "args")!),
          count ? [" ", this.token(token(cst, "Star")!), " ", this.#count(count)] : "",
          precision ? [" ", this.inClause(precision)] : "",
        ]);
      }
      case "param":
      case "let":
        return this.#assignment(cst, this.expr(node(cst, "expr")!));
      case "statement":
      case "field": {
        const bound = node(cst, "let");
        if (bound) return this.#entry(bound);
        const returns = token(cst, "Return");
        if (returns) return { start, doc: [this.token(returns), " ", this.expr(node(cst, "expr")!)] };
        const batch = token(cst, "Batch");
        if (batch) return { start, doc: [this.token(batch), this.#typed(node(cst, "typed")!)] };
        return this.#assignment(cst, this.expr(node(cst, "expr")!));
      }
      default:
        return { start, doc: this.#declaration(cst) };
    }
  }

  #declaration(cst: CstNode): Doc {
    switch (cst.name) {
      case "importDecl":
        return [
          this.token(token(cst, "Import")!),
          " ",
          this.list(cst, token(cst, "LBrace")!, token(cst, "RBrace")!, (t) => this.token(t as IToken), line),
          " ",
          this.token(token(cst, "from")!),
          " ",
          this.token(token(cst, "StringLiteral")!),
        ];
      case "policy":
        return [this.#words(cst, "Policy"), " ", this.#rules(node(cst, "rules")!)];
      case "precision": {
        const rules = node(cst, "rules");
        return rules
          ? [this.token(token(cst, "Precision")!), " ", this.#rules(rules)]
          : this.#words(cst, "Precision");
      }
      case "fn":
        return [this.#words(cst, "Fn"), ...this.#function(cst)];
      case "forward":
        return [this.token(token(cst, "Forward")!), ...this.#function(cst)];
      case "model": {
        const formals = node(cst, "formals");
        const items = nodes(cst, "item").map((i) => this.#entry(only(i) as CstNode));
        return [
          this.#words(cst, "Model"),
          formals ? this.#formals(formals) : "",
          " ",
          this.#body(cst, items),
        ];
      }
      default: {
        const args = node(cst, "args");
        const fields = nodes(cst, "field").map((f) => this.#entry(f));
        return [this.#words(cst, "Train"), args ? this.args(args) : "", " ", this.#body(cst, fields)];
      }
    }
  }

  /** A keyword and the name after it. */
  #words(cst: CstNode, keyword: string): Doc {
    return [this.token(token(cst, keyword)!), " ", this.token(token(cst, "Identifier")!)];
  }

  /** A layer's count: operands between `**`. */
  #count(cst: CstNode): Doc {
    return this.parts(cst).map((p) => isNode(p) ? this.operand(p) : [" ", this.token(p), " "]);
  }

  #function(cst: CstNode): Doc[] {
    const block = node(cst, "block")!;
    const signature = node(cst, "signature")!;
    return [
      this.#typed(node(signature, "typed")!),
      " ",
      this.token(token(signature, "Arrow")!),
      " ",
      this.type(node(signature, "type")!),
      " ",
      this.#body(block, nodes(block, "statement").map((s) => this.#entry(s))),
    ];
  }

  #typed(cst: CstNode): Doc {
    return this.list(cst, token(cst, "LParen")!, token(cst, "RParen")!, (e) => {
      const input = e as CstNode;
      return [
        this.token(token(input, "Identifier")!),
        this.token(token(input, "Colon")!),
        " ",
        this.type(node(input, "type")!),
      ];
    });
  }

  #formals(cst: CstNode): Doc {
    return this.list(cst, token(cst, "LParen")!, token(cst, "RParen")!, (e) => {
      const formal = e as CstNode;
      const equals = token(formal, "Equals");
      return [
        this.token(token(formal, "Identifier")!),
        this.token(token(formal, "Colon")!),
        " ",
        this.token(token(formal, "type")!),
        equals ? [" ", this.token(equals), " ", this.expr(node(formal, "expr")!)] : "",
      ];
    });
  }

  #rules(cst: CstNode): Doc {
    return this.list(cst, token(cst, "LBrace")!, token(cst, "RBrace")!, (e) => {
      const rule = e as CstNode;
      const key = token(rule, "key") ?? token(rule, "StringLiteral");
      return [
        this.token(key!),
        this.token(token(rule, "Colon")!),
        " ",
        this.token(token(rule, "Identifier")!),
      ];
    }, line);
  }

  /** `word name = value`, or as much of that as there is. */
  #assignment(cst: CstNode, value: Doc): Entry {
    const equals = token(cst, "Equals")!;
    const head = this.parts(cst).filter((p) => startOf(p) < equals.startOffset);
    const docs = head.map((p, i): Doc => {
      const doc = !isNode(p) ? this.token(p) : p.name === "type" ? this.type(p) : this.pattern(p);
      const colon = !isNode(p) && p.image === ":" && i > 0;
      return i === 0 || colon ? doc : [" ", doc];
    });
    return { start: startOf(cst), head: docs, equals, value };
  }

  /** Braces around entries, one a line. */
  #body(cst: CstNode, entries: readonly Entry[]): Doc {
    const close = token(cst, "RBrace")!;
    const dangling = this.trivia.dangling(close.startOffset);
    const open = this.token(token(cst, "LBrace")!);
    const after = [close.image, ...this.trivia.trailing(close.startOffset)];
    if (entries.length === 0 && dangling.length === 0) {
      return breaks(open) ? [open, hardline, after] : [open, after];
    }
    const inside: Doc[] = [hardline, this.#entries(entries)];
    if (dangling.length > 0) {
      if (entries.length > 0) inside.push(hardline);
      if (entries.length > 0 && this.trivia.blankBefore(close.startOffset)) inside.push(hardline);
      inside.push(dangling);
    }
    return [open, indent(inside), hardline, after];
  }

  #entries(entries: readonly Entry[]): Doc {
    const pads = this.#pads(entries);
    const docs = entries.map((entry, i): Doc => {
      const doc = "doc" in entry
        ? entry.doc
        : [entry.head, " ".repeat(pads[i] + 1), this.token(entry.equals), " ", entry.value];
      return i > 0 && this.trivia.blankBefore(entry.start) ? [hardline, doc] : doc;
    });
    return join(hardline, docs);
  }

  /** Blanks that keep `=` signs aligned which the author aligned on neighbouring lines. */
  #pads(entries: readonly Entry[]): number[] {
    const pads = entries.map(() => 0);
    for (let from = 0; from < entries.length;) {
      const column = this.#equalsColumn(entries[from]);
      let to = from + 1;
      while (to < entries.length && column !== undefined && this.#equalsColumn(entries[to]) === column) {
        const { start } = entries[to];
        if (this.trivia.blankBefore(start) || this.trivia.hasLeading(start)) break;
        to++;
      }
      const widths = entries.slice(from, to).map((e) => "head" in e ? flatWidth(e.head) : 0);
      const widest = widths.reduce((a, b) => Math.max(a, b), 0);
      if (column !== undefined) widths.forEach((w, i) => pads[from + i] = widest - w);
      from = to;
    }
    return pads;
  }

  /** The column of an entry's `=`, if nothing but the entry's head stands before it on its line. */
  #equalsColumn(entry: Entry): number | undefined {
    if ("doc" in entry || breaks(entry.head) || this.trivia.hasLeading(entry.equals.startOffset)) {
      return undefined;
    }
    const { text } = this.trivia;
    const lineStart = text.lastIndexOf("\n", entry.equals.startOffset) + 1;
    const alone = lineStart <= entry.start && text.slice(lineStart, entry.start).trim() === "";
    return alone ? entry.equals.startOffset - lineStart : undefined;
  }
}

/** Puts comments at the ends of their lines, in one column where the author had them so on neighbouring lines. */
function alignComments(lines: readonly Line[]): string[] {
  const out: string[] = [];
  for (let from = 0; from < lines.length;) {
    const column = columnOf(lines[from]);
    let to = from + 1;
    while (to < lines.length && column !== undefined && columnOf(lines[to]) === column) to++;
    const widest = lines.slice(from, to).reduce((w, l) => Math.max(w, width(l.text)), 0);
    for (const { text, comment } of lines.slice(from, to)) {
      const gap = column === undefined ? "" : " ".repeat(widest - width(text) + 1);
      out.push(comment ? text + gap + comment.text : text);
    }
    from = to;
  }
  return out;
}

/** The source's column of a comment that follows something on its line. */
function columnOf(line: Line): number | undefined {
  return line.text.trim() === "" ? undefined : line.comment?.column;
}
