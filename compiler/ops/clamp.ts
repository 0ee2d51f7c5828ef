import { isFloat } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, prim } from "../core/expr.ts";
import { OpError } from "../ir/op.ts";
import { apply, tensor, tensorArg, toFloat } from "./apply.ts";
import { parametric } from "./define.ts";
import type { LibraryFunction } from "./library.ts";

/** A bound as a constant of x's kind; nothing unsigned is below 0. */
const bound = (x: Expr, value: unknown): Expr => {
  const v = value as number;
  return { e: "const", kind: x.kind, value: x.kind === "u32" ? Math.max(0, v) : v };
};
const mask = (c: Expr) => prim("select", c, f32(1), f32(0));

/** max(x, attrs.min). Unlike `max` of two tensors, a value at the bound keeps its whole gradient, as torch.clamp's. */
export const clampMinOp = parametric({
  name: "clamp_min",
  class: "follow",
  arity: 1,
  attrs: { min: -1 },
  expr: ({ min }) => (x) => prim("max", x, bound(x, min)),
  derivative: ({ min }) => (_, x) => mask(prim("ge", x, bound(x, min))),
});

/** min(x, attrs.max), likewise. */
export const clampMaxOp = parametric({
  name: "clamp_max",
  class: "follow",
  arity: 1,
  attrs: { max: 1 },
  expr: ({ max }) => (x) => prim("min", x, bound(x, max)),
  derivative: ({ max }) => (_, x) => mask(prim("le", x, bound(x, max))),
});

export const clamp: LibraryFunction = {
  name: "clamp",
  params: [tensor("x"), { name: "min", type: "float", optional: true }, {
    name: "max",
    type: "float",
    optional: true,
  }],
  class: "follow",
  doc: "min(max(x, min), max); a value at a bound keeps its gradient. At least one bound is given.",
  build(b, args) {
    const { min, max } = args as { min?: number; max?: number };
    if (min === undefined && max === undefined) {
      throw new OpError("clamp needs a bound", { input: 1, help: "give min:, max: or both" });
    }
    let x = tensorArg(b, args, "x");
    const whole = [min, max].every((v) => v === undefined || Number.isInteger(v));
    if (!isFloat(x.type.dtype) && !whole) x = toFloat(b, x);
    if (min !== undefined) x = apply(b, clampMinOp, [x], { min });
    return max !== undefined ? apply(b, clampMaxOp, [x], { max }) : x;
  },
};
