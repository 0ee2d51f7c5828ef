import type { DType } from "../core/dtype.ts";
import { physicalBytes } from "../core/kernel.ts";
import type { StateLayout, StateSlot } from "../core/program.ts";
import type { Shape } from "../core/shape.ts";
import { bound } from "../core/shape.ts";

/** Where a binding may start. */
export const ALIGNMENT = 256;

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/**
 * Lays the slots out. Slots named `COLUMN/PATH` of one dtype share an arena, in the order given, so that masters, moments
 * and copies of the same parameters stand in the same order; any other slot has a buffer of its own.
 */
export function layoutState(
  slots: readonly { readonly name: string; readonly dtype: DType; readonly shape: Shape }[],
): StateLayout {
  const ends = new Map<string, number>();
  const placed = slots.map((s): StateSlot => {
    const shape = bound(s.shape);
    const slash = s.name.indexOf("/");
    const buffer = slash < 0 ? s.name : `${s.name.slice(0, slash)}.${s.dtype}`;
    const offset = ends.get(buffer) ?? 0;
    const bytes = physicalBytes(shape, s.dtype);
    ends.set(buffer, offset + align(bytes));
    return { name: s.name, dtype: s.dtype, shape, buffer, offset, bytes };
  });
  return { buffers: [...ends].map(([name, bytes]) => ({ name, bytes })), slots: placed };
}
