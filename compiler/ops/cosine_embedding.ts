import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError, showType } from "../ir/op.ts";
import { eqShape } from "../core/shape.ts";
import { apply, tensor, tensorArg, toFloat } from "./apply.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { relu } from "./activation.ts";
import { reduceSum } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { gt, where } from "./comparison.ts";
import type { LibraryFunction } from "./library.ts";
import { reduceLoss, REDUCTION, reductionIn } from "./reduction.ts";
import { sqrt } from "./transcendental.ts";

/** PyTorch's, added to each squared norm. */
const EPS = 1e-12;

/** The cosine of the angle between rows along the last axis, f32. */
function cosine(b: Builder, x: Node, y: Node): Node {
  const dot = (p: Node, q: Node) => reduceSum(b, mul(b, p, q), [p.type.shape.length - 1]);
  const squares = mul(b, add(b, dot(x, x), EPS), add(b, dot(y, y), EPS));
  return div(b, dot(x, y), apply(b, sqrt.op, [squares]));
}

/** torch.nn.functional.cosine_embedding_loss. */
export const cosineEmbedding: LibraryFunction = {
  name: "cosine_embedding",
  params: [
    tensor("x"),
    tensor("y"),
    tensor("target"),
    { name: "margin", type: "float", default: 0 },
    REDUCTION,
  ],
  class: "full",
  doc:
    "1 − cos(x, y) where the target is 1, max(0, cos(x, y) − margin) where it is −1, in f32; rows along the last axis",
  build(b, args) {
    const [x, y] = ["x", "y"].map((n) => cast(b, toFloat(b, tensorArg(b, args, n)), "f32"));
    const target = tensorArg(b, args, "target");
    if (!eqShape(x.type.shape, y.type.shape) || x.type.shape.length === 0) {
      throw new OpError("cosine_embedding compares rows of two tensors of one shape", {
        expected: showType(x.type),
        found: showType(y.type),
        input: 1,
      });
    }
    if (!eqShape(target.type.shape, x.type.shape.slice(0, -1))) {
      throw new OpError("cosine_embedding takes one target a row", {
        found: showType(target.type),
        input: 2,
      });
    }
    const cos = cosine(b, x, y);
    const same = gt.build(b, { x: target, y: 0 }) as Node;
    const apart = apply(b, relu.op, [sub(b, cos, args.margin as number)]);
    return reduceLoss(b, where(b, same, sub(b, 1, cos), apart), reductionIn(args, 4));
  },
};
