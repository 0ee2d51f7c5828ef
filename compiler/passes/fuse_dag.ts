/** A set of kernels: bit k of the words stands for kernel k. */
export type Kernels = Uint32Array;

/**
 * Which kernels must run before which, kept free of circles while fusion adds to kernels. The relation is kept closed, in
 * bits: a thousandth of the memory of sets, and whole words at a time.
 */
export class KernelDag {
  /** For each kernel, all that come before it, and how many they are. */
  readonly #before: Kernels[] = [];
  readonly #depth: number[] = [];
  /** Whether any kernel needs this one. */
  readonly #needed: boolean[] = [];

  add(): number {
    this.#depth.push(0);
    this.#needed.push(false);
    return this.#before.push(new Uint32Array(0)) - 1;
  }

  /** Whether `b` needs what `a` makes, directly or not. */
  precedes(a: number, b: number): boolean {
    return has(this.#before[b], a);
  }

  /** Whether `kernel` may come to depend on all of `others`. */
  accepts(kernel: number, others: Iterable<number>): boolean {
    if (!this.#needed[kernel]) return true;
    for (const o of others) if (o !== kernel && has(this.#before[o], kernel)) return false;
    return true;
  }

  /** The kernels and all that come before them. */
  closure(kernels: Iterable<number>): Kernels {
    const out = this.#union(kernels);
    for (const k of kernels) out[k >> 5] |= 1 << (k & 31);
    return out;
  }

  /** Whether all that comes before `kernel` is in a closure. */
  covers(closure: Kernels, kernel: number): boolean {
    return this.#before[kernel].every((word, i) => (word & ~(closure[i] ?? 0)) === 0);
  }

  /** Of some kernels, those that come before none of the others. */
  latest(kernels: Iterable<number>): number[] {
    const before = this.#union(kernels);
    return [...kernels].filter((k) => !has(before, k));
  }

  /** Makes `kernel` depend on `others`, which it accepts. */
  depend(kernel: number, others: Iterable<number>): void {
    const added = [...others].filter((o) => o !== kernel && !has(this.#before[kernel], o));
    if (added.length === 0) return;
    for (const o of added) this.#needed[o] = true;
    const closure = this.closure(added);
    this.#include(kernel, closure);
    if (!this.#needed[kernel]) return;
    this.#before.forEach((set, k) => {
      if (has(set, kernel)) this.#include(k, closure);
    });
  }

  /** How many kernels come before one. */
  depth(kernel: number): number {
    return this.#depth[kernel];
  }

  /** An order in which every kernel comes after those it needs; earlier ones first where there is a choice. */
  order(): number[] {
    const all = this.#before.map((_, k) => k);
    return all.sort((a, b) => this.#depth[a] - this.#depth[b] || a - b);
  }

  /** What comes before any of the kernels, with room for every kernel there is. */
  #union(kernels: Iterable<number>): Kernels {
    const out = new Uint32Array((this.#before.length + 31) >> 5);
    for (const k of kernels) {
      const set = this.#before[k];
      for (let i = 0; i < set.length; i++) out[i] |= set[i];
    }
    return out;
  }

  #include(kernel: number, added: Kernels): void {
    let set = this.#before[kernel];
    if (set.length < added.length) {
      const grown = new Uint32Array(added.length);
      grown.set(set);
      this.#before[kernel] = set = grown;
    }
    let count = 0;
    for (let i = 0; i < added.length; i++) {
      const fresh = added[i] & ~set[i];
      if (fresh === 0) continue;
      set[i] |= fresh;
      count += bits(fresh);
    }
    this.#depth[kernel] += count;
  }
}

function has(set: Kernels, k: number): boolean {
  // Beyond its words a set has nothing.
  return ((set[k >> 5] ?? 0) >>> (k & 31) & 1) === 1;
}

function bits(word: number): number {
  let n = 0;
  for (let w = word; w !== 0; w &= w - 1) n++;
  return n;
}
