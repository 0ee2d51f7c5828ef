import type { BufferDecl, Program, StateLayout, TensorView, View } from "./core/program.ts";
import { partsOf, storesOf } from "./core/kernel.ts";
import { SCALARS } from "./emit/state.ts";
import { GRADS } from "./passes/fuse_arena.ts";

/** What memory is for, in the order in which it is told. */
export const PARTS = [
  "weights",
  "copies",
  "moments",
  "gradients",
  "state",
  "batch",
  "activations",
  "workspace",
] as const;
export type Part = typeof PARTS[number];

/** A tensor that a run makes: where it stands, and from which dispatch to which. */
export interface PlannedTensor {
  /** Index into `Program.buffers`; tensors of one buffer follow one another. */
  readonly buffer: number;
  readonly bytes: number;
  /** The dispatch that writes it, and the last that reads it. */
  readonly first: number;
  readonly last: number;
  /** `f16[128, 64]`. */
  readonly type: string;
  /** Made by the forward pass for the backward pass. */
  readonly kept: boolean;
}

/** A state buffer in a run. */
export interface PlannedState {
  readonly name: string;
  readonly bytes: number;
  readonly readBy: readonly number[];
  readonly writtenBy: readonly number[];
  /** Dispatches that write over what they read, element for element. */
  readonly inPlace: readonly number[];
}

/** Everything that is allocated for a Program and its State. */
export interface MemoryPlan {
  /** Bytes of all buffers; the sum of the parts. */
  readonly total: number;
  readonly parts: Readonly<Record<Part, number>>;
  readonly tensors: readonly PlannedTensor[];
  readonly state: readonly PlannedState[];
  /** The dispatch at which most bytes of tensors are alive, and how many; undefined where there are none. */
  readonly peak?: { readonly dispatch: number; readonly bytes: number };
}

/**
 * The memory of a Program and of the State that it runs on, as the runtime allocates it. `activations` are tensors that
 * the backward pass waits for, `workspace` the rest of what a run has to itself, `state` all State that is none of the
 * parts named.
 */
export function memoryPlan(program: Program, state: StateLayout): MemoryPlan {
  const tensors = tensorsOf(program);
  const parts: Record<Part, number> = {
    weights: 0,
    copies: 0,
    moments: 0,
    gradients: 0,
    state: 0,
    batch: 0,
    activations: tensors.reduce((sum, t) => sum + (t.kept ? t.bytes : 0), 0),
    workspace: 0,
  };
  for (const b of state.buffers) parts[statePart(b.name)] += b.bytes;
  const own = (roles: readonly BufferDecl["role"][]) =>
    program.buffers.reduce((sum, b) => sum + (roles.includes(b.role) ? b.bytes : 0), 0);
  parts.batch = own(["input", "result"]);
  parts.workspace = own(["temp"]) - parts.activations;
  const total = PARTS.reduce((sum, p) => sum + parts[p], 0);
  const planned = state.buffers.map((b) => stateIn(program, b));
  return { total, parts, tensors, state: planned, ...peakOf(tensors, program.dispatches.length) };
}

function statePart(name: string): Part {
  if (name.startsWith("param.")) return "weights";
  if (name.startsWith("copy.")) return "copies";
  if (name.startsWith("accum.") || name === GRADS) return "gradients";
  return name.includes(".") && !name.startsWith(SCALARS) ? "moments" : "state";
}

/** Tensors in temps: each lives from the dispatch that writes it to the last before the next is written there. */
function tensorsOf(program: Program): PlannedTensor[] {
  const loss = program.results.find((r) => r.name === "loss");
  const turn = loss ? program.dispatches.findIndex((d) => d.views.some((v) => shows(v, loss))) : -1;
  const out: (PlannedTensor & { last: number; kept: boolean; filling: boolean })[] = [];
  const open = new Map<number, typeof out[number]>();
  program.dispatches.forEach(({ kernel, views }, i) => {
    const k = program.kernels[kernel], { bindings } = k;
    const placed = new Set(partsOf(k).flatMap(storesOf).flatMap((s) => s.place ? [s.binding] : []));
    views.forEach(({ buffer, bytes }, b) => {
      if (program.buffers[buffer].role !== "temp") return;
      const { access, dtype, shape } = bindings[b];
      const known = open.get(buffer);
      // What is stored in parts is one tensor from the first of them.
      const fills = placed.has(b) && known?.filling;
      if (known && (access !== "write" || known.first === i || fills)) {
        known.last = i;
        known.filling &&= placed.has(b);
        known.kept = known.first < turn && turn < i;
        return;
      }
      const type = `${dtype}[${shape.join(", ")}]`;
      const t = { buffer, bytes, first: i, last: i, type, kept: false, filling: placed.has(b) };
      out.push(t);
      open.set(buffer, t);
    });
  });
  return out.map(({ filling: _, ...t }) => t);
}

const shows = (v: View, t: TensorView) => v.buffer === t.view.buffer && v.offset === t.view.offset;

function stateIn(program: Program, { name, bytes }: StateLayout["buffers"][number]): PlannedState {
  const readBy = new Set<number>(), writtenBy = new Set<number>(), inPlace = new Set<number>();
  program.dispatches.forEach(({ kernel, views }, i) => {
    const k = program.kernels[kernel];
    const stored = new Set(partsOf(k).flatMap((part) => storesOf(part).map((s) => s.binding)));
    const mine = views.flatMap((view, b) => program.buffers[view.buffer].name === name ? [{ view, b }] : []);
    // A binding that is only read is declared read-write beside one of its buffer that is written.
    const writes = mine.filter(({ b }) => stored.has(b) || k.flag === b);
    const reads = mine.filter(({ b }) => k.bindings[b].access !== "write");
    if (reads.length > 0) readBy.add(i);
    if (writes.length > 0) writtenBy.add(i);
    const meets = (v: View, w: View) => v.offset < w.offset + w.bytes && w.offset < v.offset + v.bytes;
    if (reads.some((r) => writes.some((w) => meets(r.view, w.view)))) inPlace.add(i);
  });
  return { name, bytes, readBy: [...readBy], writtenBy: [...writtenBy], inPlace: [...inPlace] };
}

function peakOf(tensors: readonly PlannedTensor[], dispatches: number): Pick<MemoryPlan, "peak"> {
  const alive = new Array<number>(dispatches).fill(0);
  for (const t of tensors) for (let i = t.first; i <= t.last; i++) alive[i] += t.bytes;
  const bytes = alive.reduce((a, b) => Math.max(a, b), 0);
  return bytes > 0 ? { peak: { dispatch: alive.indexOf(bytes), bytes } } : {};
}
