import { isFloat } from "../core/dtype.ts";
import { prim, u32 } from "../core/expr.ts";
import { elementwise } from "./define.ts";

/** Elementwise ops of the training step's own arithmetic: schedules, bias corrections, the loss scale. */

export const floorOp = elementwise({
  name: "floor",
  class: "follow",
  arity: 1,
  accepts: isFloat,
  expr: (x) => prim("floor", x),
  derivative: null,
});

/** eˣ − 1 without cancellation near 0. */
export const expm1Op = elementwise({
  name: "expm1",
  class: "full",
  arity: 1,
  accepts: isFloat,
  expr: (x) => prim("expm1", x),
});

/** 1/x of a normal power of two, exactly: the exponent's bits are mirrored about 127. */
export const reciprocalPow2Op = elementwise({
  name: "reciprocal_pow2",
  class: "full",
  arity: 1,
  accepts: (d) => d === "f32",
  expr: (x) => prim("f32_of_bits", prim("sub", u32(254 << 23), prim("bits_of", x))),
  derivative: null,
});
