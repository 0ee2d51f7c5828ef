import { isFloat } from "../core/dtype.ts";
import type { Dim } from "../core/shape.ts";
import { sizeOf, subDim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { CompositeOp, TensorType } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { toFloat } from "./apply.ts";
import { div, mul, sub } from "./arithmetic.ts";
import { axesOf, REDUCE_SAMPLES, reduceSum, spread } from "./broadcast.ts";
import { groups, inF32, total } from "./composite.ts";
import { reducing } from "./reduce.ts";

/** Mean and variance: reductions that know how many elements they took. */

function reduced(name: string, [x]: readonly TensorType[], axes: readonly number[]): TensorType {
  if (!isFloat(x.dtype)) throw new OpError(`${name} takes floats, not ${x.dtype}`, { input: 0 });
  if (axes.some((a, i) => !(a >= 0 && a < x.shape.length) || (i > 0 && a <= axes[i - 1]))) {
    throw new OpError(`${name} over axes [${axes}] of a rank-${x.shape.length} tensor`);
  }
  return { dtype: x.dtype, shape: x.shape.filter((_: unknown, i: number) => !axes.includes(i)) };
}

/** How many elements of a node's input go into one of the result. */
function countIn(node: Node): Dim {
  return sizeOf(axesOf(node).map((a) => node.inputs[0].type.shape[a]));
}

/** Σx/n over attrs.axes. */
export const meanOp: CompositeOp = {
  kind: "composite",
  name: "mean",
  class: "full",
  type: (inputs, attrs) => reduced("mean", inputs, attrs.axes as readonly number[]),
  decompose: (b, node) => inF32(b, node, ([x]) => div(b, reduceSum(b, x, axesOf(node)), countIn(node))),
  reference: ([x], attrs) => {
    const rows = groups(x.shape, attrs.axes as readonly number[]);
    return Float64Array.from(rows, (row) => total(row.map((i) => x.data[i])) / row.length);
  },
  grad: (b, node, dy) => [spread(b, div(b, dy, countIn(node)), node)],
  samples: REDUCE_SAMPLES,
};

export function meanOf(b: Builder, x: Node, axes: readonly number[]): Node {
  return b.node(meanOp, [x], { axes });
}

export const mean = reducing(
  "mean",
  "full",
  "The mean over the axes, in f32; of bools the share that holds",
  (b, x, axes) => meanOf(b, toFloat(b, x), axes),
  { note: "Autocast gives the input's dtype; here a mean is as exact as the sum that it is made of." },
);

/** Σ(x−mean)²/(n−correction) over attrs.axes, in two passes. */
export const varOp: CompositeOp = {
  kind: "composite",
  name: "var",
  class: "full",
  type: (inputs, attrs) => reduced("var", inputs, attrs.axes as readonly number[]),
  decompose: (b, node) =>
    inF32(b, node, ([x]) => {
      const d = centred(b, x, axesOf(node));
      return div(b, reduceSum(b, mul(b, d, d), axesOf(node)), freedom(node));
    }),
  reference([x], attrs) {
    const rows = groups(x.shape, attrs.axes as readonly number[]);
    return Float64Array.from(rows, (row) => {
      const mean = total(row.map((i) => x.data[i])) / row.length;
      return total(row.map((i) => (x.data[i] - mean) ** 2)) / (row.length - (attrs.correction as number));
    });
  },
  // ∂/∂xᵢ = 2(xᵢ−mean)/(n−correction): the mean's own share sums to zero.
  grad(b, node, dy) {
    const d = centred(b, node.inputs[0], axesOf(node));
    return [mul(b, d, spread(b, div(b, mul(b, dy, 2), freedom(node)), node))];
  },
  samples: REDUCE_SAMPLES.map((s) => ({ ...s, attrs: { ...s.attrs, correction: 1 } })),
};

/** What a sum of squares is divided by. */
const freedom = (node: Node) => subDim(countIn(node), node.attrs.correction as number);

function centred(b: Builder, x: Node, axes: readonly number[]): Node {
  const m = meanOf(b, x, axes);
  return sub(b, x, spread(b, m, m));
}

export const variance = reducing(
  "var",
  "full",
  "The variance over the axes, in f32, divided by n − 1, or by n with unbiased: false",
  (b, x, axes, args) => b.node(varOp, [toFloat(b, x)], { axes, correction: args.unbiased === false ? 0 : 1 }),
  {
    extra: [{ name: "unbiased", type: "bool", default: true }],
    note: "Autocast squares in the input's dtype, where f16 overflows at 256.",
  },
);
