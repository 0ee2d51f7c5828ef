import { isFloat } from "../core/dtype.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { FlagOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { float, sample } from "./sample.ts";

/** 1 where any input holds a non-finite element or a rounding among its ancestors overflowed, else 0. */
export const foundInfOp: FlagOp = {
  kind: "flag",
  name: "found_inf",
  class: "fixed",
  type(inputs) {
    const input = inputs.findIndex((t) => !isFloat(t.dtype));
    if (input >= 0) throw new OpError("found_inf takes floats", { found: inputs[input].dtype, input });
    return { dtype: "u32", shape: [] };
  },
  grad: null,
  samples: [sample([float([2, 3]), float([4])])],
};

export function foundInf(b: Builder, values: readonly Node[]): Node {
  return b.node(foundInfOp, values);
}
