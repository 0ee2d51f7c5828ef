import { FOUND_INF } from "../passes/slots.ts";
import type { Tensor } from "./tensor.ts";

/** What ordering needs to know of a kernel. */
export interface Step {
  readonly reads: ReadonlySet<Tensor>;
  readonly writes: ReadonlySet<Tensor>;
  /** Its roundings may raise the overflow flag. */
  readonly raisesFlag: boolean;
  /** It may write over a slot that it reads itself. */
  readonly inPlace: (slot: Tensor) => boolean;
}

export interface Ordering {
  /** Positions of steps in the order of execution. */
  readonly order: readonly number[];
  /** Slots whose new value cannot be written where it is made: an earlier value is still wanted. */
  readonly deferred: ReadonlySet<Tensor>;
}

/**
 * An order of execution: writers of temps before their readers, and readers of a slot before its writer, since all reads
 * see the value from before the run. Where both cannot be had, the slot is deferred: its new value goes to a temp and is
 * copied at the end. The flag is raised before it is read, and read before it is reset.
 */
export function orderSteps(steps: readonly Step[]): Ordering {
  const deferred = new Set<Tensor>();
  for (;;) {
    const before = edges(steps, deferred);
    const found = topological(before);
    if (!found.circle) return { order: found.order, deferred };
    // Some slot's writer waits for a reader that waits for it: the circle names it.
    const { circle } = found;
    const slot = circle.map((i, k) => before[i].get(circle[(k + 1) % circle.length])).find((t) => t);
    if (!slot) throw new Error("the kernels wait for one another");
    deferred.add(slot);
  }
}

/** A tensor and those that it shows as one. */
function parts(t: Tensor): readonly Tensor[] {
  return [t, ...t.covers ?? []];
}

/** For each step, the steps that come before it, with the slot written where it is the writer that waits for a reader. */
function edges(steps: readonly Step[], deferred: Set<Tensor>): Map<number, Tensor | undefined>[] {
  const before = steps.map(() => new Map<number, Tensor | undefined>());
  const writers = new Map<Tensor, { step: number; as: Tensor }>();
  steps.forEach((s, i) =>
    s.writes.forEach((t) => parts(t).forEach((p) => writers.set(p, { step: i, as: t })))
  );
  const needs = (i: number, earlier: number, slot?: Tensor) => {
    if (slot === undefined || !before[i].has(earlier)) before[i].set(earlier, slot);
  };
  const reset = [...writers.values()].find(({ as }) => as.kind === "state" && as.name === FOUND_INF);
  steps.forEach((s, i) => {
    for (const t of s.reads) {
      for (const p of parts(t)) {
        const w = writers.get(p);
        if (!w) continue;
        if (p.kind !== "state") needs(i, w.step);
        else if (w.step === i) {
          if (w.as !== t || !s.inPlace(t)) deferred.add(w.as);
        } else if (!deferred.has(w.as)) needs(w.step, i, w.as);
      }
    }
    if (s.raisesFlag && reset && reset.step !== i && !deferred.has(reset.as)) needs(reset.step, i, reset.as);
  });
  return before;
}

/** The steps, earliest given first where there is a choice; or some that wait for one another, each for the next. */
function topological(
  before: readonly ReadonlyMap<number, unknown>[],
): { order: number[]; circle?: undefined } | { circle: number[] } {
  const order: number[] = [];
  const done = new Set<number>();
  const onPath = new Set<number>();
  const waiting = before.map((b) => [...b.keys()].sort((a, b) => b - a));
  for (let root = 0; root < before.length; root++) {
    const path: number[] = [];
    const enter = (i: number) => {
      path.push(i);
      onPath.add(i);
    };
    if (!done.has(root)) enter(root);
    while (path.length > 0) {
      const top = path[path.length - 1];
      const list = waiting[top];
      while (list.length > 0 && done.has(list[list.length - 1])) list.pop();
      const next = list.at(-1);
      if (next === undefined) {
        path.pop();
        onPath.delete(top);
        done.add(top);
        order.push(top);
      } else if (onPath.has(next)) return { circle: path.slice(path.indexOf(next)) };
      else enter(next);
    }
  }
  return { order };
}
