/** A seeded stream of numbers for tests: the seed is printed by whoever fails, so that a failure repeats. */
export class Random {
  private word: number;

  constructor(readonly seed: number) {
    this.word = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.word = (this.word + 0x6d2b79f5) | 0;
    let t = Math.imul(this.word ^ (this.word >>> 15), 1 | this.word);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Of either sign, with a magnitude in [0.25, 1.5): never zero. */
  signed(): number {
    return (this.next() < 0.5 ? -1 : 1) * this.between(0.25, 1.5);
  }
}

/** Seeds for a test: fixed ones, and a new one each run, which is part of the test's name. */
export function seeds(fixed: number): number[] {
  return [...Array.from({ length: fixed }, (_, i) => i + 1), 1000 + Math.floor(Math.random() * 1e6)];
}
