import { isFloat } from "../core/dtype.ts";
import { f32, prim } from "../core/expr.ts";
import { tensor, tensorArg, toFloat } from "./apply.ts";
import { apply } from "./apply.ts";
import { div } from "./arithmetic.ts";
import { reduceSum } from "./broadcast.ts";
import { elementwise } from "./define.ts";
import type { LibraryFunction } from "./library.ts";
import { reduceLoss, reductionIn } from "./reduction.ts";

const PAIR = { class: "full", arity: 2, accepts: isFloat } as const;
const zero = f32(0);
const one = f32(1);

/** t·(log t − x), and −t·x where t is 0. */
export const klDivOp = elementwise({
  ...PAIR,
  name: "kl_div",
  domain: [[-3, -0.2], [0.1, 0.9]],
  expr(x, t) {
    // The logarithm's argument is kept positive where its result is not wanted.
    const positive = prim("gt", t, zero);
    const entropy = prim("mul", t, prim("log", prim("select", positive, t, one)));
    return prim("sub", entropy, prim("mul", t, x));
  },
  derivative: (i, x, t) => i === 0 ? prim("neg", t) : prim("sub", prim("add", prim("log", t), one), x),
});

/** eᵗ·(t − x) of a target given as its logarithm. */
export const klDivLogOp = elementwise({
  ...PAIR,
  name: "kl_div_log",
  domain: [[-3, -0.2], [-3, -0.2]],
  expr: (x, t) => prim("mul", prim("exp", t), prim("sub", t, x)),
});

/** torch.nn.functional.kl_div. */
export const klDiv: LibraryFunction = {
  name: "kl_div",
  params: [
    tensor("input"),
    tensor("target"),
    { name: "reduction", type: "string", default: "mean" },
    { name: "log_target", type: "bool", default: false },
  ],
  class: "full",
  doc:
    "target·(log target − input), in f32, with input a logarithm, and target one too where log_target. The mean is " +
    'over all elements; reduction: "batchmean" divides the sum by the extent of axis 0, which is the divergence.',
  build(b, args) {
    const [input, target] = ["input", "target"].map((n) => toFloat(b, tensorArg(b, args, n)));
    const losses = apply(b, args.log_target === true ? klDivLogOp : klDivOp, [input, target]);
    if (args.reduction !== "batchmean") return reduceLoss(b, losses, reductionIn(args, 2));
    const { shape } = losses.type;
    return div(b, reduceSum(b, losses, shape.map((_, i) => i)), shape[0] ?? 1);
  },
};
