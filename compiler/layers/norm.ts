import { dimsIn } from "../ops/rearrange.ts";
import { layerNorm, RMS_EPS, rmsNorm } from "../ops/norm.ts";
import { toFloat } from "../ops/apply.ts";
import type { Node } from "../ir/graph.ts";
import type { Param } from "../ops/library.ts";
import { fill } from "./init.ts";
import type { Layer, Weight } from "./layer.ts";

const AFFINE: Param = { name: "elementwise_affine", type: "bool", default: true };

/** torch.nn.LayerNorm; weight starts at 1, bias at 0. */
export const LayerNorm: Layer = {
  name: "LayerNorm",
  doc:
    "(x − mean)/√(var + eps) over the last axes, whose shape is normalized_shape, times weight plus bias; in f32",
  params: [
    { name: "normalized_shape", type: "sizes" },
    { name: "eps", type: "float", default: 1e-5 },
    AFFINE,
    { name: "bias", type: "bool", default: true },
  ],
  inputs: [{ name: "x", type: "tensor" }],
  weights(args): readonly Weight[] {
    const shape = dimsIn(args.normalized_shape);
    if (args.elementwise_affine === false) return [];
    const weight = { name: "weight", shape, init: fill(1) };
    return args.bias === false ? [weight] : [weight, { name: "bias", shape, init: fill(0) }];
  },
  build: (b, args, { weight, bias }, { x }) =>
    layerNorm(b, toFloat(b, x as Node), dimsIn(args.normalized_shape), args.eps as number, weight, bias),
};

/** torch.nn.RMSNorm; weight starts at 1. */
export const RMSNorm: Layer = {
  name: "RMSNorm",
  doc: "x/√(mean(x²) + eps) over the last axes, whose shape is normalized_shape, times weight; in f32",
  params: [
    { name: "normalized_shape", type: "sizes" },
    { name: "eps", type: "float", default: RMS_EPS },
    AFFINE,
  ],
  inputs: [{ name: "x", type: "tensor" }],
  weights: (args) =>
    args.elementwise_affine === false
      ? []
      : [{ name: "weight", shape: dimsIn(args.normalized_shape), init: fill(1) }],
  build: (b, args, { weight }, { x }) =>
    rmsNorm(b, toFloat(b, x as Node), dimsIn(args.normalized_shape), args.eps as number, weight),
};
