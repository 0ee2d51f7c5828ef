import { byteSize } from "../core/dtype.ts";
import { i32, prim } from "../core/expr.ts";
import { takenByPart } from "../../kernels/matmul_plan.ts";
import type { Binding, Kernel, SingleKernel } from "../core/kernel.ts";
import { physicalBytes, stridesOf } from "../core/kernel.ts";
import type { Target } from "../core/target.ts";
import type { Rebinding } from "./bound.ts";
import { rebound, renumbered } from "./bound.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";
import { VECTOR } from "./vectors.ts";

/** Parts of one dispatch: a launch saved is worth less than a shader that is read. */
const MOST_PARTS = 8;
/** Invocations of the largest workgroup that a part takes. */
const INVOCATIONS = 256;
/** How many dispatches back a kernel looks for company: what is made long before it is read stands in memory. */
const WINDOW = 12;

/**
 * Puts kernels that need nothing of one another into one dispatch: the second stages of sums, the small sums beside large
 * ones, a small layer's two gradients. A kernel joins the nearest group before it, past which it can be moved.
 *
 * @param alone which stay by themselves
 */
export function groupKernels(
  kernels: readonly BuiltKernel[],
  target: Target,
  alone: (built: BuiltKernel) => boolean = () => false,
): BuiltKernel[] {
  const groups: Member[][] = [];
  for (const built of kernels) {
    const k: Member = { built, touches: touchesOf(built), alone: alone(built) };
    const home = k.alone ? undefined : findGroup(groups, k, target);
    if (home) home.push(k);
    else groups.push([k]);
  }
  return groups.map((g) => g.length === 1 ? g[0].built : joined(g));
}

interface Member {
  readonly built: BuiltKernel;
  readonly touches: readonly Touch[];
  readonly alone: boolean;
}

/** A range of memory. */
interface Range {
  /** The name of a State buffer or of a temp that is stored in parts, or a tensor that stands by itself. */
  readonly where: string | Tensor;
  readonly start: number;
  readonly end: number;
}

/** A range of memory that a kernel reads or writes. */
interface Touch extends Range {
  readonly writes: boolean;
  readonly raises: boolean;
  /** Touches of one identity are bound once. */
  readonly identity: unknown;
}

/** Bytes of a tensor that is bound once for all parts that read it; larger ones are read in vectors of each part's own. */
const SMALL = 1 << 12;

/**
 * What a binding of a part is in the group; those that are the same are bound once: the flag, what is small and only
 * read, and of one State buffer all that maps of whole vectors read and write, and all scalars. Anything else is bound for
 * its part alone.
 */
function identityOf({ kernel, tensors }: BuiltKernel, binding: number): unknown {
  const t = tensors[binding];
  const small = kernel.bindings[binding].access === "read" && physicalBytes(t.layout, t.dtype) <= SMALL;
  if (kernel.flag === binding) return t;
  const whole = kernel.family === "map" && (kernel.shape.at(-1) ?? 1) % VECTOR === 0;
  if (t.at && (whole || t.layout.length === 0)) return `${t.at.buffer} ${t.dtype}`;
  return small ? t : {};
}

function touchesOf(built: BuiltKernel): Touch[] {
  const { kernel, tensors } = built;
  return tensors.map((t, i) => ({
    ...rangeOf(t),
    writes: kernel.bindings[i].access !== "read",
    raises: kernel.flag === i,
    identity: identityOf(built, i),
  }));
}

/** Where a tensor stands. */
export function rangeOf(t: Tensor): Range {
  const start = t.at?.offset ?? 0;
  const where = t.at?.buffer ?? (t.place || t.covers ? t.name : t);
  return { where, start, end: start + physicalBytes(t.layout, t.dtype) };
}

function findGroup(groups: readonly Member[][], k: Member, target: Target): Member[] | undefined {
  for (let j = groups.length - 1; j >= Math.max(0, groups.length - WINDOW); j--) {
    const group = groups[j];
    if (accepts(group, k, target)) return group;
    if (group.some((m) => waits(m, k))) return undefined;
  }
}

function accepts(group: readonly Member[], k: Member, target: Target): boolean {
  if (group.length >= MOST_PARTS || group.some((m) => m.alone || waits(m, k))) {
    return false;
  }
  const members = [...group, k], { limits } = target;
  const memory = members.reduce((sum, m) => sum + workgroupBytes(m.built.kernel, target), 0);
  if (memory > limits.maxComputeWorkgroupStorageSize) return false;
  const bound = boundTogether(members);
  if (bound.length > limits.maxStorageBuffersPerShaderStage) return false;
  // Where a dispatch writes a buffer, its bindings of the buffer must be apart.
  const written = new Set(bound.filter((b) => b.writes).map((b) => b.where));
  const ofOne = (a: Bound, b: Bound) => a.member !== undefined && a.member === b.member;
  return bound.every((a, i) =>
    !written.has(a.where) || bound.every((b, j) => i >= j || !overlap(a, b) || ofOne(a, b))
  );
}

/** A binding of a group. */
interface Bound extends Range {
  readonly writes: boolean;
  /** The part that alone binds it. */
  readonly member: Member | undefined;
}

