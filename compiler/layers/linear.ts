import type { Node } from "../ir/graph.ts";
import type { Dim } from "../core/shape.ts";
import { isBound } from "../core/shape.ts";
import { linear } from "../ops/linear.ts";
import { toFloat } from "../ops/apply.ts";
import { uniform } from "./init.ts";
import type { Layer } from "./layer.ts";

/** torch.nn.Linear: y = x·weightᵀ + bias, weight [out, in]; both start uniform in ±1/√in. */
export const Linear: Layer = {
  name: "Linear",
  doc: "x · weightᵀ + bias over the last axis: [..., in_features] to [..., out_features]",
  params: [
    { name: "in_features", type: "int" },
    { name: "out_features", type: "int" },
    { name: "bias", type: "bool", default: true },
  ],
  inputs: [{ name: "x", type: "tensor" }],
  weights(args) {
    const k = args.in_features as Dim;
    const n = args.out_features as Dim;
    // A size that is not bound is never filled: the model is only checked.
    const width = isBound(k) ? 1 / Math.sqrt(k) : 1;
    const init = uniform(-width, width);
    const weight = { name: "weight", shape: [n, k], init };
    return args.bias === false ? [weight] : [weight, { name: "bias", shape: [n], init }];
  },
  build: (b, _, weights, { x }) => linear(b, toFloat(b, x as Node), weights.weight, weights.bias),
};
