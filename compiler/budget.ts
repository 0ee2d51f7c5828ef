import type { TypedProgram } from "./check/typed.ts";
import { showBytes } from "./core/bytes.ts";
import { DiagnosticError } from "./core/diagnostic.ts";
import type { Program, Recomputed, StateLayout } from "./core/program.ts";
import type { Graph } from "./ir/graph.ts";
import { nodesOf } from "./ir/graph.ts";
import { memoryPlan } from "./memory.ts";
import { AGAIN } from "./passes/recompute.ts";
import type { Move, SegmentChoice } from "./passes/segments.ts";
import { choose, movesOf, segmentCounts, segmentName } from "./passes/segments.ts";

/** Cuts of the forward pass that are tried where the first does not fit. */
const CUTS = 4;

export interface BudgetRequest {
  /** Bytes that the Program and its State may take together. */
  readonly limit: number;
  readonly state: StateLayout;
  readonly source: TypedProgram;
  /** The forward pass with its casts; absent where there is no backward pass to compute anything again in. */
  readonly forward: (() => Graph) | undefined;
  /** The Program with what was chosen computed again. */
  readonly make: (choice: SegmentChoice | undefined) => Program;
}

/**
 * A Program that stays within a limit of memory: as it is where it does, else with segments of its forward pass computed
 * again in the backward pass, as few as do, those first that save the most bytes for the least work. Sizes are those of
 * the finished plan. Throws DiagnosticError (MPT0607) where the limit is out of reach.
 */
export function withinBudget({ limit, state, source, forward, make }: BudgetRequest): Program {
  const bytes = (p: Program) => memoryPlan(p, state).total;
  let best = make(undefined);
  const excess = bytes(best) - limit;
  if (excess <= 0) return best;
  const graph = forward?.();
  if (graph) {
    for (const count of segmentCounts(graph).slice(0, CUTS)) {
      const moves = movesOf(graph, count);
      const first = (k: number) => make(choose(count, moves.slice(0, k)));
      let least: Program | undefined;
      // The fewest moves that fit, from what they should save: low do not, high do.
      let low = 0, high = moves.length + 1;
      let next = enough(moves, excess);
      while (high - low > 1) {
        const program = first(next);
        if (bytes(program) < bytes(best)) best = program;
        if (bytes(program) <= limit) [least, high] = [program, next];
        else low = next;
        // Where a guess does not fit, all moves must: that settles whether this cut does at all.
        next = least ? (low + high) >> 1 : moves.length;
      }
      if (least) return least;
    }
  }
  throw outOfReach(best, bytes(best), limit, source, state);
}

/** How many of the first moves should save so many bytes. */
function enough(moves: readonly Move[], needed: number): number {
  let saved = 0;
  const k = moves.findIndex((m) => (saved += m.saved) >= needed);
  return k < 0 ? moves.length : k + 1;
}

function outOfReach(
  best: Program,
  reached: number,
  limit: number,
  source: TypedProgram,
  state: StateLayout,
): DiagnosticError {
  const { parts } = memoryPlan(best, state);
  const fixed = reached - parts.batch - parts.activations - parts.workspace;
  const span = source.train?.span ?? source.params[0]?.span ?? { file: source.file, start: 0, end: 0 };
  const dims = Object.entries(best.dims).map(([name, size]) => `${name}=${size}`).join(", ");
  const rows = Object.keys(best.dims).length > 0;
  return new DiagnosticError([{
    code: "MPT0607",
    severity: "error",
    message: `${best.entry} cannot run in ${showBytes(limit)}${dims ? ` at ${dims}` : ""}`,
    labels: [{ span, text: `takes at least ${showBytes(reached)}, of which ${showBytes(fixed)} are State` }],
    expected: `at most ${showBytes(limit)}`,
    found: showBytes(reached),
    help: fixed > limit
      ? "the State alone is larger: make the model smaller, take an optimizer that keeps less, or raise the limit"
      : rows
      ? "train on smaller batches, with accumulate to make up for it, or raise the limit"
      : "raise the limit",
  }]);
}

/** The segments that a graph computes again, and what is in them. */
export function recomputedIn(graph: Graph, choice: SegmentChoice | undefined, limit?: number): Recomputed[] {
  const found = new Map<string, string[]>();
  for (const n of nodesOf(graph)) {
    const { segment, why } = n.origin;
    if (segment === undefined || !why.startsWith(AGAIN)) continue;
    const list = found.get(segment) ?? [];
    list.push(why.slice(AGAIN.length));
    found.set(segment, list);
  }
  return [...found].map(([segment, whys]) => {
    const of = choice?.modes.findIndex((_, i) => segmentName(i) === segment) ?? -1;
    const extent = whys[0] === whys[whys.length - 1] ? whys[0] : `${whys[0]} … ${whys[whys.length - 1]}`;
    const cause = segment.startsWith("auto") ? `to fit ${showBytes(limit ?? 0)}` : "checkpoint";
    return { segment, why: `${cause}: ${extent}`, light: choice?.modes[of] === "light" };
  });
}
