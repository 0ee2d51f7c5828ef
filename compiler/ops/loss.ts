import { isFloat } from "../core/dtype.ts";
import { prim } from "../core/expr.ts";
import type { Attrs, MapOp } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import type { OpFunction } from "./apply.ts";
import { apply, tensor, tensorArg, toFloat } from "./apply.ts";
import { elementwise } from "./define.ts";
import type { Param } from "./library.ts";
import { reduceLoss, REDUCTION, reductionIn } from "./reduction.ts";

/** Losses that are a sum or a mean of an expression of each prediction and its target, after torch.nn.functional. */

interface LossInfo {
  readonly doc: string;
  readonly params?: readonly Param[];
  readonly note?: string;
}

/** The library function of an elementwise loss: both in f32, broadcast, and reduced. */
function lossOf(op: MapOp, info: LossInfo): OpFunction {
  const own = info.params ?? [];
  return {
    op,
    name: op.name,
    params: [tensor("input"), tensor("target"), ...own, REDUCTION],
    class: "full",
    note: info.note,
    doc: info.doc,
    build(b, args) {
      const [input, target] = ["input", "target"].map((n) => toFloat(b, tensorArg(b, args, n)));
      const [rank, other] = [input, target].map((n) => n.type.shape.length);
      if (rank !== other && rank > 0 && other > 0) {
        // PyTorch warns: [N, 1] against [N] silently makes [N, N] losses.
        throw new OpError(`${op.name} compares tensors of one rank`, {
          expected: showType(input.type),
          found: showType(target.type),
          input: 1,
        });
      }
      const attrs: Attrs = Object.fromEntries(own.map((p) => [p.name, args[p.name] as number]));
      return reduceLoss(b, apply(b, op, [input, target], attrs), reductionIn(args, 2 + own.length));
    },
  };
}

const pair = { class: "full", arity: 2, accepts: isFloat } as const;

export const mse = lossOf(
  elementwise({
    ...pair,
    name: "mse",
    expr: (x, y) => prim("mul", prim("sub", x, y), prim("sub", x, y)),
  }),
  { doc: "The mean of (input − target)², in f32" },
);
