import type { Expr, Load } from "../core/expr.ts";
import { loadsOf, rebuild } from "../core/expr.ts";
import type { Accumulator, Binding, SingleKernel, Store } from "../core/kernel.ts";
import { storesOf, valuesOf } from "../core/kernel.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";

/** What a kernel's expressions and stores become when its bindings are told apart anew. */
export interface Rebinding {
  /** A load, its operands rebound already. */
  load(x: Load): Expr;
  store(s: Store): Store;
  flag(binding: number): number;
}

/** The kernel with other bindings. Expressions that it shares stay shared. */
export function rebound<K extends SingleKernel>(kernel: K, to: Rebinding, bindings: readonly Binding[]): K;
export function rebound(kernel: SingleKernel, to: Rebinding, bindings: readonly Binding[]): SingleKernel {
  const memo = new Map<Expr, Expr>();
  const value = (e: Expr) => rebuild(e, (x) => x.e === "load" ? to.load(x) : x, memo);
  const store = (s: Store): Store => to.store({ ...s, value: value(s.value) });
  const reduced = (phases: readonly (readonly Accumulator[])[]) =>
    phases.map((phase) => phase.map((a) => ({ ...a, value: value(a.value) })));
  const base = { bindings, ...(kernel.flag === undefined ? {} : { flag: to.flag(kernel.flag) }) };
  switch (kernel.family) {
    case "map": {
      const { prelude } = kernel;
      const before = prelude ? { prelude: { ...prelude, phases: reduced(prelude.phases) } } : {};
      return { ...kernel, ...base, ...before, stores: kernel.stores.map(store) };
    }
    case "reduce":
      return {
        ...kernel,
        ...base,
        phases: reduced(kernel.phases),
        rowStores: kernel.rowStores.map(store),
        elementStores: kernel.elementStores.map(store),
      };
    case "matmul":
      return {
        ...kernel,
        ...base,
        a: value(kernel.a),
        b: value(kernel.b),
        stores: kernel.stores.map(store),
      };
  }
}

/** Bindings that are numbered otherwise, and no more than that. */
export function renumbered(places: readonly number[]): Rebinding {
  return {
    load: (x) => ({ ...x, binding: places[x.binding] }),
    store: (s) => ({ ...s, binding: places[s.binding] }),
    flag: (binding) => places[binding],
  };
}

/** Tensors by number, for kernels that are being taken apart: their loads and stores then name tensors. */
export class Pool {
  readonly tensors: Tensor[] = [];
  readonly #numbers = new Map<Tensor, number>();

  number(t: Tensor): number {
    let n = this.#numbers.get(t);
    if (n === undefined) this.#numbers.set(t, n = this.tensors.push(t) - 1);
    return n;
  }

  /** The kernel with tensors' numbers for bindings. */
  open<K extends SingleKernel>(kernel: K, tensors: readonly Tensor[]): K {
    return rebound(kernel, renumbered(tensors.map((t) => this.number(t))), []);
  }

  /** The kernel with bindings again: one for each tensor that it reads or writes. */
  close(kernel: SingleKernel): BuiltKernel {
    const { reads, writes } = usesOf(kernel);
    const used = [...new Set([...reads, ...writes])];
    const flag = kernel.flag;
    const bindings = used.map((n): Binding => {
      const { name, dtype, layout } = this.tensors[n];
      const both = n === flag || reads.has(n) && writes.has(n);
      return { name, dtype, shape: layout, access: both ? "read_write" : writes.has(n) ? "write" : "read" };
    });
    const places = new Map(used.map((n, i) => [n, i]));
    const at = this.tensors.map((_, n) => places.get(n)!);
    return {
      kernel: rebound(kernel, renumbered(at), bindings),
      tensors: used.map((n) => this.tensors[n]),
    };
  }
}

/** The bindings that a kernel reads, and those that it writes or raises. */
export function usesOf(kernel: SingleKernel): { reads: Set<number>; writes: Set<number> } {
  const reads = new Set(loadsOf(valuesOf(kernel)).map((x) => x.binding));
  const writes = new Set(storesOf(kernel).map((s) => s.binding));
  if (kernel.flag !== undefined) writes.add(kernel.flag);
  return { reads, writes };
}
