import { KernelSet } from "./kernel_set.ts";

/**
 * Which kernels must run before which, kept free of circles while fusion adds to kernels. The relation is kept closed;
 * in a stack what comes before a layer is shared with the layers after it.
 */
export class KernelDag {
  /** For each kernel, all that come before it. */
  readonly #before: KernelSet[] = [];
  /** For each kernel, some that need it, from which all are reached. */
  readonly #users: number[][] = [];

  add(): number {
    this.#users.push([]);
    return this.#before.push(KernelSet.NONE) - 1;
  }

  /** Whether `b` needs what `a` makes, directly or not. */
  precedes(a: number, b: number): boolean {
    return this.#before[b].has(a);
  }

  /** Whether `kernel` may come to depend on all of those that `before` comes before. */
  accepts(kernel: number, before: KernelSet): boolean {
    return this.#users[kernel].length === 0 || !before.has(kernel);
  }

  /** All that comes before any of the kernels. */
  before(kernels: Iterable<number>): KernelSet {
    let out = KernelSet.NONE;
    for (const k of kernels) out = out.union(this.#before[k]);
    return out;
  }

  /** The kernels and all that come before them. */
  closure(kernels: Iterable<number>): KernelSet {
    let out = this.before(kernels);
    for (const k of kernels) out = out.with(k);
    return out;
  }

  /** Whether all that comes before `kernel` is in a closure. */
  covers(closure: KernelSet, kernel: number): boolean {
    return closure.includes(this.#before[kernel]);
  }

  /** Makes `kernel` depend on `others`, which it accepts. */
  depend(kernel: number, others: Iterable<number>): void {
    const added = [...others].filter((o) => o !== kernel && !this.#before[kernel].has(o));
    if (added.length === 0) return;
    for (const o of added) this.#users[o].push(kernel);
    const closure = this.closure(added);
    const stack = [kernel];
    while (stack.length > 0) {
      const k = stack.pop()!;
      const before = this.#before[k].union(closure);
      // Where nothing is new for a kernel, nothing is for those that need it.
      if (before === this.#before[k]) continue;
      this.#before[k] = before;
      for (const u of this.#users[k]) stack.push(u);
    }
  }

  /** How many kernels come before one. */
  depth(kernel: number): number {
    return this.#before[kernel].size;
  }

  /** An order in which every kernel comes after those it needs; earlier ones first where there is a choice. */
  order(): number[] {
    const all = this.#before.map((_, k) => k);
    return all.sort((a, b) => this.depth(a) - this.depth(b) || a - b);
  }
}
