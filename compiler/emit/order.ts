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
    const order = topological(before);
    if (order.length === steps.length) return { order, deferred };
    // Something waits for itself: defer one more slot among those that hold a step back.
    const stuck = steps.map((_, i) => i).filter((i) => !order.includes(i));
    const slot = stuck.flatMap((i) => [...steps[i].writes]).find((t) =>
      t.kind === "state" && !deferred.has(t)
    );
    if (!slot) throw new Error("the kernels wait for one another");
    deferred.add(slot);
  }
}

/** For each step, the steps that come before it. */
function edges(steps: readonly Step[], deferred: Set<Tensor>): Set<number>[] {
  const before = steps.map(() => new Set<number>());
  const writer = new Map<Tensor, number>();
  steps.forEach((s, i) => s.writes.forEach((t) => writer.set(t, i)));
  const flagReset = [...writer].find(([t]) => t.name === FOUND_INF && t.kind === "state")?.[1];
  steps.forEach((s, i) => {
    for (const t of s.reads) {
      const w = writer.get(t);
      if (w === undefined) continue;
      if (t.kind === "temp") before[i].add(w);
      else if (w === i) {
        if (!s.inPlace(t)) deferred.add(t);
      } else if (!deferred.has(t)) before[w].add(i);
    }
    if (s.raisesFlag && flagReset !== undefined && flagReset !== i) before[flagReset].add(i);
  });
  return before;
}

/** The steps that can run, earliest given first. */
function topological(before: readonly ReadonlySet<number>[]): number[] {
  const order: number[] = [];
  const state = new Uint8Array(before.length);
  for (let root = 0; root < before.length; root++) {
    const stack = [root];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const waiting = state[top] === 2 ? [] : [...before[top]].filter((i) => state[i] !== 2);
      if (waiting.some((i) => state[i] === 1)) return order;
      if (waiting.length > 0) {
        state[top] = 1;
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      if (state[top] !== 2) {
        state[top] = 2;
        order.push(top);
      }
    }
  }
  return order;
}
