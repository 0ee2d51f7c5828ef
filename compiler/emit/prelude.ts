import type { Expr, Load } from "../core/expr.ts";
import {
  acc,
  accumulatorsOf,
  anyExpr,
  coord,
  i32,
  loadsOf,
  operands,
  prim,
  rebuild,
  u32,
} from "../core/expr.ts";
import type { MapKernel, Prelude, ReduceKernel, Store } from "../core/kernel.ts";
import { MOST_PRELUDES, physicalBytes, valuesOf } from "../core/kernel.ts";
import type { DType, Kind } from "../core/dtype.ts";
import { elementsOf } from "../ir/bound_type.ts";
import { Pool, usesOf } from "./bound.ts";
import { overlap, rangeOf } from "./group.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";

/** What the decision weighs. */
export interface PreludeOptions {
  /** Storage buffers that one dispatch may bind. */
  readonly maxBindings: number;
  /** What a launch costs, in bytes moved to or from memory. */
  readonly launch: number;
  /** The dispatches that some kernels, in order, become. */
  readonly dispatches: (kernels: readonly BuiltKernel[]) => readonly BuiltKernel[];
}

/** Terms above which a reduction is not made again by every workgroup. */
const MOST_TERMS = 1024;
/** Invocations of the smallest workgroup of a map. */
const INVOCATIONS = 64;
/** A byte that every workgroup reads comes from a near cache, at this part of the price of one from memory. */
const CACHED = 0.25;

/**
 * What a single row reduces is made again by every workgroup that wants it, where that saves a dispatch: a map that
 * reads scalars which a kernel before it makes of a few partial results takes that reduction as its prelude, and need
 * not wait for that kernel any longer. What of the scalars needs no reduction is made by a third kernel, which stands
 * earlier: so is read what the dispatch then overwrites, above all the overflow flag.
 */
export function takePreludes(
  kernels: readonly BuiltKernel[],
  options: PreludeOptions,
): readonly BuiltKernel[] {
  let best = kernels;
  let launches: number | undefined;
  for (const k of kernels) {
    const taken = isSource(k) ? withPrelude(best, best.indexOf(k)) : undefined;
    if (!taken) continue;
    launches ??= options.dispatches(best).length;
    const after = options.dispatches(taken.kernels);
    if (after.some((d) => d.tensors.length > options.maxBindings)) continue;
    if ((launches - after.length) * options.launch <= taken.cost) continue;
    [best, launches] = [taken.kernels, after.length];
  }
  return best;
}

/** Whether a kernel reduces one row of few terms. */
function isSource({ kernel }: BuiltKernel): boolean {
  return kernel.family === "reduce" && kernel.phases.length > 0 && kernel.elementStores.length === 0 &&
    elementsOf(kernel.outer) === 1 && elementsOf(kernel.inner) <= MOST_TERMS;
}

interface Taken {
  readonly kernels: readonly BuiltKernel[];
  /** What the preludes cost, in bytes moved to or from memory. */
  readonly cost: number;
}

/** The kernels with the reduction at a position as the prelude of every map that reads its scalars. */
function withPrelude(kernels: readonly BuiltKernel[], at: number): Taken | undefined {
  const source = kernels[at];
  const stored = storedScalars(source);
  const readers = kernels.filter((k, i) => i > at && k.kernel.family === "map" && readsAny(k, stored));
  if (readers.length === 0) return;
  const last = kernels.indexOf(readers[readers.length - 1]);
  const between = kernels.slice(at, last + 1);
  const pool = new Pool();
  const split = new Split(pool, source, (t) => between.some((k) => writes(k, t)));

  const wanted = new Set(readers.flatMap((r) => r.tensors).filter((t) => stored.has(t)));
  for (const t of wanted) if (!split.take(t)) return;
  const maps = new Map<BuiltKernel, BuiltKernel>();
  let cost = 0;
  for (const r of readers) {
    const made = split.withPrelude(r, wanted);
    if (!made) return;
    maps.set(r, made.built);
    cost += made.cost;
  }
  const others = kernels.filter((k) => k !== source && !maps.has(k));
  const read = (t: Tensor) => others.some((k) => readsAny(k, new Set([t])));
  const { early, late } = split.rest(read);
  return {
    kernels: kernels.flatMap((k) => k === source ? [...early, ...late] : maps.get(k) ?? k),
    cost,
  };
}