/** What some parts bind, each thing once, with the range that it takes for all of them. */
function boundTogether(members: readonly Member[]): Bound[] {
  const all = new Map<unknown, Bound>();
  for (const m of members) {
    for (const t of m.touches) {
      const known = all.get(t.identity);
      all.set(t.identity, {
        where: t.where,
        start: Math.min(t.start, known?.start ?? t.start),
        end: Math.max(t.end, known?.end ?? t.end),
        writes: t.writes || (known?.writes ?? false),
        member: known && known.member !== m ? undefined : m,
      });
    }
  }
  return [...all.values()];
}

/**
 * Workgroup memory that a kernel may take: panels, or for every invocation a value of each row's store, and of each kind
 * of accumulator and its position, which phases share by their place in the phase.
 */
function workgroupBytes(kernel: Kernel, target: Target): number {
  if (kernel.family === "group") return 0;
  if (kernel.family === "matmul") return takenByPart(kernel, target, INVOCATIONS).bytes;
  const phases = kernel.family === "reduce" ? kernel.phases : kernel.prelude?.phases ?? [];
  const arrays = new Set(phases.flatMap((phase) =>
    phase.flatMap(({ combine, value }, place) => [
      `${place} ${value.kind}`,
      ...(combine.startsWith("arg") ? [`${place} at`] : []),
    ])
  ));
  const stores = kernel.family === "reduce" ? kernel.rowStores.length : 0;
  return INVOCATIONS * 4 * (arrays.size + stores);
}

export function overlap(a: Range, b: Range): boolean {
  return a.where === b.where && a.start < b.end && b.start < a.end;
}

/** Whether one of two kernels must see what the other does, or must not. Raising the flag is alike in any order. */
function waits(a: Member, b: Member): boolean {
  return a.touches.some((x) =>
    b.touches.some((y) => (x.writes || y.writes) && !(x.raises && y.raises) && overlap(x, y))
  );
}

function joined(members: readonly Member[]): BuiltKernel {
  /** For each binding of the group, what parts show there. */
  const shown = new Map<unknown, { tensors: Tensor[]; access: Set<Binding["access"]>; at: number }>();
  let flag: number | undefined;
  const places = members.map(({ built, touches }) =>
    built.tensors.map((t, i) => {
      let show = shown.get(touches[i].identity);
      if (!show) shown.set(touches[i].identity, show = { tensors: [], access: new Set(), at: shown.size });
      if (!show.tensors.includes(t)) show.tensors.push(t);
      show.access.add(built.kernel.bindings[i].access);
      if (built.kernel.flag === i) flag = show.at;
      return show.at;
    })
  );
  const tensors = [...shown.values()].map((s) => windowOn(s.tensors));
  const bindings = [...shown.values()].map(({ access }, i): Binding => {
    const { name, dtype, layout } = tensors[i];
    return { name, dtype, access: access.size === 1 ? [...access][0] : "read_write", shape: layout };
  });
  const parts = members.map(({ built }, m) => {
    const { kernel } = built;
    if (kernel.family === "group") throw new Error("a group is no part of another");
    const shifts = built.tensors.map((t, i) => {
      const window = tensors[places[m][i]];
      return window === t ? undefined : (t.at!.offset - window.at!.offset) / byteSize(t.dtype);
    });
    return rebound(kernel, shifted(kernel, places[m], shifts), bindings);
  });
  const fuses = [...new Set(members.flatMap((m) => m.built.kernel.fuses))];
  return { kernel: { family: "group", name: "", bindings, flag, fuses, parts }, tensors };
}

/** One tensor that shows what some show of one State buffer, in whole vectors: slots stand at multiples of them. */
function windowOn(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (tensors.length === 1 || !first.at) return first;
  const { dtype, at: { buffer } } = first;
  const ranges = tensors.map(rangeOf);
  const offset = Math.min(...ranges.map((r) => r.start));
  const end = Math.max(...ranges.map((r) => r.end));
  const length = Math.ceil((end - offset) / byteSize(dtype) / VECTOR) * VECTOR;
  return { kind: "state", name: buffer, dtype, layout: [length], at: { buffer, offset } };
}

/**
 * Bindings that are numbered otherwise, and of which some show more than the part's own tensor, whose elements then
 * stand further on.
 */
function shifted(
  kernel: SingleKernel,
  places: readonly number[],
  shifts: readonly (number | undefined)[],
): Rebinding {
  const plain = renumbered(places);
  return {
    ...plain,
    load(x) {
      const shift = shifts[x.binding];
      return plain.load(shift ? { ...x, index: prim("add", x.index, i32(shift)) } : x);
    },
    store(s) {
      const shift = shifts[s.binding];
      if (shift === undefined) return plain.store(s);
      // Whoever shows a buffer with others is a map, or it is a row's scalar.
      const shape = shapeOf(kernel);
      const own = s.place ?? { offset: 0, strides: stridesOf(shape, kernel.bindings[s.binding].dtype) };
      return { ...plain.store(s), place: { ...own, offset: own.offset + shift } };
    },
  };
}

/** Of what a kernel stores for each row. */
function shapeOf(kernel: SingleKernel): readonly number[] {
  switch (kernel.family) {
    case "map":
      return kernel.shape;
    case "reduce":
      return kernel.outer;
    case "matmul":
      return [...kernel.batch, kernel.m, kernel.n];
  }
}
