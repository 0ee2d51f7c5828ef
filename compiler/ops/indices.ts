import { isFloat } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { i32, prim, u32 } from "../core/expr.ts";
import type { TensorType } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";

/** What ops that read at positions from data have in common. */

/** Throws OpError unless the elements are integers. */
export function requireIndices(name: string, t: TensorType, input: number) {
  if (isFloat(t.dtype) || t.dtype === "bool") {
    throw new OpError(`${name} takes integers`, { expected: "i32", found: t.dtype, input });
  }
}

/** 0 ≤ index < extent, for an i32 index. */
export function inRange(index: Expr, extent: number): Expr {
  return prim("and", prim("ge", index, i32(0)), prim("lt", index, i32(extent)));
}

/**
 * NaN where `ok` fails, else 0. It is made of bits at run time because WGSL refuses a constant NaN; a label outside the
 * classes thereby shows in the loss, as it stops a program in PyTorch.
 */
export function poison(ok: Expr): Expr {
  return prim("f32_of_bits", prim("select", ok, u32(0), u32(0x7fc00000)));
}
