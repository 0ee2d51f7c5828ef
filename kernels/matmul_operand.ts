import { byteSize } from "../compiler/core/dtype.ts";
import { type Expr, type Load, loadsOf } from "../compiler/core/expr.ts";
import type { MatmulKernel } from "../compiler/core/kernel.ts";
import type { Value } from "./wgsl/body.ts";
import type { Group } from "./wgsl/emitter.ts";
import { groupOf } from "./wgsl/groups.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { transactionsAlong } from "./wgsl/loads.ts";
import type { Module } from "./wgsl/module.ts";

export interface OperandShape {
  /** The operand at (batch…, p, k), p being m or n. */
  readonly value: Expr;
  /** The coordinate p, its extent in the problem and in a tile. */
  readonly axis: number;
  readonly extent: number;
  readonly tile: number;
  readonly kAxis: number;
  readonly k: number;
  /** Four of k stand packed in a word; else each is an f32. */
  readonly packed?: "i8" | "u8";
}

/** Whether the operand's memory runs along k rather than along p. */
export function runsAlongK({ value, axis, kAxis }: OperandShape): boolean {
  return transactionsAlong(kAxis, [value]) < transactionsAlong(axis, [value]);
}

/** Both operands of a kernel that is tiled. */
export function operandsOf(
  kernel: MatmulKernel,
  { tileM, tileN }: { readonly tileM: number; readonly tileN: number },
  packed?: "i8" | "u8",
): { a: OperandShape; b: OperandShape } {
  const rank = kernel.batch.length, common = { k: kernel.k, kAxis: rank + 2, packed };
  return {
    a: { ...common, value: kernel.a, axis: rank, extent: kernel.m, tile: tileM },
    b: { ...common, value: kernel.b, axis: rank + 1, extent: kernel.n, tile: tileN },
  };
}

/** Elements of the operand's narrowest load that a word holds. */
export function wordOf(kernel: MatmulKernel, value: Expr): number {
  return Math.max(1, ...loadsOf([value]).map((l) => inWord(kernel, l)));
}

const inWord = ({ bindings }: MatmulKernel, l: Load) => 4 / byteSize(bindings[l.binding].dtype);

/** Words that one load takes. */
export const WORDS = 4;

/** How many of k, a power of two, are loaded together where the operand's memory runs along k; else 1. */
export function togetherAlongK(kernel: MatmulKernel, shape: OperandShape): number {
  const { value, k, kAxis } = shape;
  if (!runsAlongK(shape)) return 1;
  for (let size = WORDS * wordOf(kernel, value); size > 1; size /= 2) {
    const analysis = new LaneAnalysis(kAxis, size, true, true);
    const together = (l: Load) => analysis.isTogether(l, inWord(kernel, l));
    if (k % size === 0 && loadsOf([value]).some(together)) return size;
  }
  return 1;
}

/** What is evaluated together: consecutive elements of the axis along which the operand's memory runs. */
export interface Unit {
  readonly alongK: boolean;
  /** Of p, a multiple of four. */
  readonly perP: number;
  readonly perK: number;
}

/**
 * An operand of a contraction, evaluated a unit at a time. The values of a unit come in quads, vectors of four of p: of
 * f32 for one k, or of words that hold four of k.
 */
export class Operand {
  /** The group in which the operand is evaluated: some of p, or some of k. */
  readonly analysis: LaneAnalysis;
  readonly vector: "vec4<f32>" | "vec4<u32>";

  constructor(readonly shape: OperandShape, readonly unit: Unit) {
    const { axis, extent, kAxis, k, packed } = shape;
    const { alongK, perP, perK } = unit;
    this.analysis = alongK
      ? new LaneAnalysis(kAxis, perK, k % perK === 0, true)
      : new LaneAnalysis(axis, perP, extent % perP === 0, true);
    this.vector = packed ? "vec4<u32>" : "vec4<f32>";
  }

