import type { Program } from "../compiler/core/program.ts";

/** Device time of one dispatch of a Program. */
export interface DispatchTime {
  /** Index into `Program.dispatches`. */
  readonly dispatch: number;
  /** The kernel's name. */
  readonly kernel: string;
  /** The median over the runs profiled. */
  readonly microseconds: number;
  /** When it began in the run of median length, from the start of that run's first dispatch; and how long it took there. */
  readonly sample: { readonly start: number; readonly microseconds: number };
}

/** One dispatch in one run, in microseconds from the start of the run. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What several runs of a Program say of each dispatch; `runs[r][d]` is dispatch d in run r. */
export function summarize(program: Program, runs: readonly (readonly Span[])[]): DispatchTime[] {
  if (program.dispatches.length === 0) return [];
  const byLength = runs.toSorted((a, b) => a.at(-1)!.end - b.at(-1)!.end);
  const typical = byLength[byLength.length >> 1];
  return program.dispatches.map(({ kernel }, dispatch) => {
    const { start, end } = typical[dispatch];
    return {
      dispatch,
      kernel: program.kernels[kernel].name,
      microseconds: median(runs.map((run) => run[dispatch].end - run[dispatch].start)),
      sample: { start, microseconds: end - start },
    };
  });
}

/** The middle value, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
