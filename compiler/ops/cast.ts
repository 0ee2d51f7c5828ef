import type { DType } from "../core/dtype.ts";
import { isFloat, kindOf } from "../core/dtype.ts";
import type { Expr, Prim } from "../core/expr.ts";
import { prim } from "../core/expr.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapOp } from "../ir/op.ts";
import { bools, float, ints, sample } from "./sample.ts";

const CONVERT: Record<string, Prim> = { f32: "to_f32", i32: "to_i32", u32: "to_u32", bool: "to_bool" };

/** A register's value in another kind; small integers wrap when they are stored. */
export function convert(e: Expr, dtype: DType): Expr {
  const kind = kindOf(dtype);
  return e.kind === kind ? e : prim(CONVERT[kind], e);
}

/** Converts to attrs.to. Its gradient is the cast back, which is what makes f32 master gradients fall out. */
export const castOp: MapOp = {
  kind: "map",
  name: "cast",
  class: "fixed",
  exact: false,
  view: false,
  type: ([x], attrs) => ({ dtype: attrs.to as DType, shape: x.shape }),
  expr: (m) => convert(m.read(0, m.coords), m.type.dtype),
  grad: (
    b,
    node,
    dy,
  ) => [isFloat(node.inputs[0].type.dtype) ? cast(b, dy, node.inputs[0].type.dtype) : undefined],
  samples: [
    sample([float([2, 3])], { to: "f16" }),
    sample([float([2, 3])], { to: "i32" }),
    sample([ints([2, 3], -9, 9)], { to: "bf16" }),
    sample([ints([2, 3], 0, 255, "u8")], { to: "f32" }),
    sample([bools([2, 3])], { to: "f32" }),
  ],
};

/** `x` in `dtype`: itself where it is that already. */
export function cast(b: Builder, x: Node, dtype: DType): Node {
  return x.type.dtype === dtype ? x : b.node(castOp, [x], { to: dtype });
}
