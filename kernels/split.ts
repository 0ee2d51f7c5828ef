import type { Kind } from "../compiler/core/dtype.ts";
import { bool, coord, type Expr, f32, i32, prim, rebuild, u32 } from "../compiler/core/expr.ts";
import {
  type Accumulator,
  type Binding,
  type Combine,
  type Kernel,
  type MatmulKernel,
  type ReduceKernel,
  type Store,
  stridesOf,
} from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { splitsOfMatmul } from "./matmul_plan.ts";
import { planReduce, product } from "./reduce_plan.ts";
import { identityOf } from "./wgsl/combine.ts";

/** What stands at a binding of a step: a binding of the kernel that was split, or a temporary. */
export type Operand =
  | { readonly of: "kernel"; readonly binding: number }
  | { readonly of: "temp"; readonly index: number };

/** A kernel and what it reads and writes, one operand for each of its bindings. */
export interface SplitStep {
  readonly kernel: Kernel;
  readonly operands: readonly Operand[];
}

/** Several kernels that do, one after the other, what one did. */
export interface Split {
  /** Tensors that the steps hand on. `access` means nothing here. */
  readonly temps: readonly Binding[];
  readonly steps: readonly SplitStep[];
}

/**
 * Splits a kernel whose grid would leave most of a GPU idle: long sums with few results are made in parts by one kernel
 * and joined by another, in a fixed order. The results differ by the order of the sums only.
 *
 * @returns undefined where the kernel is best run as it is
 */
export function splitKernel(kernel: Kernel, target: Target): Split | undefined {
  if (target.provider === "cpu") return undefined;
  if (kernel.family === "matmul") {
    const parts = splitsOfMatmul(kernel, target);
    return parts > 1 ? splitMatmul(kernel, parts) : undefined;
  }
  if (kernel.family === "reduce") {
    const parts = splitsOfReduce(kernel, target);
    return parts > 1 ? splitReduce(kernel, parts) : undefined;
  }
  return undefined;
}

/** Turns of the loop over a row that one invocation may take before the row is worth splitting. */
const LONG = 192;
/** Turns that remain to an invocation at least. */
const SHORT = 32;
const BUSY = 1 << 17;

function splitsOfReduce(kernel: ReduceKernel, target: Target): number {
  const all = [...kernel.phases.flat()];
  if (all.length === 0 || all.some((a) => a.combine === "argmax" || a.combine === "argmin")) return 1;
  const plan = planReduce(kernel, target);
  const turns = Math.ceil(plan.groups / plan.threads);
  if (turns < LONG) return 1;
  const parts = Math.min(Math.ceil(turns / SHORT), Math.floor(BUSY / (plan.slots * plan.threads)));
  return parts < 2 ? 1 : parts;
}

/** A part of a loop of `extent`: parts begin at multiples of `chunk`; the last is moved back to end at the extent. */
interface Chunk {
  readonly chunk: number;
  readonly parts: number;
  readonly at: Expr;
  /** Whether the part has this place for itself, where parts overlap. */
  readonly own?: Expr;
}

function chunkOf(extent: number, wanted: number, part: Expr, within: Expr): Chunk {
  // Whole multiples of sixteen, so that what was contiguous and aligned stays so.
  const chunk = Math.min(extent, Math.ceil(extent / wanted / 16) * 16);
  const parts = Math.ceil(extent / chunk);
  const start = prim("mul", part, i32(chunk));
  if (extent % chunk === 0) return { chunk, parts, at: prim("add", start, within) };
  const at = prim("add", prim("min", start, i32(extent - chunk)), within);
  return { chunk, parts, at, own: prim("ge", at, start) };
}

