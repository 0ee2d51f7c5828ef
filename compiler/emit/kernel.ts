import type { Expr } from "../core/expr.ts";
import { acc, accumulatorsOf, rebuild } from "../core/expr.ts";
import type { Accumulator, Binding, Kernel, Store } from "../core/kernel.ts";
import type { ReduceOp } from "../ir/op.ts";
import type { Lowered } from "./lower.ts";
import type { Tensor } from "./tensor.ts";

/** A kernel and, for each of its bindings, the tensor that stands there. */
export interface BuiltKernel {
  readonly kernel: Kernel;
  readonly tensors: readonly Tensor[];
}

/** Where each root of a lowered cluster is stored, in the order of `lowered.roots`. */
export type RootStores = readonly (readonly Tensor[])[];

/** Numbers bindings and phases. `flag` is the tensor to which overflows are ORed, where any may be. */
export function buildKernel(
  lowered: Lowered,
  stores: RootStores,
  flag: Tensor | undefined,
  name: string,
): BuiltKernel {
  const { cluster } = lowered;
  const tensors: Tensor[] = [];
  const access = new Map<Tensor, Binding["access"]>();
  const bind = (t: Tensor, way: "read" | "write"): number => {
    const old = access.get(t);
    if (old === undefined) tensors.push(t);
    access.set(t, old === undefined || old === way ? way : "read_write");
    return tensors.indexOf(t);
  };
  const { order, phases } = phasesOf(lowered);
  const memo = new Map<Expr, Expr>();
  const place = (e: Expr): Expr =>
    rebuild(e, (x) => {
      if (x.e === "load") return { ...x, binding: bind(lowered.loads[x.binding], "read") };
      return x.e === "acc" ? acc(order.indexOf(x.index), x.kind) : x;
    }, memo);

  const values = lowered.anchors.map((a) => a.values.map(place));
  const roots = lowered.roots.map((r) => ({ ...r, value: place(r.value) }));
  const storesWhere = (perRow: boolean): Store[] =>
    roots.flatMap((r, i) =>
      r.perRow === perRow ? stores[i].map((t) => storeTo(t, bind(t, "write"), r.value)) : []
    );
  const rowStores = storesWhere(true);
  const elementStores = storesWhere(false);
  const flagBinding = flag && bind(flag, "write");
  if (flag) access.set(flag, "read_write");

  const base = {
    name,
    bindings: tensors.map((t): Binding => ({
      name: t.name,
      dtype: t.dtype,
      access: access.get(t)!,
      shape: t.layout,
    })),
    ...(flagBinding === undefined ? {} : { flag: flagBinding }),
    fuses: [],
  };
  const { outer, inner } = cluster;
  if (cluster.family === "map") {
    return { kernel: { ...base, family: "map", shape: outer, stores: rowStores }, tensors };
  }
  if (cluster.family === "matmul") {
    const [a, b] = values[0];
    const [m, n] = outer.slice(-2);
    const [x] = cluster.anchors[0].inputs;
    const kernel: Kernel = {
      ...base,
      family: "matmul",
      batch: outer.slice(0, -2),
      m,
      n,
      k: inner[0],
      a,
      b,
      operand: x.type.dtype,
      stores: rowStores,
    };
    return { kernel, tensors };
  }
  const accumulator = (i: number): Accumulator => ({
    combine: (lowered.anchors[i].node.op as ReduceOp).combine,
    value: values[i][0],
  });
  const kernel: Kernel = {
    ...base,
    family: "reduce",
    outer,
    inner,
    phases: phases.map((phase) => phase.map(accumulator)),
    rowStores,
    elementStores,
  };
  return { kernel, tensors };
}

function storeTo({ place }: Tensor, binding: number, value: Expr): Store {
  return place
    ? { binding, value, place: { offset: place.offset, strides: place.strides } }
    : { binding, value };
}

/** Reductions by phase: one after the last whose result its operand uses. `order` lists them as accumulators count. */
function phasesOf(lowered: Lowered): { order: number[]; phases: number[][] } {
  const level: number[] = [];
  lowered.anchors.forEach((a) => {
    const used = accumulatorsOf(a.values);
    level.push(used.length === 0 ? 0 : 1 + Math.max(...used.map((i) => level[i])));
  });
  const phases: number[][] = [];
  level.forEach((l, i) => (phases[l] ??= []).push(i));
  return { order: phases.flat(), phases };
}
