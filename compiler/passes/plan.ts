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
  const free = new FreeBuffers();
  /** Buffers by the step in which they are last read. */
  const ending: number[][] = [];
  const of = new Array<number>(lifetimes.length);
  const byStart = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[a].first - lifetimes[b].first || a - b);
  let step = 0;
  for (const i of byStart) {
    const { bytes, first, last } = lifetimes[i];
    for (; step < first; step++) for (const b of ending[step] ?? []) free.put(b, buffers[b]);
    const at = free.take(bytes, slack) ?? buffers.push(0) - 1;
    buffers[at] = Math.max(buffers[at], bytes);
    (ending[last] ??= []).push(at);
    of[i] = at;
  }
  return { buffers, of };
}

/** Buffers that hold nothing, by size. */
class FreeBuffers {
  /** Sizes of which there are any, ascending. */
  readonly #sizes: number[] = [];
  /** The buffers of a size, the first of them last. */
  readonly #of = new Map<number, number[]>();

  put(buffer: number, size: number): void {
    const known = this.#of.get(size);
    if (known) known.splice(lowerBound(known, (b) => b < buffer), 0, buffer);
    else {
      this.#of.set(size, [buffer]);
      this.#sizes.splice(lowerBound(this.#sizes, (s) => s >= size), 0, size);
    }
  }

  /** The buffer nearest in size to `bytes`, at most `slack` times larger or smaller; of those as near, the first. */
  take(bytes: number, slack: number): number | undefined {
    const at = lowerBound(this.#sizes, (s) => s >= bytes);
    const near = [this.#sizes[at - 1], this.#sizes[at]].filter((s) =>
      s !== undefined && s <= bytes * slack && s * slack >= bytes
    );
    const first = (size: number) => this.#of.get(size)!.at(-1)!;
    near.sort((a, b) => Math.abs(a - bytes) - Math.abs(b - bytes) || first(a) - first(b));
    if (near.length === 0) return undefined;
    const [size] = near;
    const buffers = this.#of.get(size)!;
    const buffer = buffers.pop();
    if (buffers.length === 0) {
      this.#of.delete(size);
      this.#sizes.splice(lowerBound(this.#sizes, (s) => s >= size), 1);
    }
    return buffer;
  }
}

/** Where in a list the first item stands of which a test holds; it holds of all after that one, too. */
function lowerBound(list: readonly number[], holds: (x: number) => boolean): number {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