/** Splits a contraction into `wanted` parts of its sum, more or less. */
export function splitMatmul(kernel: MatmulKernel, wanted: number): Split {
  const rank = kernel.batch.length;
  const { chunk, parts, at, own } = chunkOf(kernel.k, wanted, coord(rank), coord(rank + 3));
  const coords = [...kernel.batch.map((_, i) => coord(i)), coord(rank + 1), coord(rank + 2), at];
  const shape = [...kernel.batch, parts, kernel.m, kernel.n];
  const split = new Splitter(kernel);

  const part = split.step("part");
  const masked = (x: Expr) => {
    const value = part.place(x, coords, []);
    return own ? prim("select", own, value, f32(0)) : value;
  };
  const a = masked(kernel.a), b = masked(kernel.b);
  const partial = split.temp("partial sums", "f32", shape);
  const stores = [part.storeTemp(partial, accOf(0, "f32"))];
  const { m, n, operand } = kernel;
  part.finish({
    ...split.base,
    family: "matmul",
    batch: shape.slice(0, -2),
    m,
    n,
    k: chunk,
    a,
    b,
    operand,
    stores,
  });

  const outer = [...kernel.batch, kernel.m, kernel.n];
  const join = split.step("join");
  const total = [accOf(0, "f32")];
  const here = outer.map((_, i) => coord(i));
  const from = [...here.slice(0, rank), coord(outer.length), ...here.slice(rank)];
  const sum: Accumulator = { combine: "sum", value: join.loadTemp(partial, from) };
  join.finish({
    ...split.base,
    family: "reduce",
    outer,
    inner: [parts],
    phases: [[sum]],
    rowStores: kernel.stores.map((s) => join.store(s, here, total)),
    elementStores: [],
  });
  return split.finish();
}

/** Splits every phase of a reduction into `wanted` parts of its rows, more or less. */
export function splitReduce(kernel: ReduceKernel, wanted: number): Split {
  const { outer, inner } = kernel;
  const rank = outer.length, extent = product(inner);
  const split = new Splitter(kernel);
  const rows = outer.map((_, i) => coord(i));
  // The parts come first among the outer axes: what ran along the last of them still does.
  const partRows = outer.map((_, i) => coord(i + 1));
  const { chunk, parts, at, own } = chunkOf(extent, wanted, coord(0), coord(rank + 1));
  const coords = [...partRows, ...delinear(at, inner)];
  /** Finished accumulators, one f32, i32, u32 or bool tensor of shape `outer` each. */
  const done: { readonly temp: number; readonly kind: Kind }[] = [];
  const finished = (step: Step, at = rows) => done.map((d) => step.loadTemp(d.temp, at));

  kernel.phases.forEach((phase, p) => {
    const last = p === kernel.phases.length - 1;
    const part = split.step(`part${p}`);
    const shape = [parts, ...outer];
    const accs = finished(part, partRows);
    const accumulators = phase.map((a): Accumulator => {
      const value = part.place(a.value, coords, accs);
      return {
        combine: a.combine,
        value: own ? prim("select", own, value, identity(a.combine, value.kind)) : value,
      };
    });
    const temps = phase.map((a, i) => split.temp(`part ${done.length + i}`, a.value.kind, shape));
    part.finish({
      ...split.base,
      family: "reduce",
      outer: shape,
      inner: [chunk],
      phases: [accumulators],
      rowStores: temps.map((t, i) => part.storeTemp(t, accOf(i, phase[i].value.kind))),
      elementStores: [],
    });

    const join = split.step(`join${p}`);
    const results = phase.map((a, i) => accOf(i, a.value.kind));
    const known = [...finished(join), ...results];
    const needed = !last || kernel.elementStores.length > 0;
    const kept = needed ? phase.map((a, i) => split.temp(`acc ${done.length + i}`, a.value.kind, outer)) : [];
    join.finish({
      ...split.base,
      family: "reduce",
      outer,
      inner: [parts],
      phases: [
        phase.map((a, i) => ({ combine: a.combine, value: join.loadTemp(temps[i], [coord(rank), ...rows]) })),
      ],
      rowStores: [
        ...kept.map((t, i) => join.storeTemp(t, results[i])),
        ...(last ? kernel.rowStores.map((s) => join.store(s, rows, known)) : []),
      ],
      elementStores: [],
    });
    kept.forEach((temp, i) => done.push({ temp, kind: phase[i].value.kind }));
  });

  if (kernel.elementStores.length > 0) {
    const step = split.step("elements");
    const shape = [...outer, ...inner];
    const here = shape.map((_, i) => coord(i)), accs = finished(step);
    const stores = kernel.elementStores.map((s) => step.store(s, here, accs));
    step.finish({ ...split.base, family: "map", shape, stores });
  }
  return split.finish();
}

function accOf(index: number, kind: Kind): Expr {
  return { e: "acc", index, kind };
}

function identity(combine: Combine, kind: Kind): Expr {
  const value = identityOf(combine, kind);
  return kind === "f32"
    ? f32(value)
    : kind === "i32"
    ? i32(value)
    : kind === "u32"
    ? u32(value)
    : bool(false);
}

/** The coordinates of a row-major position. */
function delinear(flat: Expr, dims: readonly number[]): Expr[] {
  const coords = new Array<Expr>(dims.length);
  let rest = flat;
  for (let i = dims.length - 1; i >= 0; i--) {
    coords[i] = i === 0 ? rest : prim("mod", rest, i32(dims[i]));
    if (i > 0) rest = prim("quo", rest, i32(dims[i]));
  }
  return coords;
}

