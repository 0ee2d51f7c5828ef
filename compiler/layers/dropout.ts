import type { Node } from "../ir/graph.ts";
import { toFloat } from "../ops/apply.ts";
import { dropout } from "../ops/dropout.ts";
import type { Layer } from "./layer.ts";

/** torch.nn.Dropout. */
export const Dropout: Layer = {
  name: "Dropout",
  doc:
    "While training, zero with probability p and x/(1 − p) otherwise; x itself in evaluation and prediction",
  params: [{ name: "p", type: "float", default: 0.5 }],
  inputs: [{ name: "x", type: "tensor" }],
  weights: () => [],
  build: (b, args, _, { x }) => dropout(b, toFloat(b, x as Node), args.p as number),
};
