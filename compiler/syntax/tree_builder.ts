/** What every part of the tree builder does: names, spans and holes, within bounds. */

import type { IToken } from "chevrotain";
import type { Span } from "../core/span.ts";
import type { Expr, Name } from "./ast.ts";
import { childrenOf } from "./children.ts";
import { type CstNode, extent, token } from "./cst.ts";
import { MAX_NESTING, reportTooDeep } from "./nesting.ts";
import type { Reporter } from "./report.ts";

/**
 * The tallest expression. Long chains of operators and stages are trees as tall as they are long, and everything after
 * the parser walks trees by recursion.
 */
export const MAX_HEIGHT = 500;

/** The recursive forms, whose nesting is counted apart. */
type Form = "brackets" | "sign" | "power" | "if" | "as" | "type" | "pattern";

export class TreeBuilder {
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

  /** `(a,)` would be a one-element tuple, which the language does not have. */
  checkSingle(cst: CstNode, count: number): void {
    const comma = token(cst, "Comma");
    if (count !== 1 || !comma || cst.recoveredNode) return;
    const span = this.reporter.spanOf(comma);
    this.reporter.report("MPT0119", "there are no tuples of one element", span, "this comma makes no tuple", {
      edit: { help: "remove the comma: `(a)` is `a`", replacements: [{ span, text: "" }] },
    });
  }

  // Bounds

  hole(span: Span): Expr {
    return { kind: "error", span };
  }

  /** `expr`, unless its children make it too tall. */
  make(expr: Expr): Expr {
    let height = 1;
    for (const child of childrenOf(expr)) height = Math.max(height, 1 + (this.#heights.get(child) ?? 1));
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