  /**
   * The quads of the unit at `p` and `kAt`, as expressions: those for the first k (or four of k), then the others'. What
   * lies beyond the sum is 0.
   *
   * @param depth of k in a step of the sum, which starts at a multiple of it
   */
  quads(module: Module, batch: readonly Value[], p: Value, kAt: Value, depth: number): string[][] {
    const { extent, tile, k, packed } = this.shape;
    const { perP, perK } = this.unit;
    const { body, prims } = module;
    // Beyond the problem the last unit is read again; its results are not stored.
    const first = extent % tile === 0 ? p : prims.min(p, Math.floor((extent - 1) / perP) * perP);
    const short = k % depth !== 0;
    const exists = Array.from(
      { length: perK },
      (_, kk) => short ? prims.lt(k % perK === 0 ? kAt : prims.add(kAt, prims.i32(kk)), k) : prims.true(),
    );
    if (short) kAt = prims.min(kAt, Math.floor((k - 1) / perK) * perK);
    for (const v of [first, kAt, ...exists]) body.name(v);

    const kept = (v: Value, kk: number) =>
      prims.emit("select", [exists[kk], v, body.constant(v.kind, 0)], v.kind);
    const vectors = (parts: readonly Value[]) =>
      Array.from(
        { length: perP / 4 },
        (_, q) => `${this.vector}(${parts.slice(4 * q, 4 * q + 4).map((v) => body.use(v)).join(", ")})`,
      );
    if (this.#isMove(module)) {
      return [vectors(this.#columns(module, batch, first, kAt).map((g) => kept(this.#word(module, g), 0)))];
    }
    const values = this.#values(module, batch, first, kAt);
    if (!packed) return values.map((row, kk) => vectors(row.map((v) => kept(v, kk))));
    const column = (i: number) => module.storage.word(values.map((row, kk) => kept(row[i], kk)));
    return [vectors(Array.from({ length: perP }, (_, i) => column(i)))];
  }

  /** What the operand is in the unit, by k and p: values, or the codes of what is packed. */
  #values(module: Module, batch: readonly Value[], first: Value, kAt: Value): Value[][] {
    const { axis, extent, k, value, packed } = this.shape;
    const { alongK, perP, perK } = this.unit;
    const { prims, emitter } = module;
    const element = (group: Group, lane: number) =>
      packed ? emitter.code(value, packed, group, lane) : emitter.value(value, group, lane);
    if (!alongK) {
      return Array.from({ length: perK }, (_, kk) => {
        const at = prims.add(kAt, prims.i32(kk));
        const here = this.#coords(batch, undefined, k % perK === 0 ? at : prims.min(at, k - 1));
        const group = groupOf(module, here, axis, first, perP, extent, []);
        return group.envs.map((_, j) => element(group, j));
      });
    }
    const columns = this.#columns(module, batch, first, kAt).map((group) =>
      group.envs.map((_, kk) => element(group, kk))
    );
    return Array.from({ length: perK }, (_, kk) => columns.map((c) => c[kk]));
  }

  /** `perK` of k for each p of the unit. */
  #columns(module: Module, batch: readonly Value[], first: Value, kAt: Value): Group[] {
    const { extent, k, kAxis } = this.shape;
    const { perP, perK } = this.unit;
    const { prims } = module;
    return Array.from({ length: perP }, (_, j) => {
      const p = prims.add(first, prims.i32(j));
      const here = this.#coords(batch, extent % perP === 0 ? p : prims.min(p, extent - 1), undefined);
      return groupOf(module, here, kAxis, kAt, perK, k, []);
    });
  }

  #coords(batch: readonly Value[], p: Value | undefined, kk: Value | undefined): (Value | undefined)[] {
    const { axis, kAxis } = this.shape;
    if (batch.length !== kAxis - 2) throw new Error("the batch has another rank than the kernel");
    const coords: (Value | undefined)[] = [...batch, undefined, undefined, undefined];
    coords[axis] = p;
    coords[kAxis] = kk;
    return coords;
  }

  /** Whether the operand's words are moved as they stand. */
  #isMove(module: Module): boolean {
    const { value, packed } = this.shape;
    return packed !== undefined && this.unit.alongK && value.e === "load" &&
      module.storage.dtypeOf(value.binding) === packed && this.analysis.isTogether(value, 4);
  }

  #word({ storage, emitter }: Module, group: Group): Value {
    const { value } = this.shape;
    if (value.e !== "load") throw new Error("only a load is moved");
    const guard = value.guard && emitter.value(value.guard, group);
    return storage.loadWord(value.binding, emitter.value(value.index, group), guard);
  }
}
