/** Which kernels must run before which, kept free of circles while fusion adds to kernels. */
export class KernelDag {
  /** For each kernel, all that come before it. */
  readonly #before: Set<number>[] = [];

  add(): number {
    return this.#before.push(new Set()) - 1;
  }

  /** Whether `b` needs what `a` makes, directly or not. */
  precedes(a: number, b: number): boolean {
    return this.#before[b].has(a);
  }

  /** Whether `kernel` may come to depend on all of `others`. */
  accepts(kernel: number, others: Iterable<number>): boolean {
    for (const o of others) if (o !== kernel && this.#before[o].has(kernel)) return false;
    return true;
  }

  /** Whether all that comes before `kernel` comes before or among `others` too. */
  covers(others: Iterable<number>, kernel: number): boolean {
    const known = new Set<number>();
    for (const o of others) {
      known.add(o);
      this.#before[o].forEach((x) => known.add(x));
    }
    return [...this.#before[kernel]].every((x) => known.has(x));
  }

  /** Makes `kernel` depend on `others`, which it accepts. */
  depend(kernel: number, others: Iterable<number>): void {
    const added = new Set<number>();
    for (const o of others) {
      if (o === kernel || this.#before[kernel].has(o)) continue;
      added.add(o);
      this.#before[o].forEach((x) => added.add(x));
    }
    if (added.size === 0) return;
    this.#before.forEach((set, k) => {
      if (k === kernel || set.has(kernel)) added.forEach((x) => set.add(x));
    });
  }

  /** How many kernels come before one. */
  depth(kernel: number): number {
    return this.#before[kernel].size;
  }

  /** An order in which every kernel comes after those it needs; earlier ones first where there is a choice. */
  order(): number[] {
    const all = this.#before.map((_, k) => k);
    return all.sort((a, b) => this.#before[a].size - this.#before[b].size || a - b);
  }
}
