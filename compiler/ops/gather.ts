import { isFloat } from "../core/dtype.ts";
import { i32, prim } from "../core/expr.ts";
import { isBound, showShape, sizeOf } from "../core/shape.ts";
import type { MapOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { tensor, tensorArg } from "./apply.ts";
import { convert } from "./cast.ts";
import { inRange, poison, requireIndices } from "./indices.ts";
import type { LibraryFunction } from "./library.ts";
import { axisIn } from "./reduce.ts";
import { float, ints, sample } from "./sample.ts";
import { scatterAdd } from "./take.ts";
import { linearize, reshape } from "./view.ts";

/**
 * torch.gather: out[c] = x[c with attrs.axis replaced by index[c]]; the index (input 1) has x's rank, and extents no
 * larger than x's away from the axis. NaN out of range.
 */
export const gatherOp: MapOp = {
  kind: "map",
  name: "gather",
  class: "follow",
  exact: true,
  view: false,
  type([x, index], attrs) {
    const axis = attrs.axis as number;
    requireIndices("gather", index, 1);
    const wide = index.shape.some((d, i) =>
      i !== axis && isBound(d) && isBound(x.shape[i]) && d > x.shape[i]
    );
    if (index.shape.length !== x.shape.length || wide) {
      throw new OpError("the index does not fit", {
        expected: `rank ${x.shape.length}, and no larger than ${showShape(x.shape)} away from axis ${axis}`,
        found: showShape(index.shape),
        input: 1,
      });
    }
    return { dtype: x.dtype, shape: index.shape };
  },
  expr(m) {
    const axis = m.attrs.axis as number;
    const index = convert(m.read(1, m.coords), "i32");
    const ok = inRange(index, m.inputs[0].shape[axis]);
    const value = m.read(0, m.coords.map((c, i) => i === axis ? index : c), ok);
    return isFloat(m.type.dtype) ? prim("add", value, poison(ok)) : value;
  },
  grad(b, node, dy) {
    const [x, index] = node.inputs;
    if (!isFloat(x.type.dtype)) return [undefined, undefined];
    const at = b.node(flatIndexOp, [index], { axis: node.attrs.axis, shape: x.type.shape });
    return [reshape(b, scatterAdd(b, dy, at, sizeOf(x.type.shape)), x.type.shape), undefined];
  },
  samples: [
    sample([float([3, 4]), ints([3, 2], 0, 3)], { axis: 1 }),
    sample([float([4, 3]), ints([5, 2], 0, 3)], { axis: 0 }),
  ],
};

/** The row-major position in attrs.shape that gather reads for each element of its index; −1 out of range. i32. */
export const flatIndexOp: MapOp = {
  kind: "map",
  name: "flat_index",
  class: "fixed",
  exact: true,
  view: false,
  type: ([index]) => ({ dtype: "i32", shape: index.shape }),
  expr(m) {
    const axis = m.attrs.axis as number;
    const shape = m.attrs.shape as readonly number[];
    const index = convert(m.read(0, m.coords), "i32");
    const at = linearize(m.coords.map((c, i) => i === axis ? index : c), shape);
    return prim("select", inRange(index, shape[axis]), at, i32(-1));
  },
  grad: null,
  samples: [sample([ints([3, 2], -1, 4)], { axis: 1, shape: [3, 4] })],
};

export const gather: LibraryFunction = {
  name: "gather",
  params: [tensor("x"), tensor("index"), { name: "axis", type: "axis" }],
  class: "follow",
  doc: "torch.gather: x's elements at the index's positions along an axis; the result has the index's shape",
  build(b, args) {
    const x = tensorArg(b, args, "x");
    return b.node(gatherOp, [x, tensorArg(b, args, "index")], {
      axis: axisIn(args.axis, x.type.shape.length, 2),
    });
  },
};
