/** A value that stands in memory from the step that writes it to the last step that reads it. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface TempPlan {
  /** Sizes of the buffers. */
  readonly buffers: readonly number[];
  /** The buffer of each value. */
  readonly of: readonly number[];
}

/**
 * Shares buffers among values whose lifetimes do not meet. Buffers are whole values' rooms, not pieces of one arena:
 * devices order accesses buffer by buffer. A free buffer is taken where it is at most `slack` times too large, or grown
 * where it is too small and the largest that is free.
 */
export function planTemps(lifetimes: readonly Lifetime[], slack = 2): TempPlan {
  const buffers: number[] = [];
  const freeFrom: number[] = [];
  const of = new Array<number>(lifetimes.length);
  const byStart = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[a].first - lifetimes[b].first || a - b);
  for (const i of byStart) {
    const { bytes, first, last } = lifetimes[i];
    let best = -1;
    for (let b = 0; b < buffers.length; b++) {
      if (freeFrom[b] >= first) continue;
      const fits = buffers[b] >= bytes && buffers[b] <= bytes * slack;
      const grows = buffers[b] < bytes && buffers[b] * slack >= bytes;
      if (!fits && !grows) continue;
      const waste = Math.abs(buffers[b] - bytes);
      if (best < 0 || waste < Math.abs(buffers[best] - bytes)) best = b;
    }
    if (best < 0) best = buffers.push(0) - 1;
    buffers[best] = Math.max(buffers[best], bytes);
    freeFrom[best] = last;
    of[i] = best;
  }
  return { buffers, of };
}
