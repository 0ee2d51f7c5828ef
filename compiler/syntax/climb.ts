/** Precedence climbing over a flat list of operands and operators. */

import type { IToken } from "chevrotain";
import { cover } from "../core/span.ts";
import type { BinaryOp, Expr } from "./ast.ts";
import { type CstNode, token, tokens } from "./cst.ts";
import { endOf } from "./report.ts";
import * as T from "./tokens.ts";
import type { TreeBuilder } from "./tree_builder.ts";

/** What builds an operand: its postfixes and casts, but not its signs. */
export type OperandBuilder = TreeBuilder & { operand(cst: CstNode, at: number): Expr };

/** The tree of a sum; `at` is where its first operand stands or is missing. */
export function sum(
  builder: OperandBuilder,
  operands: readonly CstNode[],
  operators: readonly IToken[],
  at: number,
): Expr {
  return new Climber(builder, operands, operators, at).sum();
}

class Climber {
  #at = 0;

  constructor(
    readonly builder: OperandBuilder,
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
      left = this.builder.make({ kind: "binary", op, left, right, span: cover(left.span, right.span) });
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
      value = builder.make({
        kind: "binary",
        op: "**",
        left: value,
        right,
        span: cover(value.span, right.span),
      });
    }
    for (const minus of tokens(operand, "Minus").reverse()) {
      const span = cover(builder.reporter.spanOf(minus), value.span);
      value = builder.make({ kind: "unary", op: "-", operand: value, span });
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
