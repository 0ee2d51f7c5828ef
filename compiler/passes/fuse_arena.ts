import { byteSize } from "../core/dtype.ts";
import type { DType } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { i32, prim } from "../core/expr.ts";
import type { StateLayout, StateSlot } from "../core/program.ts";
import { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapOp } from "../ir/op.ts";
import { delinearize } from "../ops/view.ts";

/** The State buffer in which a step's gradients stand side by side, in the order of the masters; zero between them. */
export const GRADS = "grads.f32";

/** A run of neighbouring slots of one arena, seen as one flat tensor. */
export interface ArenaRun {
  /** Names it among the slots: `adam.m.f32+0..4096`. */
  readonly name: string;
  readonly buffer: string;
  readonly dtype: DType;
  /** Elements from the arena's start, and how many. */
  readonly start: number;
  readonly length: number;
  /** The slots in it. */
  readonly slots: readonly string[];
}

export function arenaRun(
  buffer: string,
  dtype: DType,
  start: number,
  length: number,
  slots: readonly string[],
): ArenaRun {
  return { name: `${buffer}+${start}..${start + length}`, buffer, dtype, start, length, slots };
}

/** `COLUMN/PATH`, and where the slot stands in its column. */
export interface ColumnSlot {
  readonly column: string;
  readonly path: string;
  readonly slot: StateSlot;
  /** Elements from the arena's start. */
  readonly start: number;
  readonly size: number;
}

export function columnSlots(layout: StateLayout): ColumnSlot[] {
  return layout.slots.filter((s) => s.name.includes("/")).map((slot) => ({
    column: slot.name.slice(0, slot.name.indexOf("/")),
    path: slot.name.slice(slot.name.indexOf("/") + 1),
    slot,
    start: slot.offset / byteSize(slot.dtype),
    size: slot.shape.reduce((a, b) => a * b, 1),
  }));
}

/**
 * The inputs side by side in a flat tensor: input k's elements, row-major, from attrs.starts[k] on; zero in between. The
 * scheduler gives it no kernel: its inputs are stored in their places.
 */
export const packOp: MapOp = {
  kind: "map",
  name: "pack",
  class: "fixed",
  exact: true,
  view: false,
  type: ([x], attrs) => ({ dtype: x.dtype, shape: [attrs.length as number] }),
  expr(m) {
    const starts = m.attrs.starts as readonly number[];
    const [c] = m.coords;
    let out: Expr | undefined;
    m.inputs.forEach((t, k) => {
      const size = t.shape.reduce((a, b) => a * b, 1);
      const inside = prim("and", prim("ge", c, i32(starts[k])), prim("lt", c, i32(starts[k] + size)));
      const value = m.read(k, delinearize(prim("sub", c, i32(starts[k])), t.shape), inside);
      out = out === undefined ? value : prim("select", inside, value, out);
    });
    return out!;
  },
  grad: null,
  samples: [],
};

export function pack(inputs: readonly Node[], starts: readonly number[], length: number): Node {
  return new Builder({ why: "gradients side by side" }).node(packOp, inputs, { starts, length });
}
