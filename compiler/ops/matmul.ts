import type { DType } from "../core/dtype.ts";
import { isFloat } from "../core/dtype.ts";
import { eqDim, eqShape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { ContractOp } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { permuteOp, transpose } from "./view.ts";
import { cast } from "./cast.ts";
import { float, ints, sample } from "./sample.ts";

/** What sums of products of these integers are: wide enough to be exact for 131,071 terms and more. */
const SUMS: Partial<Record<DType, DType>> = { i8: "i32", u8: "u32" };

/** The contraction that every product becomes; see ContractOp. Transpositions are views of its operands. */
export const matmulOp: ContractOp = {
  kind: "contract",
  name: "matmul",
  class: "compute",
  type([x, y], attrs) {
    const rank = x.shape.length;
    const sum = isFloat(x.dtype) ? (attrs.out ?? x.dtype) as DType : SUMS[x.dtype];
    if (x.dtype !== y.dtype || !sum) {
      throw new OpError("matmul takes two tensors of one float dtype, of i8 or of u8", {
        expected: sum ? x.dtype : "a float dtype, i8 or u8",
        found: sum ? y.dtype : x.dtype,
        input: sum ? 1 : 0,
        help: "convert with `as`",
      });
    }
    const [m, k] = x.shape.slice(-2);
    const [k2, n] = y.shape.slice(-2);
    if (
      rank < 2 || y.shape.length !== rank || !eqShape(x.shape.slice(0, -2), y.shape.slice(0, -2)) ||
      !eqDim(k, k2)
    ) {
      throw new OpError("the operands of matmul do not fit", {
        expected: showType(x),
        found: showType(y),
        input: 1,
      });
    }
    return { dtype: sum, shape: [...x.shape.slice(0, -2), m, n] };
  },
  grad(b, node, dy) {
    const [x, y] = node.inputs;
    const d = cast(b, dy, x.type.dtype);
    // The gradient of a transposed operand is made as the operand stands in memory: (a·b)ᵀ = bᵀ·aᵀ.
    const dx = isTransposed(x) ? transpose(b, matmul(b, y, transpose(b, d))) : matmul(b, d, transpose(b, y));
    const dw = isTransposed(y) ? transpose(b, matmul(b, transpose(b, d), x)) : matmul(b, transpose(b, x), d);
    return [dx, dw];
  },
  samples: [
    sample([float([3, 4]), float([4, 2])]),
    sample([float([2, 1, 3, 2]), float([2, 1, 2, 4])]),
    sample([float([3, 4]), float([4, 2])], { out: "f32" }),
    sample([ints([3, 9], -128, 127, "i8"), ints([9, 6], -128, 127, "i8")]),
    sample([ints([2, 3, 5], 0, 255, "u8"), ints([2, 5, 2], 0, 255, "u8")]),
  ],
};

/** Whether a node only swaps the last two axes. */
function isTransposed(x: Node): boolean {
  if (x.op !== permuteOp) return false;
  const perm = x.attrs.perm as readonly number[], n = perm.length;
  return perm.every((p, i) => p === (i === n - 1 ? n - 2 : i === n - 2 ? n - 1 : i));
}

/**
 * [b…, m, k] × [b…, k, n]. Floats are accumulated in f32, and `out` overrides the result's dtype; products of i8 are
 * i32, products of u8 u32, whatever `out` says.
 */
export function matmul(b: Builder, x: Node, y: Node, out?: DType): Node {
  return b.node(matmulOp, [x, y], out ? { out } : {});
}
