/** Concrete to abstract syntax: declarations, items, statements and fields. */

import type { IToken } from "chevrotain";
import type * as A from "./ast.ts";
import { closest } from "../core/closest.ts";
import type { Span } from "../core/span.ts";
import { TypeBuilder } from "./build_type.ts";
import { type CstNode, extent, isNode, node, nodes, only, token, tokens } from "./cst.ts";
import { endOf, quote, type Reporter } from "./report.ts";
import { stringValue } from "./scan.ts";
import * as T from "./tokens.ts";

const RULE_KEYS = ["params", "compute", "accum", "output"];
const FORMAL_TYPES = ["int", "float", "bool", "string", "dtype"];
/** Builds the tree of a file whose `comments` hold its `///` lines. */
export function buildFile(
  reporter: Reporter,
  faulty: ReadonlySet<number>,
  cst: CstNode | undefined,
  docs: ReadonlyMap<number, string>,
): A.File {
  const span = reporter.span(0, reporter.source.text.length);
  return { decls: new AstBuilder(reporter, faulty, docs).decls(cst), span };
}

class AstBuilder {
  readonly #exprs: TypeBuilder;

  constructor(
    readonly reporter: Reporter,
    readonly faulty: ReadonlySet<number>,
    readonly docs: ReadonlyMap<number, string>,
  ) {
    this.#exprs = new TypeBuilder(reporter, faulty);
  }

  decls(cst: CstNode | undefined): A.Decl[] {
    return nodes(cst, "declaration").map(only).filter(isNode).map((d) => this.#decl(d)).filter((d) =>
      d !== undefined
    );
  }

  #decl(cst: CstNode): A.Decl | undefined {
    this.#exprs.startStatement();
    switch (cst.name) {
      case "importDecl":
        return this.#import(cst);
      case "constant":
        return { kind: "const", name: this.#nameIn(cst), value: this.#expr(cst), ...this.#where(cst) };
      case "policy":
        return {
          kind: "policy",
          name: this.#nameIn(cst),
          rules: this.#rules(node(cst, "rules")),
          ...this.#where(cst),
        };
      case "fn":
        return { kind: "fn", name: this.#nameIn(cst), ...this.#function(cst), ...this.#where(cst) };
      case "model":
        return this.#model(cst);
      case "train":
        return this.#train(cst);
    }
  }

  /** The span of a declaration or item, and its documentation. */
  #where(cst: CstNode): { span: Span; doc?: string } {
    const span = this.#exprs.spanOf(cst, 0);
    const doc = this.docs.get(span.start);
    return doc === undefined ? { span } : { span, doc };
  }

