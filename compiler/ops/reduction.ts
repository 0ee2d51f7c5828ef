import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError } from "../ir/op.ts";
import { reduceSum } from "./broadcast.ts";
import type { Args, Param } from "./library.ts";
import { meanOf } from "./moments.ts";

/** What a loss does with its elements, as in torch.nn.functional. */
export type Reduction = "mean" | "sum" | "none";

export const REDUCTION: Param = { name: "reduction", type: "string", default: "mean" };

/** The argument `reduction`; `input` is its index among the function's params. */
export function reductionIn(args: Args, input: number): Reduction {
  const value = args.reduction;
  if (value === "mean" || value === "sum" || value === "none") return value;
  throw new OpError(`a loss has no reduction "${value}"`, { expected: `"mean", "sum" or "none"`, input });
}

/** The mean or the sum over all axes, or the losses themselves. */
export function reduceLoss(b: Builder, losses: Node, reduction: Reduction): Node {
  const axes = losses.type.shape.map((_, i) => i);
  if (reduction === "none") return losses;
  return reduction === "sum" ? reduceSum(b, losses, axes) : meanOf(b, losses, axes);
}
