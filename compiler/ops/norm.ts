import { isFloat } from "../core/dtype.ts";
import type { Dim, Shape } from "../core/shape.ts";
import { eqShape, showShape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Attrs, CompositeOp, RefTensor, Sample, TensorType } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { apply, isNode, tensor, tensorArg, toFloat } from "./apply.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { reduceSum } from "./broadcast.ts";
import { groups, inF32, total } from "./composite.ts";
import type { Args, LibraryFunction, Param } from "./library.ts";
import { meanOf, varOp } from "./moments.ts";
import { dimsIn } from "./rearrange.ts";
import { float, sample } from "./sample.ts";
import { rsqrt, squareOp } from "./transcendental.ts";
import { reshape } from "./view.ts";

/**
 * Normalisation over the last attrs.axes axes, with a weight and a bias of those axes' shape where they are given;
 * torch.nn.functional.layer_norm and rms_norm.
 */

const countOf = (node: Node) => node.attrs.axes as number;

/** The axes normalised over, from the front. */
function axesIn(node: Node): number[] {
  const rank = node.type.shape.length;
  return Array.from({ length: countOf(node) }, (_, i) => rank - countOf(node) + i);
}

/** The other axes, over which the gradients of weight and bias are summed. */
function leadIn(node: Node): number[] {
  return Array.from({ length: node.type.shape.length - countOf(node) }, (_, i) => i);
}

/** A reduction over the normalised axes, with those kept as 1. */
function kept(b: Builder, y: Node, node: Node): Node {
  return reshape(
    b,
    y,
    node.type.shape.map((d, i): Dim => i < node.type.shape.length - countOf(node) ? d : 1),
  );
}

function normType(name: string, [x, ...affine]: readonly TensorType[], attrs: Attrs): TensorType {
  const count = attrs.axes as number;
  if (!isFloat(x.dtype) || !(count >= 1 && count <= x.shape.length)) {
    throw new OpError(`${name} takes floats, and normalises over at least one axis`, {
      found: showType(x),
      input: 0,
    });
  }
  const shape = x.shape.slice(x.shape.length - count);
  affine.forEach((t, i) => {
    if (t.dtype !== x.dtype || !eqShape(t.shape, shape)) {
      throw new OpError(`the ${i === 0 ? "weight" : "bias"} of ${name} does not fit the axes it normalises`, {
        expected: showType({ dtype: x.dtype, shape }),
        found: showType(t),
        input: i + 1,
      });
    }
  });
  return x;
}

/** Each run of normalised elements mapped by `f`, then scaled and shifted elementwise. */
function normalised(
  [x, weight, bias]: readonly RefTensor[],
  attrs: Attrs,
  f: (row: readonly number[]) => readonly number[],
): Float64Array {
  const rank = x.shape.length, count = attrs.axes as number;
  const out = new Float64Array(x.data.length);
  for (const at of groups(x.shape, Array.from({ length: count }, (_, i) => rank - count + i))) {
    f(at.map((i) => x.data[i])).forEach((v, k) => {
      out[at[k]] = v * (weight ? weight.data[k] : 1) + (bias ? bias.data[k] : 0);
    });
  }
  return out;
}

const rootOf = (b: Builder, meanSquare: Node, eps: number) => apply(b, rsqrt.op, [add(b, meanSquare, eps)]);
const epsOf = (node: Node) => node.attrs.eps as number;

/** x̂ = (x − mean)·rstd and rstd, over the normalised axes. */
function standardised(b: Builder, x: Node, node: Node): { hat: Node; rstd: Node } {
  const axes = axesIn(node);
  const centred = sub(b, x, kept(b, meanOf(b, x, axes), node));
  const variance = b.node(varOp, [x], { axes, correction: 0 });
  const rstd = rootOf(b, kept(b, variance, node), epsOf(node));
  return { hat: mul(b, centred, rstd), rstd };
}

const SHAPES: readonly Sample[] = [
  sample([float([3, 4]), float([4]), float([4])], { axes: 1, eps: 1e-5 }),
  sample([float([2, 3, 2]), float([3, 2])], { axes: 2, eps: 0.1 }),
  sample([float([2, 2, 3])], { axes: 1, eps: 1e-5 }),
];

export const layerNormOp: CompositeOp = {
  kind: "composite",
  name: "layer_norm",
  class: "full",
  type: (inputs, attrs) => normType("layer_norm", inputs, attrs),
  decompose: (b, node) =>
    inF32(b, node, ([x, weight, bias]) => {
      const { hat } = standardised(b, x, node);
      const scaled = weight ? mul(b, hat, weight) : hat;
      return bias ? add(b, scaled, bias) : scaled;
    }),
  reference: (inputs, attrs) =>
    normalised(inputs, attrs, (row) => {
      const mean = total(row) / row.length;
      const variance = total(row.map((v) => (v - mean) ** 2)) / row.length;
      return row.map((v) => (v - mean) / Math.sqrt(variance + (attrs.eps as number)));
    }),
  // With g = dy·weight: dx = rstd·(g − mean g − x̂·mean(g·x̂)), dweight = Σ dy·x̂, dbias = Σ dy.
  grad(b, node, dy) {
    const [x, weight, bias] = node.inputs;
    const { hat, rstd } = standardised(b, x, node);
    const g = weight ? mul(b, dy, weight) : dy;
    const mean = (v: Node) => kept(b, meanOf(b, v, axesIn(node)), node);
    const inner = sub(b, sub(b, g, mean(g)), mul(b, hat, mean(mul(b, g, hat))));
    const dx = mul(b, rstd, inner);
    const lead = leadIn(node);
    const dweight = weight && reduceSum(b, mul(b, dy, hat), lead);
    return [dx, dweight, bias && reduceSum(b, dy, lead)].slice(0, node.inputs.length);
  },
  samples: SHAPES,
};

