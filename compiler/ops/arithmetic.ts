import type { DType } from "../core/dtype.ts";
import { isFloat, kindOf } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, prim } from "../core/expr.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Operand } from "./apply.ts";
import { apply, pointwise } from "./apply.ts";
import { elementwise } from "./define.ts";

/** The arithmetic operators and their kin. Operands broadcast as NumPy's do; integers wrap. */

const signed = (d: DType) => isFloat(d) || kindOf(d) === "i32";
const like = (x: Expr, value: number): Expr => ({ e: "const", kind: x.kind, value });

export const addOp = elementwise({
  name: "add",
  class: "follow",
  arity: 2,
  expr: (x, y) => prim("add", x, y),
});
export const addFunction = pointwise(addOp, 2, { doc: "x + y" });

export const subOp = elementwise({
  name: "sub",
  class: "follow",
  arity: 2,
  expr: (x, y) => prim("sub", x, y),
});
export const subFunction = pointwise(subOp, 2, { doc: "x - y" });

export const mulOp = elementwise({
  name: "mul",
  class: "follow",
  arity: 2,
  expr: (x, y) => prim("mul", x, y),
});
export const mulFunction = pointwise(mulOp, 2, { doc: "x * y" });

export const divOp = elementwise({
  name: "div",
  class: "follow",
  arity: 2,
  accepts: isFloat,
  expr: (x, y) => prim("div", x, y),
});
export const divFunction = pointwise(divOp, 2, {
  doc: "x / y; of two integers in f32",
  note:
    "Autocast takes a number divided by a tensor, as in 1 / x, in f32; here it follows the tensor as any quotient.",
  float: true,
});

/** The remainder with the divisor's sign, as torch.remainder. An integer's remainder by 0 is 0. */
export const remOp = elementwise({
  name: "rem",
  class: "follow",
  arity: 2,
  expr(x, y) {
    if (x.kind === "f32") return prim("sub", x, prim("mul", y, prim("floor", prim("div", x, y))));
    const r = prim("rem", x, y);
    if (x.kind === "u32") return r;
    const zero = like(x, 0);
    const opposed = prim("ne", prim("lt", r, zero), prim("lt", y, zero));
    return prim("select", prim("and", prim("ne", r, zero), opposed), prim("add", r, y), r);
  },
  derivative: (i, x, y) => i === 0 ? f32(1) : prim("neg", prim("floor", prim("div", x, y))),
});
export const remFunction = pointwise(remOp, 2, { doc: "x % y with the sign of y: x - y * floor(x / y)" });

export const negOp = elementwise({
  name: "neg",
  class: "follow",
  arity: 1,
  accepts: signed,
  expr: (x) => prim("neg", x),
});
export const negFunction = pointwise(negOp, 1, { doc: "-x" });

export const minOp = elementwise({
  name: "min",
  class: "follow",
  arity: 2,
  exact: true,
  expr: (x, y) => prim("min", x, y),
});
export const minFunction = pointwise(minOp, 2, {
  doc: "The smaller of x and y, elementwise; `amin` reduces. Equal operands share the gradient.",
});

export const maxOp = elementwise({
  name: "max",
  class: "follow",
  arity: 2,
  exact: true,
  expr: (x, y) => prim("max", x, y),
});
export const maxFunction = pointwise(maxOp, 2, {
  doc: "The larger of x and y, elementwise; `amax` reduces. Equal operands share the gradient.",
});

export const absOp = elementwise({ name: "abs", class: "follow", arity: 1, expr: (x) => prim("abs", x) });
export const abs = pointwise(absOp, 1, { doc: "|x|; the gradient at 0 is 0" });

export const signOp = elementwise({
  name: "sign",
  class: "follow",
  arity: 1,
  accepts: signed,
  expr: (x) => prim("sign", x),
});
export const sign = pointwise(signOp, 1, { doc: "-1, 0 or 1; no gradient" });

/** Builders of the operators, for graphs made by passes and compositions: operands broadcast, numbers are weakly typed. */
export const add = (b: Builder, x: Operand, y: Operand): Node => apply(b, addOp, [x, y]);
export const sub = (b: Builder, x: Operand, y: Operand): Node => apply(b, subOp, [x, y]);
export const mul = (b: Builder, x: Operand, y: Operand): Node => apply(b, mulOp, [x, y]);
export const div = (b: Builder, x: Operand, y: Operand): Node => apply(b, divOp, [x, y]);
export const neg = (b: Builder, x: Operand): Node => apply(b, negOp, [x]);
export const min = (b: Builder, x: Operand, y: Operand): Node => apply(b, minOp, [x, y]);
export const max = (b: Builder, x: Operand, y: Operand): Node => apply(b, maxOp, [x, y]);
