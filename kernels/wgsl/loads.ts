import { type Expr, operands } from "../../compiler/core/expr.ts";
import { LaneAnalysis, type Load } from "./lanes.ts";

/** The different loads under some expressions. */
export function loadsOf(roots: readonly Expr[]): Load[] {
  const found: Load[] = [], seen = new Set<Expr>();
  const visit = (x: Expr) => {
    if (seen.has(x)) return;
    seen.add(x);
    if (x.e === "load") found.push(x);
    operands(x).forEach(visit);
  };
  roots.forEach(visit);
  return found;
}

/** How many loads go to the next element as an axis goes to its next coordinate. */
export function loadsAlong(axis: number, roots: readonly Expr[]): number {
  const analysis = new LaneAnalysis(axis, 1, true, true);
  return loadsOf(roots).filter((l) => analysis.step(l.index) === 1).length;
}