/** Scalars in whole words, or truths, that a kernel stores and that are no state. */
function storedScalars({ kernel, tensors }: BuiltKernel): Set<Tensor> {
  const stores = kernel.family === "reduce" ? kernel.rowStores : [];
  const isWhole = ({ dtype }: Tensor) => ["f32", "i32", "u32", "bool"].includes(dtype);
  return new Set(stores.map((s) => tensors[s.binding]).filter((t) => t.kind !== "state" && isWhole(t)));
}

function readsAny({ kernel, tensors }: BuiltKernel, some: ReadonlySet<Tensor>): boolean {
  return tensors.some((t, i) => some.has(t) && kernel.bindings[i].access !== "write");
}

function writes(k: BuiltKernel, t: Tensor): boolean {
  const range = rangeOf(t);
  return k.tensors.some((x, i) => k.kernel.bindings[i].access !== "read" && overlap(rangeOf(x), range));
}

/** A one-row reduction being taken apart: what maps make again, what is made before, and what remains. */
class Split {
  readonly #kernel: ReduceKernel;
  readonly #values = new Map<Tensor, Expr>();
  /** What needs no reduction and is made early, and where it stands then. */
  readonly #early = new Map<Expr, Tensor>();
  readonly #reduced = new Map<Expr, boolean>();
  /** Accumulators that may be made again. */
  readonly #accs = new Set<number>();

