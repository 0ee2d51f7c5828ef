import { isFloat } from "../core/dtype.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Attrs, CompositeOp, RefTensor, Sample, TensorType } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { apply, tensor, tensorArg, toFloat } from "./apply.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { reduceSum } from "./broadcast.ts";
import { groups, inF32, total } from "./composite.ts";
import type { LibraryFunction } from "./library.ts";
import { amaxOp, axisIn, reducing } from "./reduce.ts";
import { float, sample } from "./sample.ts";
import { exp, log } from "./transcendental.ts";
import { reshape } from "./view.ts";

/** Softmax and its logarithms along one axis, shifted by the largest element so that no exponential overflows. */

const axisOf = (node: Node) => node.attrs.axis as number;

/** A reduction over one axis, which is kept as 1 so that it broadcasts against `x`. */
function kept(b: Builder, y: Node, x: Node, axes: readonly number[]): Node {
  return reshape(b, y, x.type.shape.map((d, i) => axes.includes(i) ? 1 : d));
}

const sumKept = (b: Builder, x: Node, axes: readonly number[]) => kept(b, reduceSum(b, x, axes), x, axes);
const maxKept = (b: Builder, x: Node, axes: readonly number[]) =>
  kept(b, b.node(amaxOp, [x], { axes }), x, axes);
const expOf = (b: Builder, x: Node) => apply(b, exp.op, [x]);
const logOf = (b: Builder, x: Node) => apply(b, log.op, [x]);

function alongAxis(name: string): (inputs: readonly TensorType[], attrs: Attrs) => TensorType {
  return ([x], attrs) => {
    const axis = attrs.axis as number;
    if (!isFloat(x.dtype) || !(axis >= 0 && axis < x.shape.length)) {
      throw new OpError(`${name} takes floats and one of their axes`, { input: 0 });
    }
    return x;
  };
}

const SAMPLES: readonly Sample[] = [
  sample([float([3, 4])], { axis: 1 }),
  sample([float([2, 3, 2])], { axis: 1 }),
];

/** Rows of x along an axis, mapped to rows of the same length. */
function mapRows(x: RefTensor, axis: number, f: (row: readonly number[]) => readonly number[]): Float64Array {
  const out = new Float64Array(x.data.length);
  for (const at of groups(x.shape, [axis])) {
    f(at.map((i) => x.data[i])).forEach((v, k) => out[at[k]] = v);
  }
  return out;
}

function logSumExp(row: readonly number[]): number {
  const m = row.reduce((a, v) => Math.max(a, v), -Infinity);
  return m + Math.log(total(row.map((v) => Math.exp(v - m))));
}

/** e^x / Σe^x along attrs.axis. */
export const softmaxOp: CompositeOp = {
  kind: "composite",
  name: "softmax",
  class: "full",
  type: alongAxis("softmax"),
  decompose: (b, node) =>
    inF32(b, node, ([x]) => {
      const axes = [axisOf(node)];
      const e = expOf(b, sub(b, x, maxKept(b, x, axes)));
      return div(b, e, sumKept(b, e, axes));
    }),
  reference: ([x], attrs) =>
    mapRows(x, attrs.axis as number, (row) => {
      const lse = logSumExp(row);
      return row.map((v) => Math.exp(v - lse));
    }),
  // dx = y(dy − Σ y·dy)
  grad: (b, node, dy) => [
    mul(b, node, sub(b, dy, sumKept(b, mul(b, dy, node), [axisOf(node)]))),
  ],
  samples: SAMPLES,
};

/** x − log Σe^x along attrs.axis. */
export const logSoftmaxOp: CompositeOp = {
  kind: "composite",
  name: "log_softmax",
  class: "full",
  type: alongAxis("log_softmax"),
  decompose: (b, node) =>
    inF32(b, node, ([x]) => {
      const axes = [axisOf(node)];
      const shifted = sub(b, x, maxKept(b, x, axes));
      return sub(b, shifted, logOf(b, sumKept(b, expOf(b, shifted), axes)));
    }),
  reference: ([x], attrs) =>
    mapRows(x, attrs.axis as number, (row) => {
      const lse = logSumExp(row);
      return row.map((v) => v - lse);
    }),
  // dx = dy − softmax(x)·Σdy
  grad: (b, node, dy) => [sub(b, dy, mul(b, expOf(b, node), sumKept(b, dy, [axisOf(node)])))],
  samples: SAMPLES,
};

/** log Σe^x over attrs.axes. */
export const logSumExpOp: CompositeOp = {
  kind: "composite",
  name: "logsumexp",
  class: "full",
  type([x], attrs) {
    const axes = attrs.axes as readonly number[];
    if (!isFloat(x.dtype)) throw new OpError(`logsumexp takes floats, not ${x.dtype}`, { input: 0 });
    return { dtype: x.dtype, shape: x.shape.filter((_, i) => !axes.includes(i)) };
  },
  decompose: (b, node) =>
    inF32(b, node, ([x]) => {
      const axes = node.attrs.axes as readonly number[];
      const m = maxKept(b, x, axes);
      const sum = reduceSum(b, expOf(b, sub(b, x, m)), axes);
      return add(b, reshape(b, m, sum.type.shape), logOf(b, sum));
    }),
  reference: ([x], attrs) =>
    Float64Array.from(
      groups(x.shape, attrs.axes as readonly number[]),
      (row) => logSumExp(row.map((i) => x.data[i])),
    ),
  // dx = e^(x − y)·dy
  grad(b, node, dy) {
    const [x] = node.inputs;
    const axes = node.attrs.axes as readonly number[];
    return [mul(b, expOf(b, sub(b, x, kept(b, node, x, axes))), kept(b, dy, x, axes))];
  },
  samples: [
    sample([float([3, 4])], { axes: [1] }),
    sample([float([2, 3, 2])], { axes: [0, 2] }),
  ],
};

function overAxis(op: CompositeOp, doc: string): LibraryFunction {
  return {
    name: op.name,
    params: [tensor("x"), { name: "axis", type: "axis", default: -1 }],
    class: "full",
    doc,
    build(b, args) {
      const x = toFloat(b, tensorArg(b, args, "x"));
      return b.node(op, [x], { axis: axisIn(args.axis, x.type.shape.length, 1) });
    },
  };
}

export const softmax = overAxis(softmaxOp, "eˣ / Σeˣ along an axis, the last one unless given, in f32");
export const logSoftmax = overAxis(
  logSoftmaxOp,
  "x − log Σeˣ along an axis, the last one unless given, in f32",
);
export const logsumexp = reducing(
  "logsumexp",
  "full",
  "log Σeˣ over the axes, in f32",
  (b, x, axes) => b.node(logSumExpOp, [toFloat(b, x)], { axes }),
);