  #nameIn(cst: CstNode): A.Name {
    return this.#exprs.name(token(cst, "Identifier"), extent(cst)!.end);
  }

  #expr(cst: CstNode): A.Expr {
    return this.#exprs.expr(node(cst, "expr"), extent(cst)!.end);
  }

  #type(cst: CstNode): A.Type {
    return this.#exprs.type(node(cst, "type"), extent(cst)!.end);
  }

  #import(cst: CstNode): A.ImportDecl {
    const names = tokens(cst, "Identifier").map((t) => this.#exprs.name(t, 0));
    const from = token(cst, "from");
    const path = token(cst, "StringLiteral");
    if (from && from.image !== "from" && !this.faulty.has(from.payload)) {
      const span = this.reporter.spanOf(from);
      this.reporter.report("MPT0101", `${quote(from.image)} cannot stand here`, span, "not expected here", {
        expected: "`from`",
        found: quote(from.image),
        edit: { help: "write `from`", replacements: [{ span, text: "from" }] },
      });
    }
    const source = path
      ? { text: stringValue(path.image), span: this.reporter.spanOf(path) }
      : this.#exprs.name(undefined, extent(cst)!.end);
    return { kind: "import", names, from: source, ...this.#where(cst) };
  }

  #rules(cst: CstNode | undefined): A.Rule[] {
    return nodes(cst, "rule").map((rule) => {
      const span = this.#exprs.spanOf(rule, 0);
      const path = token(rule, "StringLiteral");
      const word = token(rule, "key");
      const key = path
        ? { text: stringValue(path.image), span: this.reporter.spanOf(path) }
        : this.#exprs.name(word, span.start);
      if (word && !RULE_KEYS.includes(word.image)) {
        const meant = closest(word.image, RULE_KEYS);
        this.#unknown(
          "MPT0124",
          word,
          `${quote(word.image)} is not a rule's key`,
          meant ?? `"${word.image}"`,
          {
            known: `a rule's key is ${list(RULE_KEYS)}, or a path in quotes`,
          },
        );
      }
      const precision = this.#exprs.name(token(rule, "Identifier"), span.end);
      return { key, glob: path !== undefined, precision, span };
    });
  }

  /** Reports a word that is none of the words its place has, with the one that was probably meant. */
  #unknown(
    code: string,
    word: IToken,
    message: string,
    meant: string | undefined,
    help: { known: string },
  ): void {
    const span = this.reporter.spanOf(word);
    this.reporter.report(code, message, span, "unknown", {
      help: help.known,
      ...(meant && { edit: { help: `write \`${meant}\``, replacements: [{ span, text: meant }] } }),
    });
  }

  #function(cst: CstNode): { params: A.Typed[]; result: A.Type; body: A.Block } {
    const signature = node(cst, "signature");
    const { end } = extent(cst)!;
    return {
      params: this.#typed(node(signature, "typed")),
      result: this.#exprs.type(node(signature, "type"), extent(signature)?.end ?? end),
      body: this.#block(node(cst, "block"), end),
    };
  }

  #typed(cst: CstNode | undefined): A.Typed[] {
    return nodes(cst, "typedName").map((input) => ({
      name: this.#nameIn(input),
      type: this.#type(input),
      span: this.#exprs.spanOf(input, 0),
    }));
  }

  #model(cst: CstNode): A.ModelDecl {
    const formals = nodes(node(cst, "formals"), "formal").map((formal): A.Formal => {
      const type = token(formal, "type");
      if (type && !FORMAL_TYPES.includes(type.image)) {
        const message = `a model's formal cannot have type ${quote(type.image)}`;
        this.#unknown("MPT0125", type, message, closest(type.image, FORMAL_TYPES), {
          known: `a formal is ${list(FORMAL_TYPES)}; tensors are inputs of \`forward\``,
        });
      }
      const value = node(formal, "expr");
      return {
        name: this.#nameIn(formal),
        type: this.#exprs.name(type, extent(formal)!.end),
        ...(value && { default: this.#expr(formal) }),
        span: this.#exprs.spanOf(formal, 0),
      };
    });
    const items = nodes(cst, "item").map(only).filter(isNode).map((i) => this.#item(i)).filter((i) =>
      i !== undefined
    );
    return { kind: "model", name: this.#nameIn(cst), formals, items, ...this.#where(cst) };
  }

  #item(cst: CstNode): A.Item | undefined {
    this.#exprs.startStatement();
    const where = this.#where(cst);
    switch (cst.name) {
      case "precision": {
        const rules = node(cst, "rules");
        return { kind: "precision", policy: rules ? this.#rules(rules) : this.#nameIn(cst), ...where };
      }
      case "layer":
        return this.#layer(cst);
      case "param":
        return {
          kind: "param",
          name: this.#nameIn(cst),
          type: this.#type(cst),
          init: this.#expr(cst),
          ...where,
        };
      case "forward":
        return { kind: "forward", ...this.#function(cst), ...where };
    }
  }

  #layer(cst: CstNode): A.LayerItem {
    const { end } = extent(cst)!;
    const args = node(cst, "args");
    const count = node(cst, "count");
    const precision = node(cst, "inClause");
    return {
      kind: "layer",
      name: this.#nameIn(cst),
      callee: this.#exprs.name(token(cst, "callee"), end),
      args: args ? this.#exprs.args(args) : [],
      ...(count && { count: this.#exprs.arith(count, end) }),
      ...(precision && { precision: this.#exprs.name(token(precision, "Identifier"), end) }),
      ...this.#where(cst),
    };
  }

  #block(cst: CstNode | undefined, at: number): A.Block {
    const span = this.#exprs.spanOf(cst, at);
    const lets: A.Let[] = [];
    let result: A.Expr | undefined;
    let first: IToken | undefined;
    for (const statement of nodes(cst, "statement")) {
      this.#exprs.startStatement();
      const returns = token(statement, "Return");
      const { start, end } = extent(statement) ?? span;
      if (first && !this.faulty.has(first.payload)) {
        // A `return` that was missing has no letters of its own.
        const late = this.reporter.span(start, Math.min(end, start + (returns ? "return" : "let").length));
        this.reporter.report("MPT0120", "nothing runs after `return`", late, "never reached", {
          also: [{ span: this.reporter.spanOf(first), text: "the block ends here" }],
          help: "a block has one `return`, its last statement; to choose a value write `if a then b else c`",
        });
      }
      first ??= returns;
      if (returns) result = this.#expr(statement);
      else lets.push(...this.#lets(statement));
    }
    const close = token(cst, "RBrace");
    if (!result && close && !cst!.recoveredNode && !this.#hasFault(cst!)) {
      this.reporter.report(
        "MPT0120",
        "this block returns nothing",
        this.reporter.spanOf(close),
        "no `return` before this",
        {
          help: "end the block with `return` and its result",
        },
      );
    }
    return { lets, result: result ?? this.#exprs.hole(this.reporter.span(span.end, span.end)), span };
  }

  #hasFault(cst: CstNode): boolean {
    const open = token(cst, "LBrace");
    const close = token(cst, "RBrace");
    for (let s: number = open?.payload ?? 0; s <= (close?.payload ?? 0); s++) {
      if (this.faulty.has(s)) return true;
    }
    return false;
  }

  #lets(statement: CstNode): A.Let[] {
    return nodes(statement, "let").map((l) => this.#let(l));
  }

  #let(cst: CstNode): A.Let {
    const { end } = extent(cst)!;
    const pattern = this.#exprs.pattern(node(cst, "pattern"), end);
    return { pattern, value: this.#expr(cst), span: this.#exprs.spanOf(cst, 0) };
  }

  #train(cst: CstNode): A.TrainDecl {
    const model = this.#nameIn(cst);
    const args = node(cst, "args");
    const fields: A.Field[] = [];
    let batch: CstNode | undefined;
    for (const [i, field] of nodes(cst, "field").entries()) {
      this.#exprs.startStatement();
      const word = token(field, "Batch");
      if (!word) {
        const built = this.#field(field);
        if (built) fields.push(built);
        continue;
      }
      if (batch || i > 0) this.#misplacedBatch(word, token(batch, "Batch"));
      batch ??= field;
    }
    const open = token(cst, "LBrace");
    if (!batch && open && !cst.recoveredNode && !this.faulty.has(open.payload + 1)) {
      this.reporter.report(
        "MPT0121",
        `train ${model.text} does not say what a batch is`,
        this.reporter.spanOf(open),
        "no `batch` first",
        { help: "start the block with its inputs, as in `batch(x: f32[N, 784], label: i32[N])`" },
      );
    }
    return {
      kind: "train",
      model,
      args: args ? this.#exprs.args(args) : [],
      batch: this.#typed(node(batch, "typed")),
      fields,
      ...this.#where(cst),
    };
  }

  #misplacedBatch(word: IToken, first: IToken | undefined): void {
    const span = this.reporter.spanOf(word);
    if (!first) {
      this.reporter.report("MPT0121", "`batch` comes first in a train block", span, "stands after a field", {
        help: "move it to the top of the block",
      });
    } else {
      this.reporter.report("MPT0121", "a train block has one `batch`", span, "a second one", {
        also: [{ span: this.reporter.spanOf(first), text: "the first one" }],
        help: "list all inputs in one `batch(…)`",
      });
    }
  }

  #field(cst: CstNode): A.Field | undefined {
    const span = this.#exprs.spanOf(cst, 0);
    const [bound] = nodes(cst, "let");
    if (bound) return { kind: "let", ...this.#let(bound) };
    if (token(cst, "Metric")) {
      return { kind: "metric", name: this.#nameIn(cst), value: this.#expr(cst), span };
    }
    const word = token(cst, "FieldName");
    if (!word) return undefined;
    const value = this.#expr(cst);
    const text = T.FIELD_WORDS.has(word.image) ? word.image as A.FieldName : undefined;
    const name = this.#exprs.name(word, span.start);
    if (text) return { kind: "field", name: { ...name, text }, value, span };
    this.#unknownField(word);
    return { kind: "let", pattern: { kind: "name", name, span: name.span }, value, span };
  }

  #unknownField(word: IToken): void {
    const span = this.reporter.spanOf(word);
    const meant = word.image === "metric" ? undefined : closest(word.image, T.FIELD_WORDS);
    const insert = word.image === "metric"
      ? { at: endOf(word), text: " value" }
      : { at: span.start, text: "let " };
    const edit = meant
      ? { help: `write \`${meant}\``, replacements: [{ span, text: meant }] }
      : word.image === "metric"
      ? undefined
      : {
        help: "to give a value a name, write `let`",
        replacements: [{ span: this.reporter.span(insert.at, insert.at), text: insert.text }],
      };
    const message = word.image === "metric"
      ? "a metric has a name"
      : `a train block has no field ${quote(word.image)}`;
    this.reporter.report(
      "MPT0123",
      message,
      span,
      word.image === "metric" ? "no name after it" : "unknown field",
      {
        help: word.image === "metric"
          ? "write `metric accuracy = …`"
          : `the fields are ${[...T.FIELD_WORDS].join(", ")}`,
        edit,
      },
    );
  }
}

function list(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}