  constructor(
    readonly pool: Pool,
    readonly source: BuiltKernel,
    /** Whether a tensor is written where a map would read it. */
    readonly changes: (t: Tensor) => boolean,
  ) {
    this.#kernel = pool.open(source.kernel as ReduceKernel, source.tensors);
    for (const s of this.#kernel.rowStores) this.#values.set(pool.tensors[s.binding], s.value);
  }

  /** Prepares one of the stored scalars to be made elsewhere; false where it cannot be. */
  take(t: Tensor): boolean {
    return this.#takeValue(this.#values.get(t)!);
  }

  #takeValue(root: Expr): boolean {
    if (!this.#isReduced(root)) return this.#hoist(root);
    if (root.e === "acc") return this.#takeAccumulator(root.index);
    // A rounding that may raise the flag is the source's own.
    return !raises(root) && operands(root).every((x) => this.#takeValue(x));
  }

  /** Values without an accumulator are made early, but for constants and what stands in a temp already. */
  #hoist(x: Expr): boolean {
    if (anyExpr([x], raises)) return false;
    if (!anyExpr([x], (y) => y.e === "load") || this.#early.has(x)) return true;
    if (x.e === "load") {
      const t = this.pool.tensors[x.binding];
      if (t.kind === "temp" && !this.changes(t)) return true;
    }
    const dtype: DType = x.kind === "bool" ? "u32" : x.kind;
    this.#early.set(x, { kind: "temp", name: `early${this.#early.size}`, dtype, layout: [] });
    return true;
  }

  /** What is reduced is read where the map runs: it must not have changed. */
  #takeAccumulator(index: number): boolean {
    if (this.#accs.has(index)) return true;
    this.#accs.add(index);
    const { value } = this.#kernel.phases.flat()[index];
    const fits = !anyExpr([value], (x) => raises(x) || x.e === "load" && this.changes(this.#tensor(x)));
    return fits && accumulatorsOf([value]).every((i) => this.#takeAccumulator(i));
  }

  /**
   * A map that makes the wanted scalars itself, and what that costs; undefined where it writes what the prelude reads, or
   * has a prelude over something else.
   */
  withPrelude(
    reader: BuiltKernel,
    wanted: ReadonlySet<Tensor>,
  ): { built: BuiltKernel; cost: number } | undefined {
    const { pool } = this;
    const { inner, outer } = this.#kernel;
    const open = pool.open(reader.kernel as MapKernel, reader.tensors);
    const order = this.#needed(reader.tensors.flatMap((t) => wanted.has(t) ? [this.#values.get(t)!] : []));
    const own = open.prelude;
    if (own && order.length > 0 && own.inner.join() !== inner.join()) return undefined;
    // Its own accumulators come first in each phase.
    const lengths = this.#phases(order, (x) => x).map((p) => p.length);
    const [before, after] = interleaved(own?.phases.map((p) => p.length) ?? [], lengths);
    // The row's own coordinates are 0, and those of its terms come first.
    const place = (x: Expr): Expr => {
      if (x.e === "coord") return x.axis < outer.length ? i32(0) : coord(x.axis - outer.length);
      return x.e === "acc" ? acc(after[order.indexOf(x.index)], x.kind) : x;
    };
    const memo = this.#replaced();
    const again = (x: Expr) => rebuild(x, place, memo);
    const added = this.#phases(order, again);
    const known = new Map<Expr, Expr>();
    const value = (e: Expr) =>
      rebuild(e, (x) => {
        if (x.e === "acc") return acc(before[x.index], x.kind);
        const t = x.e === "load" ? this.#tensor(x) : undefined;
        if (!t || !wanted.has(t) || x.e !== "load") return x;
        const made = again(this.#values.get(t)!);
        return x.guard ? prim("select", x.guard, made, zeroOf(x.kind)) : made;
      }, known);
    const kept = (own?.phases ?? []).map((p) => p.map((a) => ({ ...a, value: value(a.value) })));
    const phases = Array.from(
      { length: Math.max(kept.length, added.length) },
      (_, i) => [...kept[i] ?? [], ...added[i] ?? []],
    );
    const stores = open.stores.map((s) => ({ ...s, value: value(s.value) }));
    const prelude = phases.length > 0 ? { prelude: { inner: own?.inner ?? inner, phases } } : {};
    const fuses = [...new Set([...this.source.kernel.fuses, ...reader.kernel.fuses])];
    const kernel: MapKernel = { ...open, ...prelude, stores, fuses };

    const read = [...new Set(loadsOf(added.flat().map((a) => a.value)).map((x) => this.#tensor(x)))];
    const written = usesOf(open).writes;
    if (read.some((t) => written.has(pool.number(t)))) return undefined;
    const workgroups = Math.ceil(elementsOf(kernel.shape) / INVOCATIONS);
    const bytes = read.reduce((sum, t) => sum + physicalBytes(t.layout, t.dtype), 0);
    return { built: pool.close(kernel), cost: CACHED * bytes * Math.min(workgroups, MOST_PRELUDES) };
  }

  /**
   * What is made before the source, and what remains of it: stores of temps that nothing reads any longer are left out.
   *
   * @param read whether a kernel but the maps reads a tensor
   */
  rest(read: (t: Tensor) => boolean): { early: BuiltKernel[]; late: BuiltKernel[] } {
    const { pool } = this;
    const memo = this.#replaced();
    const live = this.#kernel.rowStores.filter((s) => {
      const t = pool.tensors[s.binding];
      return t.kind !== "temp" || read(t);
    });
    const free = (s: Store) => !this.#isReduced(s.value) && !anyExpr([s.value], raises);
    const later = (s: Store): Store => ({ ...s, value: rebuild(s.value, (x) => x, memo) });
    // What is read later of the state is not overwritten before.
    let moved = live.filter(free);
    let late: ReduceKernel | undefined;
    for (;;) {
      late = this.#pruned(live.filter((s) => !moved.includes(s)).map(later), memo);
      const reads = loadsOf(late ? valuesOf(late) : []).map((x) => rangeOf(this.#tensor(x)));
      const safe = moved.filter((s) => !reads.some((r) => overlap(r, rangeOf(pool.tensors[s.binding]))));
      if (safe.length === moved.length) break;
      moved = safe;
    }
    const hoisted = [...this.#early].map(([x, t]): Store => ({
      binding: pool.number(t),
      value: x.kind === "bool" ? prim("select", x, u32(1), u32(0)) : x,
    }));
    const atZero = new Map<Expr, Expr>();
    const stores = [...hoisted, ...moved].map((s) => ({
      ...s,
      value: rebuild(s.value, (x) => x.e === "coord" ? i32(0) : x, atZero),
    }));
    const { outer, fuses } = this.#kernel;
    const base = { name: "", bindings: [], fuses: late ? [] : fuses };
    const early: MapKernel = { ...base, family: "map", shape: outer, stores };
    return {
      early: stores.length > 0 ? [pool.close(early)] : [],
      late: late ? [pool.close(late)] : [],
    };
  }

  /** The source with some stores only and what they need. */
  #pruned(rowStores: readonly Store[], memo: Map<Expr, Expr>): ReduceKernel | undefined {
    if (rowStores.length === 0) return undefined;
    const order = this.#needed(rowStores.map((s) => s.value));
    const numbered = new Map<Expr, Expr>();
    const number = (x: Expr) =>
      rebuild(x, (y) => y.e === "acc" ? acc(order.indexOf(y.index), y.kind) : y, numbered);
    const again = (x: Expr) => number(rebuild(x, (y) => y, memo));
    const phases = this.#phases(order, again);
    return {
      ...this.#kernel,
      phases,
      rowStores: rowStores.map((s) => ({ ...s, value: number(s.value) })),
    };
  }

  /** The phases' accumulators with these numbers, in order. */
  #phases(order: readonly number[], again: (x: Expr) => Expr): Prelude["phases"] {
    let next = 0;
    return this.#kernel.phases.map((phase) => {
      const numbered = phase.map((a) => ({ a, number: next++ }));
      return numbered.filter((n) => order.includes(n.number)).map(({ a }) => ({
        ...a,
        value: again(a.value),
      }));
    }).filter((phase) => phase.length > 0);
  }

  /** Accumulators that some values need, by number. */
  #needed(values: readonly Expr[]): number[] {
    const all = this.#kernel.phases.flat();
    const found = new Set<number>();
    const stack = accumulatorsOf(values);
    while (stack.length > 0) {
      const i = stack.pop()!;
      if (found.has(i)) continue;
      found.add(i);
      stack.push(...accumulatorsOf([all[i].value]));
    }
    return [...found].sort((a, b) => a - b);
  }

  /** What is made early is loaded. */
  #replaced(): Map<Expr, Expr> {
    return new Map([...this.#early].map(([x, t]) => {
      const load: Expr = { e: "load", binding: this.pool.number(t), index: i32(0), kind: x.kind };
      return [x, x.kind === "bool" ? prim("ne", { ...load, kind: "u32" }, u32(0)) : load];
    }));
  }

  #tensor(x: Load): Tensor {
    return this.pool.tensors[x.binding];
  }

  #isReduced(x: Expr): boolean {
    let found = this.#reduced.get(x);
    if (found === undefined) {
      found = x.e === "acc" || operands(x).some((y) => this.#isReduced(y));
      this.#reduced.set(x, found);
    }
    return found;
  }
}

/** The numbers that accumulators of two lists of phases, given their lengths, have where each phase has both. */
function interleaved(a: readonly number[], b: readonly number[]): [number[], number[]] {
  const [first, second]: [number[], number[]] = [[], []];
  let next = 0;
  for (let p = 0; p < Math.max(a.length, b.length); p++) {
    for (let i = 0; i < (a[p] ?? 0); i++) first.push(next++);
    for (let i = 0; i < (b[p] ?? 0); i++) second.push(next++);
  }
  return [first, second];
}

function raises(x: Expr): boolean {
  return x.e === "round" && x.flag;
}

function zeroOf(kind: Kind): Expr {
  return { e: "const", kind, value: 0 };
}
