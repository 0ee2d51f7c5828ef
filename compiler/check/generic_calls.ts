import { DimError, evaluateDim, Poly, symbolsOf } from "../core/shape.ts";
import type { Dim } from "../core/shape.ts";
import { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError } from "../ir/op.ts";
import type { Args, ArgValue } from "../ops/library.ts";
import { inputNode } from "../ops/leaf.ts";
import type { Env } from "./context.ts";

/**
 * A declaration that nothing makes is checked with symbols for its formals. A type rule that refuses such sizes may
 * accept numbers, so a refusal counts only where it stands for every trial: all sizes one, all alike, and sizes that
 * divide each other, first formals the largest.
 */
const TRIALS: readonly ((i: number) => number)[] = [
  () => 1,
  () => 5040,
  (i) => [5040, 12, 6, 2, 1][i] ?? 1,
  (i) => [720, 5040, 12, 6, 2][i] ?? 1,
];

/** Whether some sizes make the call fit; `build` is given the records with numbers for symbols. */
export function couldFit(
  env: Env,
  records: readonly Args[],
  build: (b: Builder, records: Args[]) => unknown,
): boolean {
  const { generic } = env.session;
  const names = new Set<string>();
  for (const r of records) for (const v of Object.values(r)) collect(v, names);
  if (![...names].some((n) => generic.has(n))) return false;
  const open = [...generic].filter((n) => names.has(n));
  return TRIALS.some((size) => {
    const sizes = new Map([...names].map((n) => [n, size(open.indexOf(n) < 0 ? 4 : open.indexOf(n))]));
    try {
      build(new Builder({ why: "trial" }, env.region), records.map((r) => bindArgs(r, sizes)));
      return true;
    } catch (error) {
      if (error instanceof OpError || error instanceof DimError) return false;
      throw error;
    }
  });
}

const isNode = (v: unknown): v is Node => typeof v === "object" && v !== null && "op" in v;

function collect(v: ArgValue, names: Set<string>): void {
  if (Array.isArray(v)) { for (const x of v) collect(x, names); }
  else if (isNode(v)) { for (const d of v.type.shape) for (const s of symbolsOf(d)) names.add(s); }
  else if (v instanceof Poly) { for (const s of symbolsOf(v)) names.add(s); }
}

function bindArgs(args: Args, sizes: ReadonlyMap<string, number>): Args {
  return Object.fromEntries(Object.entries(args).map(([k, v]) => [k, bindArg(v, sizes)]));
}

function bindArg(v: ArgValue, sizes: ReadonlyMap<string, number>): ArgValue {
  if (Array.isArray(v)) return v.map((x) => bindArg(x, sizes)) as ArgValue;
  const size = (d: Dim) => evaluateDim(d, sizes);
  if (isNode(v)) return inputNode(new Builder(), "trial", v.type.dtype, v.type.shape.map(size));
  return v instanceof Poly ? size(v) : v;
}
