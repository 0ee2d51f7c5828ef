import { isFloat } from "../core/dtype.ts";
import type { Dim, Shape } from "../core/shape.ts";
import { eqShape, isBound, showShape, sizeOf } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Attrs, CompositeOp } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import type { Operand } from "./apply.ts";
import { tensor, tensorArg, toFloat } from "./apply.ts";
import { add, div, max, mul, neg, sub } from "./arithmetic.ts";
import { reduceSum } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { ne, where } from "./comparison.ts";
import { groups, inF32, total } from "./composite.ts";
import { oneHot, pick } from "./labels.ts";
import { constNode } from "./leaf.ts";
import type { LibraryFunction } from "./library.ts";
import { axisIn } from "./reduce.ts";
import { REDUCTION, reductionIn } from "./reduction.ts";
import { float, ints, sample } from "./sample.ts";
import { logSoftmaxOp, softmaxOp } from "./softmax.ts";
import { unsqueeze } from "./view.ts";

interface CrossEntropyAttrs {
  readonly axis: number;
  readonly label_smoothing: number;
  readonly ignore_index: number;
  readonly reduction: "mean" | "sum" | "none";
}

const attrsOf = (node: Node) => node.attrs as unknown as CrossEntropyAttrs;
const without = (shape: Shape, axis: number) => shape.filter((_, i) => i !== axis);

/** Rows that count: those whose label is not ignore_index. Undefined where targets are probabilities. */
function counted(b: Builder, node: Node): Node | undefined {
  const target = node.inputs[1];
  if (isFloat(target.type.dtype)) return undefined;
  return ne.build(b, {
    x: cast(b, target, "i32"),
    y: constNode(b, attrsOf(node).ignore_index, "i32"),
  }) as Node;
}

/** What a mean divides by: the rows that count, at least 1, so that a batch of ignored rows has loss 0. */
function divisor(b: Builder, node: Node, rows: Node | undefined): Node {
  const shape = without(node.inputs[0].type.shape, attrsOf(node).axis);
  if (!rows) return constNode(b, sizeOf(shape));
  const axes = shape.map((_, i) => i);
  return max(b, reduceSum(b, cast(b, rows, "f32"), axes), 1);
}

/** The distribution that the logits are compared with: smoothed labels or probabilities, shaped as the logits. */
function distribution(b: Builder, node: Node): Node {
  const [x, target] = node.inputs;
  const { axis, label_smoothing: s } = attrsOf(node);
  const classes = x.type.shape[axis];
  const hard = isFloat(target.type.dtype) ? cast(b, target, "f32") : oneHot(b, target, classes, axis);
  return s === 0 ? hard : add(b, mul(b, hard, 1 - s), share(b, s, classes));
}

/** The smoothing that falls to each class. */
function share(b: Builder, smoothing: number, classes: Dim): Operand {
  return isBound(classes) ? smoothing / classes : div(b, constNode(b, smoothing), classes);
}

/**
 * −Σ_c q_c log softmax(x)_c along attrs.axis, with q the labels' or probabilities' distribution mixed with
 * label_smoothing of the uniform one; torch.nn.functional.cross_entropy. Inputs: logits, and labels (integers shaped as
 * the logits without the axis) or probabilities (floats shaped as the logits).
 */