export const rmsNormOp: CompositeOp = {
  kind: "composite",
  name: "rms_norm",
  class: "full",
  type: (inputs, attrs) => normType("rms_norm", inputs, attrs),
  decompose: (b, node) =>
    inF32(b, node, ([x, weight]) => {
      const hat = mul(b, x, inverseRms(b, x, node));
      return weight ? mul(b, hat, weight) : hat;
    }),
  reference: (inputs, attrs) =>
    normalised(inputs, attrs, (row) => {
      const meanSquare = total(row.map((v) => v * v)) / row.length;
      return row.map((v) => v / Math.sqrt(meanSquare + (attrs.eps as number)));
    }),
  // With g = dy·weight and r = 1/rms: dx = r·(g − x·r²·mean(g·x)), dweight = Σ dy·x·r.
  grad(b, node, dy) {
    const [x, weight] = node.inputs;
    const r = inverseRms(b, x, node);
    const g = weight ? mul(b, dy, weight) : dy;
    const hat = mul(b, x, r);
    const mean = kept(b, meanOf(b, mul(b, g, hat), axesIn(node)), node);
    const dx = mul(b, r, sub(b, g, mul(b, hat, mean)));
    return weight ? [dx, reduceSum(b, mul(b, dy, hat), leadIn(node))] : [dx];
  },
  samples: SHAPES.map((s) => ({ ...s, inputs: s.inputs.slice(0, 2) })),
};

function inverseRms(b: Builder, x: Node, node: Node): Node {
  const square = apply(b, squareOp, [x]);
  return rootOf(b, kept(b, meanOf(b, square, axesIn(node)), node), epsOf(node));
}

const SHAPE: Param = { name: "normalized_shape", type: "sizes", optional: true };
const optional = (name: string): Param => ({ name, type: "tensor", optional: true });

/** x normalised over its last axes, whose shape must be `shape`. */
function norm(
  op: CompositeOp,
  b: Builder,
  x: Node,
  shape: Shape,
  affine: readonly Node[],
  eps: number,
): Node {
  const tail = x.type.shape.slice(Math.max(0, x.type.shape.length - shape.length));
  if (!eqShape(tail, shape)) {
    throw new OpError(`the last axes of the input are not those that ${op.name} normalises over`, {
      expected: `[..., ${showShape(shape).slice(1)}`,
      found: showShape(x.type.shape),
      input: 0,
    });
  }
  return b.node(op, [x, ...affine], { axes: shape.length, eps });
}

export function layerNorm(
  b: Builder,
  x: Node,
  shape: Shape,
  eps: number,
  weight?: Node,
  bias?: Node,
): Node {
  const y = norm(layerNormOp, b, x, shape, weight ? [weight, ...(bias ? [bias] : [])] : [], eps);
  return bias && !weight ? add(b, y, bias) : y;
}

export function rmsNorm(b: Builder, x: Node, shape: Shape, eps: number, weight?: Node): Node {
  return norm(rmsNormOp, b, x, shape, weight ? [weight] : [], eps);
}

/** The axes' shape as given, else the weight's, else that of the last axis. */
function shapeIn(args: Args, x: Node): Shape {
  if (args.normalized_shape !== undefined) return dimsIn(args.normalized_shape);
  return isNode(args.weight) ? args.weight.type.shape : x.type.shape.slice(-1);
}

/** torch.nn.RMSNorm's default for f32: the spacing of numbers at 1. */
export const RMS_EPS = 2 ** -23;

const optionalNode = (args: Args, name: string) => {
  const value = args[name];
  return isNode(value) ? value : undefined;
};

export const layerNormFunction: LibraryFunction = {
  name: "layer_norm",
  params: [tensor("x"), SHAPE, optional("weight"), optional("bias"), {
    name: "eps",
    type: "float",
    default: 1e-5,
  }],
  class: "full",
  doc:
    "(x − mean)/√(var + eps) over the last axes, whose shape is normalized_shape (the weight's, or that of the last axis, unless given), times " +
    "weight plus bias; in f32",
  build(b, args) {
    const x = toFloat(b, tensorArg(b, args, "x"));
    const [weight, bias] = [optionalNode(args, "weight"), optionalNode(args, "bias")];
    return layerNorm(b, x, shapeIn(args, x), args.eps as number, weight, bias);
  },
};

export const rmsNormFunction: LibraryFunction = {
  name: "rms_norm",
  params: [tensor("x"), SHAPE, optional("weight"), { name: "eps", type: "float", default: RMS_EPS }],
  class: "full",
  note: "Autocast squares in the input's dtype, where f16 overflows at 256.",
  doc:
    "x/√(mean(x²) + eps) over the last axes, whose shape is normalized_shape (the weight's, or that of the last axis, unless given), " +
    "times weight; in f32",
  build(b, args) {
    const x = toFloat(b, tensorArg(b, args, "x"));
    return rmsNorm(b, x, shapeIn(args, x), args.eps as number, optionalNode(args, "weight"));
  },
};
