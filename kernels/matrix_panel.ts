import type { Expr } from "../compiler/core/expr.ts";
import type { MatrixUnit } from "./matrix_plan.ts";
import type { Value } from "./wgsl/body.ts";
import { groupOf } from "./wgsl/groups.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { transactionsAlong } from "./wgsl/loads.ts";
import type { Module } from "./wgsl/module.ts";

export interface MatrixPanelShape {
  /** The operand at (batch…, p, k), p being m or n; the unit's components hold its values. */
  readonly value: Expr;
  readonly unit: MatrixUnit;
  readonly axis: number;
  readonly extent: number;
  readonly tile: number;
  readonly kAxis: number;
  readonly k: number;
  readonly threads: number;
  /** Where the panel starts in workgroup memory, in vec4<u32>. */
  readonly base: number;
}

/**
 * A tile of an operand as a matrix unit takes it, in workgroup memory, in the order in which the operand's memory runs: rows of k where it
 * runs along k, else rows of p. A row is followed by 16 bytes of nothing, so that its stride is an odd multiple of 16
 * bytes and no two rows of a fragment fall on the same banks.
 */
export class MatrixPanel {
  readonly analysis: LaneAnalysis;
  readonly alongK: boolean;
  readonly #chunks: number;
  readonly #rows: number;

  constructor(readonly shape: MatrixPanelShape) {
    const { value, axis, kAxis, extent, tile, k, unit: { chunk, tileK } } = shape;
    this.alongK = transactionsAlong(kAxis, [value]) < transactionsAlong(axis, [value]);
    this.#chunks = (this.alongK ? tileK : tile) / chunk;
    this.#rows = this.alongK ? tile : tileK;
    const [run, length] = this.alongK ? [kAxis, k] : [axis, extent];
    this.analysis = new LaneAnalysis(run, chunk, length % chunk === 0, true);
  }

  /** vec4<u32> from one row to the next. */
  get stride(): number {
    return this.#chunks + 1;
  }

  get length(): number {
    return this.#rows * this.stride;
  }

  /** vec4<u32> that an invocation moves for each tile. */
  get units(): number {
    return this.#rows * this.#chunks / this.shape.threads;
  }

  /** Where unit `u` of this invocation belongs. */
  place(module: Module, t: Value, u: number): { row: Value; chunk: Value } {
    const { prims } = module, { threads } = this.shape;
    if (threads % this.#chunks !== 0) {
      const unit = prims.add(t, prims.i32(u * threads));
      return { row: prims.quo(unit, this.#chunks), chunk: prims.mod(unit, this.#chunks) };
    }
    const chunk = prims.mod(t, this.#chunks), q = prims.quo(t, this.#chunks);
    const rows = threads / this.#chunks;
    if (this.#chunks !== 4) return { row: prims.add(q, prims.i32(u * rows)), chunk };
    // Rows of 64 bytes: neighbours of a row group take rows two apart, or their stores meet in the same banks.
    const a = prims.mod(prims.quo(q, 2), 4), b = prims.mul(prims.mod(q, 2), prims.i32(4));
    const c = prims.mul(prims.quo(q, 8), prims.i32(8));
    return { row: prims.add(prims.add(prims.add(a, b), c), prims.i32(u * rows)), chunk };
  }

  /** The index in workgroup memory of unit `u`. */
  at(module: Module, t: Value, u: number): Value {
    const { prims } = module;
    const { row, chunk } = this.place(module, t, u);
    return prims.add(prims.add(prims.mul(row, prims.i32(this.stride)), chunk), prims.i32(this.shape.base));
  }

  /** Sixteen bytes of the operand, for unit `u` of the tile at `k0`; what lies beyond the sum is 0. */
  take(module: Module, batch: readonly Value[], t: Value, u: number, origin: Value, k0: Value): Value {
    const { extent, tile, axis, k, kAxis, value, unit: { component, chunk: size, tileK } } = this.shape;
    const { prims, body, emitter } = module;
    const { row, chunk } = this.place(module, t, u);
    const start = prims.mul(chunk, prims.i32(size));
    let p = prims.add(origin, this.alongK ? row : start);
    let kAt = prims.add(k0, this.alongK ? start : row);
    // Beyond the problem the last of it is read again; those results are not stored.
    if (extent % tile !== 0) {
      p = prims.min(p, this.alongK ? extent - 1 : Math.floor((extent - 1) / size) * size);
    }
    const short = k % tileK !== 0;
    const exists = short ? prims.lt(kAt, k) : prims.true();
    const first = kAt;
    if (short) kAt = prims.min(kAt, this.alongK ? Math.floor((k - 1) / size) * size : k - 1);
    for (const v of [p, kAt]) body.name(v);

    const coords: (Value | undefined)[] = [...batch, undefined, undefined, undefined];
    coords[this.alongK ? axis : kAxis] = this.alongK ? p : kAt;
    const [run, from, length] = this.alongK ? [kAxis, kAt, k] : [axis, p, extent];
    const group = groupOf(module, coords, run, from, size, length, []);
    if (this.#isMove(module) && value.e === "load") {
      const guard = value.guard && emitter.value(value.guard, group);
      const words = module.storage.loadWords(value.binding, emitter.value(value.index, group), guard);
      return exists.constant ? words : body.pure(
        "kept",
        [words, exists],
        "u32",
        (w, e) => `select(vec4<u32>(), ${w}, ${e})`,
      );
    }
    const inside = group.envs.map((_, j) =>
      this.alongK && k % size !== 0 ? prims.lt(prims.add(first, prims.i32(j)), k) : exists
    );
    const words = emitter.words(value, component, group, inside);
    return body.pure("vec4", words, "u32", (...w) => `vec4<u32>(${w.join(", ")})`);
  }

  /** Whether the operand is stored as the unit takes it, and only moved. */
  #isMove(module: Module): boolean {
    const { value, unit } = this.shape;
    return value.e === "load" && module.storage.dtypeOf(value.binding) === unit.component &&
      this.analysis.isTogether(value, unit.chunk / 4);
  }
}