export const crossEntropyOp: CompositeOp = {
  kind: "composite",
  name: "cross_entropy",
  class: "full",
  type([x, target], attrs) {
    const { axis, reduction } = attrs as unknown as CrossEntropyAttrs;
    const rows = without(x.shape, axis);
    if (!isFloat(x.dtype) || !(axis >= 0 && axis < x.shape.length)) {
      throw new OpError("cross_entropy takes float logits and the axis of their classes", {
        found: showType(x),
        input: 0,
      });
    }
    const soft = isFloat(target.dtype);
    if (target.dtype === "bool" || !eqShape(target.shape, soft ? x.shape : rows)) {
      throw new OpError("the targets do not fit the logits", {
        expected: `i32${showShape(rows)} labels, or ${showType(x)} probabilities`,
        found: showType(target),
        input: 1,
      });
    }
    return { dtype: x.dtype, shape: reduction === "none" ? rows : [] };
  },
  decompose: (b, node) =>
    inF32(b, node, ([x, target]) => {
      const { axis, label_smoothing: s, reduction } = attrsOf(node);
      const logp = b.node(logSoftmaxOp, [x], { axis });
      const rows = counted(b, node);
      let losses: Node;
      if (!rows) losses = neg(b, reduceSum(b, mul(b, distribution(b, node), logp), [axis]));
      else {
        const hit = pick(b, logp, where(b, rows, cast(b, target, "i32"), 0), axis);
        const even = s === 0
          ? undefined
          : reduceSum(b, mul(b, logp, share(b, s, x.type.shape[axis])), [axis]);
        losses = where(b, rows, neg(b, even ? add(b, mul(b, hit, 1 - s), even) : hit), 0);
      }
      if (reduction === "none") return losses;
      const sum = reduceSum(b, losses, losses.type.shape.map((_, i) => i));
      return reduction === "sum" ? sum : div(b, sum, divisor(b, node, rows));
    }),
  reference([x, target], attrs) {
    const { axis, label_smoothing: s, ignore_index, reduction } = attrs as unknown as CrossEntropyAttrs;
    const classes = x.shape[axis];
    const losses: number[] = [];
    let count = 0;
    groups(x.shape, [axis]).forEach((at, row) => {
      const label = isFloat(target.dtype) ? undefined : target.data[row];
      if (label === ignore_index) return void losses.push(0);
      count++;
      const m = Math.max(...at.map((i) => x.data[i]));
      const lse = m + Math.log(total(at.map((i) => Math.exp(x.data[i] - m))));
      const q = (c: number) => (label === undefined ? target.data[at[c]] : label === c ? 1 : 0) * (1 - s);
      if (label !== undefined && !(label >= 0 && label < classes)) losses.push(NaN);
      else losses.push(total(at.map((i, c) => (q(c) + s / classes) * (lse - x.data[i]))));
    });
    if (reduction === "none") return Float64Array.from(losses);
    return Float64Array.of(total(losses) / (reduction === "mean" ? Math.max(1, count) : 1));
  },
  // d logits = (softmax(x)·Σq − q)·dy, over the count for a mean; d q = −log softmax(x)·dy.
  grad(b, node, dy) {
    const [x, target] = node.inputs;
    const { axis, label_smoothing: s, reduction } = attrsOf(node);
    const rows = counted(b, node);
    let scale = cast(b, dy, "f32");
    if (reduction === "mean") scale = div(b, scale, divisor(b, node, rows));
    if (rows) scale = where(b, rows, scale, 0);
    if (rows || reduction === "none") scale = unsqueeze(b, scale, axis);
    const x32 = cast(b, x, "f32");
    const q = distribution(b, node);
    const p = b.node(softmaxOp, [x32], { axis });
    if (rows) return [cast(b, mul(b, sub(b, p, q), scale), x.type.dtype), undefined];
    const mass = unsqueeze(b, reduceSum(b, q, [axis]), axis);
    const dq = mul(b, mul(b, b.node(logSoftmaxOp, [x32], { axis }), s - 1), scale);
    return [
      cast(b, mul(b, sub(b, mul(b, p, mass), q), scale), x.type.dtype),
      cast(b, dq, target.type.dtype),
    ];
  },
  samples: crossEntropySamples(),
};

function crossEntropySamples() {
  const attrs = (axis: number, rest: Partial<CrossEntropyAttrs> = {}): Attrs => ({
    axis,
    label_smoothing: 0,
    ignore_index: -100,
    reduction: "mean",
    ...rest,
  });
  return [
    sample([float([3, 4]), ints([3], 0, 3)], attrs(1)),
    sample([float([6, 3]), ints([6], 0, 2)], attrs(1, { ignore_index: 1, label_smoothing: 0.1 })),
    sample([float([2, 3, 2]), ints([2, 2], 0, 2)], attrs(1, { reduction: "none" })),
    sample([float([2, 3]), ints([2], 0, 2)], attrs(1, { reduction: "sum", label_smoothing: 0.2 })),
    sample([float([3, 4]), float([3, 4], [0.1, 0.5])], attrs(1, { label_smoothing: 0.1 })),
    sample([float([3, 2]), float([3, 2], [0.1, 0.5])], attrs(0, { reduction: "none" })),
  ];
}

export const crossEntropy: LibraryFunction = {
  name: "cross_entropy",
  params: [
    tensor("logits"),
    tensor("target"),
    { name: "axis", type: "axis", default: -1 },
    { name: "label_smoothing", type: "float", default: 0 },
    { name: "ignore_index", type: "int", default: -100 },
    REDUCTION,
  ],
  class: "full",
  doc:
    "−log softmax(logits) at the target, in f32. The classes lie on the last axis unless axis: says; target holds " +
    "integer labels, or probabilities shaped as the logits. A mean counts the rows that are not ignore_index, and is " +
    "0 where none counts. A label outside the classes makes the loss NaN.",
  build(b, args) {
    const x = toFloat(b, tensorArg(b, args, "logits"));
    const smoothing = args.label_smoothing as number;
    if (!(smoothing >= 0 && smoothing <= 1)) {
      throw new OpError("label_smoothing is between 0 and 1", { found: String(smoothing), input: 3 });
    }
    return b.node(crossEntropyOp, [x, tensorArg(b, args, "target")], {
      axis: axisIn(args.axis, x.type.shape.length, 2),
      label_smoothing: smoothing,
      ignore_index: args.ignore_index as number,
      reduction: reductionIn(args, 5),
    });
  },
};
