import type { Expr } from "../core/expr.ts";
import { rebuild } from "../core/expr.ts";
import type { Binding, Kernel, ReduceKernel, SingleKernel, Store } from "../core/kernel.ts";
import { physicalBytes } from "../core/kernel.ts";
import type { TargetLimits } from "../core/target.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";

/** Parts of one dispatch: a launch saved is worth less than a shader that is read. */
const MOST_PARTS = 6;
/** Invocations of the largest workgroup that a reduction takes. */
const INVOCATIONS = 256;
/** How many dispatches back a kernel looks for company: what is made long before it is read stands in memory. */
const WINDOW = 12;

/**
 * Puts kernels that need nothing of one another into one dispatch: the second stages of sums, the small sums beside large
 * ones. A kernel joins the nearest group before it, past which it can be moved. Contractions stay by themselves, since
 * their registers would be everyone's.
 */
export function groupKernels(kernels: readonly BuiltKernel[], limits: GroupLimits): BuiltKernel[] {
  const groups: Member[][] = [];
  for (const built of kernels) {
    const k: Member = { built, touches: touchesOf(built) };
    const home = built.kernel.family === "matmul" ? undefined : findGroup(groups, k, limits);
    if (home) home.push(k);
    else groups.push([k]);
  }
  return groups.map((g) => g.length === 1 ? g[0].built : joined(g.map((m) => m.built)));
}

/** What one dispatch may take of a device. */
export type GroupLimits = Pick<
  TargetLimits,
  "maxStorageBuffersPerShaderStage" | "maxComputeWorkgroupStorageSize"
>;

interface Member {
  readonly built: BuiltKernel;
  readonly touches: readonly Touch[];
}

/** A range of memory that a kernel reads or writes. */
interface Touch {
  /** The name of a State buffer or of a temp that is stored in parts, or a tensor that stands by itself. */
  readonly where: string | Tensor;
  readonly start: number;
  readonly end: number;
  readonly writes: boolean;
  readonly raises: boolean;
  readonly shared: boolean;
}

/** Bytes of a tensor that is bound once for all parts that read it; larger ones are read in vectors of each part's own. */
const SMALL = 4;

/** Whether the parts of a group share a binding: the flag, and scalars that they read. */
function isShared({ kernel, tensors }: BuiltKernel, binding: number): boolean {
  const { layout, dtype } = tensors[binding];
  return kernel.flag === binding ||
    kernel.bindings[binding].access === "read" && physicalBytes(layout, dtype) <= SMALL;
}

function touchesOf(built: BuiltKernel): Touch[] {
  const { kernel, tensors } = built;
  return tensors.map((t, i) => {
    const start = t.at?.offset ?? 0;
    return {
      where: t.at?.buffer ?? (t.place || t.covers ? t.name : t),
      start,
      end: start + physicalBytes(t.layout, t.dtype),
      writes: kernel.bindings[i].access !== "read",
      raises: kernel.flag === i,
      shared: isShared(built, i),
    };
  });
}

function findGroup(groups: readonly Member[][], k: Member, limits: GroupLimits): Member[] | undefined {
  for (let j = groups.length - 1; j >= Math.max(0, groups.length - WINDOW); j--) {
    const group = groups[j];
    if (accepts(group, k, limits)) return group;
    if (group.some((m) => waits(m, k))) return undefined;
  }
}

function accepts(group: readonly Member[], k: Member, limits: GroupLimits): boolean {
  if (group.length >= MOST_PARTS || group.some((m) => m.built.kernel.family === "matmul" || waits(m, k))) {
    return false;
  }
  const members = [...group, k];
  const shared = new Set<Tensor>();
  let bindings = 0;
  for (const { built, touches } of members) {
    touches.forEach((t, i) => {
      if (!t.shared) bindings++;
      else shared.add(built.tensors[i]);
    });
  }
  if (bindings + shared.size > limits.maxStorageBuffersPerShaderStage) return false;
  const memory = members.reduce((sum, m) => sum + workgroupBytes(m.built.kernel), 0);
  if (memory > limits.maxComputeWorkgroupStorageSize) return false;
  // Where a dispatch writes a buffer, its bindings of the buffer must be apart.
  return members.every((m, i) =>
    members.every((other, j) =>
      i >= j || m.touches.every((a) =>
        other.touches.every((b) =>
          !overlap(a, b) || a.shared && b.shared ||
          !members.some((w) => w.touches.some((t) => t.writes && t.where === a.where))
        )
      )
    )
  );
}

/** Workgroup memory that a kernel may take: for every invocation a value and a position of each accumulator of a phase. */
function workgroupBytes(kernel: Kernel): number {
  if (kernel.family !== "reduce" && kernel.family !== "map") return 0;
  const phases = kernel.family === "reduce" ? kernel.phases : kernel.prelude?.phases ?? [];
  const most = Math.max(0, ...phases.map((p) => p.length));
  return INVOCATIONS * 4 * (2 * most + (kernel.family === "reduce" ? kernel.rowStores.length : 0));
}

function overlap(a: Touch, b: Touch): boolean {
  return a.where === b.where && a.start < b.end && b.start < a.end;
}

/** Whether one of two kernels must see what the other does, or must not. Raising the flag is alike in any order. */
function waits(a: Member, b: Member): boolean {
  return a.touches.some((x) =>
    b.touches.some((y) => (x.writes || y.writes) && !(x.raises && y.raises) && overlap(x, y))
  );
}

function joined(members: readonly BuiltKernel[]): BuiltKernel {
  const tensors: Tensor[] = [];
  const bindings: Binding[] = [];
  let flag: number | undefined;
  const shared = new Map<Tensor, number>();
  const places = members.map((m) =>
    m.tensors.map((t, i) => {
      const known = isShared(m, i) ? shared.get(t) : undefined;
      if (known !== undefined) return known;
      bindings.push(m.kernel.bindings[i]);
      const at = tensors.push(t) - 1;
      if (isShared(m, i)) shared.set(t, at);
      if (m.kernel.flag === i) flag = at;
      return at;
    })
  );
  const parts = members.map((m, i) => rebound(m.kernel, places[i], bindings));
  const fuses = [...new Set(members.flatMap((m) => m.kernel.fuses))];
  return { kernel: { family: "group", name: "", bindings, flag, fuses, parts }, tensors };
}

/** The kernel with its bindings numbered as the group's. */
function rebound(kernel: Kernel, places: readonly number[], bindings: readonly Binding[]): SingleKernel {
  const memo = new Map<Expr, Expr>();
  const value = (e: Expr): Expr =>
    rebuild(e, (x) => x.e === "load" ? { ...x, binding: places[x.binding] } : x, memo);
  const store = (s: Store): Store => ({ ...s, binding: places[s.binding], value: value(s.value) });
  const reduced = (phases: ReduceKernel["phases"]) =>
    phases.map((phase) => phase.map((a) => ({ ...a, value: value(a.value) })));
  const flag = kernel.flag === undefined ? undefined : places[kernel.flag];
  switch (kernel.family) {
    case "map":
      return {
        ...kernel,
        bindings,
        flag,
        stores: kernel.stores.map(store),
        ...(kernel.prelude ? { prelude: { ...kernel.prelude, phases: reduced(kernel.prelude.phases) } } : {}),
      };
    case "reduce":
      return {
        ...kernel,
        bindings,
        flag,
        phases: reduced(kernel.phases),
        rowStores: kernel.rowStores.map(store),
        elementStores: kernel.elementStores.map(store),
      };
    default:
      throw new Error(`a ${kernel.family} kernel does not join a group`);
  }
}
