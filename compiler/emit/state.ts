import type { DType } from "../core/dtype.ts";
import { byteSize } from "../core/dtype.ts";
import { physicalBytes, rowLength } from "../core/kernel.ts";
import type { StateLayout, StateSlot } from "../core/program.ts";
import type { Shape } from "../core/shape.ts";
import { bound } from "../core/shape.ts";
import { GRADS } from "../passes/fuse_arena.ts";
import { STEP } from "../passes/slots.ts";

/** Where a binding may start, in bytes. */
export const ALIGNMENT = 256;

/** What the names of buffers begin with in which scalar slots stand. */
export const SCALARS = "scalars.";

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

interface Slot {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * Lays the slots out. Slots named `COLUMN/PATH` of one dtype share an arena, every slot at a multiple of 256 elements and
 * without padded rows, and in every arena in one order: so masters, moments and copies of a group of parameters are
 * congruent, and one kernel updates them all. Parameters that are likely to be treated alike stand together: those with
 * the same columns, and of them matrices before vectors, which are often spared the decay. Scalars of one dtype share a
 * buffer too: who counts several binds one. A State that is trained has room for the gradients in the same order.
 */
export function layoutState(slots: readonly Slot[]): StateLayout {
  const ends = new Map<string, number>();
  const order = new Map(arranged(slots).map((s, i) => [s.name, i]));
  const placed = arranged(slots).map((s): StateSlot => {
    const slash = s.name.indexOf("/");
    const shape = slash < 0 ? bound(s.shape) : flat(bound(s.shape), s.dtype);
    const scalar = slash < 0 && shape.length === 0;
    const buffer = scalar
      ? `${SCALARS}${s.dtype}`
      : slash < 0
      ? s.name
      : `${s.name.slice(0, slash)}.${s.dtype}`;
    const offset = ends.get(buffer) ?? 0;
    const bytes = physicalBytes(shape, s.dtype);
    const step = slash < 0 ? ALIGNMENT : ALIGNMENT * byteSize(s.dtype);
    ends.set(buffer, offset + Math.ceil(bytes / step) * step);
    return { name: s.name, dtype: s.dtype, shape, buffer, offset, bytes };
  });
  const buffers = [...ends].map(([name, bytes]) => ({ name, bytes }));
  const masters = ends.get("param.f32");
  const trains = slots.some((s) => s.name === STEP) && !slots.some((s) => s.name.startsWith("accum/"));
  if (masters && trains) buffers.push({ name: GRADS, bytes: masters });
  const given = new Map(slots.map((s, i) => [s.name, i]));
  placed.sort((a, b) => given.get(a.name)! - given.get(b.name)! || order.get(a.name)! - order.get(b.name)!);
  return { buffers, slots: placed };
}

/** Sub-word rows are padded unless whole words: a slot that would have gaps is laid out as one row. */
function flat(shape: readonly number[], dtype: DType): number[] {
  const row = shape.at(-1) ?? 1;
  return rowLength(shape, dtype) === row ? [...shape] : [shape.reduce((a, b) => a * b, 1)];
}

function arranged(slots: readonly Slot[]): Slot[] {
  const pathOf = (s: Slot) => s.name.slice(s.name.indexOf("/") + 1);
  const columns = new Map<string, string[]>();
  for (const s of slots) {
    const list = columns.get(pathOf(s)) ?? [];
    list.push(`${s.name.slice(0, s.name.indexOf("/"))}.${s.dtype}`);
    columns.set(pathOf(s), list);
  }
  const key = (s: Slot) => `${columns.get(pathOf(s))!.sort().join(" ")} ${s.shape.length >= 2 ? 0 : 1}`;
  const first = new Map<string, number>();
  slots.forEach((s, i) => first.has(pathOf(s)) || first.set(pathOf(s), i));
  return slots.map((s) => ({ s, k: key(s), at: first.get(pathOf(s))! }))
    .sort((a, b) => a.k < b.k ? -1 : a.k > b.k ? 1 : a.at - b.at).map(({ s }) => s);
}
