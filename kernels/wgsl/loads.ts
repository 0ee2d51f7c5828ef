import { type Expr, loadsOf } from "../../compiler/core/expr.ts";
import { LaneAnalysis } from "./lanes.ts";

/** Invocations whose loads the hardware serves together. */
const TOGETHER = 32;

/**
 * What the loads cost neighbouring invocations that take neighbouring coordinates of an axis, in memory transactions
 * of consecutive elements: none for what is the same for all of them, up to one each where their elements lie far apart.
 */
export function transactionsAlong(axis: number, roots: readonly Expr[]): number {
  const analysis = new LaneAnalysis(axis, 1, true, true);
  return loadsOf(roots).reduce((sum, l) => {
    const step = analysis.step(l.index);
    return sum + (step === undefined ? TOGETHER : Math.min(TOGETHER, Math.abs(step)));
  }, 0);
}
