import { isFloat } from "../core/dtype.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { CompositeOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { tensor, tensorArg, toFloat } from "./apply.ts";
import { cast } from "./cast.ts";
import { groups, inF32 } from "./composite.ts";
import type { LibraryFunction } from "./library.ts";
import { expand } from "./broadcast.ts";
import { causalMask } from "./make.ts";
import { matmul } from "./matmul.ts";
import { axisIn } from "./reduce.ts";
import { float, sample } from "./sample.ts";
import { flip, reshape, transpose } from "./view.ts";

/** Running sums along attrs.axis. As a product with a triangle of ones, which is generated and never stored. */
export const cumsumOp: CompositeOp = {
  kind: "composite",
  name: "cumsum",
  class: "full",
  type([x], attrs) {
    const axis = attrs.axis as number;
    if (!isFloat(x.dtype) || !(axis >= 0 && axis < x.shape.length)) {
      throw new OpError("cumsum takes floats and one of their axes", { input: 0 });
    }
    return x;
  },
  decompose: (b, node) =>
    inF32(b, node, ([x]) => {
      const axis = node.attrs.axis as number;
      return transpose(b, summed(b, transpose(b, x, axis, -1)), axis, -1);
    }),
  reference([x], attrs) {
    const out = new Float64Array(x.data.length);
    for (const row of groups(x.shape, [attrs.axis as number])) {
      row.reduce((sum, i) => out[i] = sum + x.data[i], 0);
    }
    return out;
  },
  // dx is the sum of the dy that follow.
  grad(b, node, dy) {
    const axis = node.attrs.axis as number;
    return [flip(b, b.node(cumsumOp, [flip(b, dy, axis)], { axis }), axis)];
  },
  samples: [
    sample([float([3, 4])], { axis: 1 }),
    sample([float([2, 3, 2])], { axis: 1 }),
    sample([float([5])], { axis: 0 }),
  ],
};

/** Running sums along the last axis: x times the ones at and above the diagonal. */
function summed(b: Builder, x: Node): Node {
  const { shape } = x.type;
  const n = shape[shape.length - 1];
  const lead = shape.slice(0, -1);
  const triangle = transpose(b, cast(b, causalMask(b, n, n), "f32"));
  const rows = reshape(b, x, lead.length === 0 ? [1, n] : shape);
  const product = matmul(b, rows, expand(b, triangle, [...lead.slice(0, -1), n, n]));
  return reshape(b, product, shape);
}

export const cumsum: LibraryFunction = {
  name: "cumsum",
  params: [tensor("x"), { name: "axis", type: "axis" }],
  class: "full",
  doc: "Running sums along an axis, in f32",
  build(b, args) {
    const x = toFloat(b, tensorArg(b, args, "x"));
    return b.node(cumsumOp, [x], { axis: axisIn(args.axis, x.type.shape.length, 1) });
  },
};