type Unbound<K> = K extends Kernel ? Omit<K, "bindings" | "flag" | "name" | "shader"> : never;

class Splitter {
  readonly #temps: Binding[] = [];
  readonly #steps: SplitStep[] = [];
  /** What the steps have of the kernel as it is. */
  readonly base: { readonly fuses: readonly string[] };

  constructor(readonly kernel: Kernel) {
    this.base = { fuses: kernel.fuses };
  }

  temp(name: string, kind: Kind, shape: readonly number[]): number {
    return this.#temps.push({
      name: `${this.kernel.name}: ${name}`,
      dtype: kind,
      access: "read_write",
      shape,
    }) - 1;
  }

  binding(operand: Operand): Binding {
    return operand.of === "temp" ? this.#temps[operand.index] : this.kernel.bindings[operand.binding];
  }

  step(suffix: string): Step {
    return new Step(this, suffix, (step) => this.#steps.push(step));
  }

  finish(): Split {
    return { temps: this.#temps, steps: this.#steps };
  }
}

/** One kernel of a split while it is put together: it binds only what it uses. */
class Step {
  readonly #operands: Operand[] = [];
  readonly #reads = new Set<number>();
  readonly #writes = new Set<number>();
  /** What was placed already, by the coordinates and the accumulators, so that stores share expressions. */
  readonly #memos = new Map<readonly Expr[], Map<readonly Expr[], Map<Expr, Expr>>>();
  #flagged = false;

  constructor(readonly split: Splitter, readonly suffix: string, readonly add: (step: SplitStep) => void) {}

  /** An expression of the kernel, with other coordinates and with these values for its accumulators. */
  place(x: Expr, coords: readonly Expr[], accs: readonly Expr[]): Expr {
    let byAccs = this.#memos.get(coords);
    if (!byAccs) this.#memos.set(coords, byAccs = new Map());
    let memo = byAccs.get(accs);
    if (!memo) byAccs.set(accs, memo = new Map());
    return rebuild(x, (y) => {
      if (y.e === "coord") return coords[y.axis];
      if (y.e === "acc") return accs[y.index];
      if (y.e === "round" && y.flag) this.#flagged = true;
      if (y.e === "load") {
        return { ...y, binding: this.#bind({ of: "kernel", binding: y.binding }, this.#reads) };
      }
      return y;
    }, memo);
  }

  store({ binding, value }: Store, coords: readonly Expr[], accs: readonly Expr[]): Store {
    const placed = this.place(value, coords, accs);
    return { binding: this.#bind({ of: "kernel", binding }, this.#writes), value: placed };
  }

  loadTemp(index: number, coords: readonly Expr[]): Expr {
    const { shape, dtype } = this.split.binding({ of: "temp", index });
    const strides = stridesOf(shape, dtype);
    const at = coords.map((c, i) => prim("mul", c, i32(strides[i]))).reduce(
      (a, c) => prim("add", a, c),
      i32(0),
    );
    const kind = dtype as Kind;
    return { e: "load", binding: this.#bind({ of: "temp", index }, this.#reads), index: at, kind };
  }

  storeTemp(index: number, value: Expr): Store {
    return { binding: this.#bind({ of: "temp", index }, this.#writes), value };
  }

  finish(kernel: Unbound<Kernel>): void {
    const { kernel: whole } = this.split;
    let flag: number | undefined;
    if (this.#flagged && whole.flag !== undefined) {
      const operand: Operand = { of: "kernel", binding: whole.flag };
      this.#bind(operand, this.#reads);
      flag = this.#bind(operand, this.#writes);
    }
    const bindings = this.#operands.map((o, i): Binding => {
      const access = !this.#writes.has(i) ? "read" : this.#reads.has(i) ? "read_write" : "write";
      return { ...this.split.binding(o), access };
    });
    const step = {
      ...kernel,
      name: `${whole.name}_${this.suffix}`,
      bindings,
      ...(flag === undefined ? {} : { flag }),
    };
    this.add({ kernel: step as Kernel, operands: this.#operands });
  }

  #bind(operand: Operand, way: Set<number>): number {
    let at = this.#operands.findIndex((o) => JSON.stringify(o) === JSON.stringify(operand));
    if (at < 0) at = this.#operands.push(operand) - 1;
    way.add(at);
    return at;
  }
}
