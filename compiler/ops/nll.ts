import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError, showType } from "../ir/op.ts";
import { tensor, tensorArg, toFloat } from "./apply.ts";
import { div, max, neg } from "./arithmetic.ts";
import { reduceSum } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { ne, where } from "./comparison.ts";
import { pick } from "./labels.ts";
import { constNode } from "./leaf.ts";
import type { LibraryFunction } from "./library.ts";
import { axisIn } from "./reduce.ts";
import { reduceLoss, REDUCTION, reductionIn } from "./reduction.ts";

/** torch.nn.functional.nll_loss, with the classes on the last axis as in cross_entropy. */
export const nll: LibraryFunction = {
  name: "nll",
  params: [
    tensor("input"),
    tensor("target"),
    { name: "axis", type: "axis", default: -1 },
    { name: "ignore_index", type: "int", default: -100 },
    REDUCTION,
  ],
  class: "full",
  doc:
    "−input at the label, in f32, with input the logarithms of probabilities. A mean counts the rows that are not " +
    "ignore_index, and is 0 where none counts. A label outside the classes makes the loss NaN.",
  build(b, args) {
    const x = cast(b, toFloat(b, tensorArg(b, args, "input")), "f32");
    const labels = tensorArg(b, args, "target");
    if (labels.type.dtype !== "i32" && labels.type.dtype !== "u8" && labels.type.dtype !== "u32") {
      throw new OpError("nll takes integer labels", { found: showType(labels.type), input: 1 });
    }
    const axis = axisIn(args.axis, x.type.shape.length, 2);
    const target = cast(b, labels, "i32");
    const counts = isNot(b, target, args.ignore_index as number);
    const losses = where(b, counts, neg(b, pick(b, x, where(b, counts, target, 0), axis)), 0);
    const reduction = reductionIn(args, 4);
    if (reduction !== "mean") return reduceLoss(b, losses, reduction);
    const axes = losses.type.shape.map((_, i) => i);
    const count = reduceSum(b, cast(b, counts, "f32"), axes);
    return div(b, reduceSum(b, losses, axes), max(b, count, 1));
  },
};

function isNot(b: Builder, labels: Node, value: number): Node {
  return ne.build(b, { x: labels, y: constNode(b, value, "i32") }) as Node;
}
