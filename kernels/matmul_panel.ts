import { byteSize } from "../compiler/core/dtype.ts";
import type { Expr } from "../compiler/core/expr.ts";
import type { MatmulKernel } from "../compiler/core/kernel.ts";
import type { Value } from "./wgsl/body.ts";
import type { Group } from "./wgsl/emitter.ts";
import { groupOf } from "./wgsl/groups.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { loadsOf, transactionsAlong } from "./wgsl/loads.ts";
import type { Module } from "./wgsl/module.ts";

export interface PanelShape {
  /** The operand at (batch…, p, k), p being m or n. */
  readonly value: Expr;
  /** The coordinate p, its extent in the problem and in a tile. */
  readonly axis: number;
  readonly extent: number;
  readonly tile: number;
  readonly kAxis: number;
  readonly k: number;
  readonly tileK: number;
  readonly threads: number;
  /** Rows of the panel hold four of k, packed in words; else one, in f32. `tileK` counts rows. */
  readonly packed?: "i8" | "u8";
  /** Where the panel starts in workgroup memory. */
  readonly base: number;
}

/**
 * A piece of an operand in workgroup memory: `tileK` rows of k, each of `tile` / 4 quads of p. A quad is a vec4<f32>
 * for one k, or a vec4<u32> of bytes for four. An invocation makes quads, for one row or, where the operand's memory
 * runs along k, for as many as are loaded together.
 */
export class Panel {
  /** The group in which the operand is evaluated: four of p, or some of k. */
  readonly analysis: LaneAnalysis;
  /** Quads from one row of the panel to the next. */
  readonly stride: number;
  readonly #alongK: boolean;
  /** What one invocation takes of k at a time. */
  readonly #perK: number;
  /** Of k, in the panel. */
  readonly #depth: number;

  constructor(kernel: MatmulKernel, readonly shape: PanelShape) {
    const { value, axis, extent, kAxis, k, tile, tileK, threads, packed } = shape;
    this.stride = tile / 4 + 1;
    this.#alongK = transactionsAlong(kAxis, [value]) < transactionsAlong(axis, [value]);
    const lanes = Math.max(1, ...loadsOf([value]).map((l) => 4 / byteSize(kernel.bindings[l.binding].dtype)));
    const quads = tileK * tile / 4;
    const together = this.#alongK && k % lanes === 0 && quads / lanes >= threads;
    this.#perK = packed ? 4 : together ? lanes : 1;
    this.#depth = packed ? 4 * tileK : tileK;
    this.analysis = this.#alongK
      ? new LaneAnalysis(kAxis, this.#perK, k % this.#perK === 0, true)
      : new LaneAnalysis(axis, 4, extent % 4 === 0, true);
  }

  get base(): number {
    return this.shape.base;
  }

  /** Writes the statements that fill the panel from `k0`; what lies beyond the sum is 0. */
  stage(module: Module, batch: readonly Value[], t: Value, origin: Value, k0: Value): void {
    const { tile, threads } = this.shape;
    const { body, prims } = module;
    const units = this.#depth / this.#perK * tile / 4;
    for (let u = 0; u * threads < units; u++) {
      const unit = prims.add(t, prims.i32(u * threads));
      const some = (u + 1) * threads > units;
      if (some) body.open(`if (${unit.text} < ${units})`);
      // Inside the condition its coordinates are new names, so that what they give stays inside.
      const here = some ? body.define(unit.text, "i32", units - 1, "u") : unit;
      body.name(here);
      this.#unit(module, batch, here, origin, k0);
      if (some) body.close();
    }
  }

  #unit(module: Module, batch: readonly Value[], unit: Value, origin: Value, k0: Value): void {
    const { tile, extent, k } = this.shape;
    const { body, prims } = module;
    const perK = this.#perK, depth = this.#depth;
    const [quad, kGroup] = this.#alongK
      ? [prims.quo(unit, depth / perK), prims.mod(unit, depth / perK)]
      : [prims.mod(unit, tile / 4), prims.quo(unit, tile / 4)];
    const kLocal = prims.mul(kGroup, prims.i32(perK));
    for (const v of [quad, kLocal]) body.name(v);

    // Beyond the problem the last quad is read again; its results are not stored.
    let first = prims.add(origin, prims.mul(quad, prims.i32(4)));
    if (extent % tile !== 0) first = prims.min(first, Math.floor((extent - 1) / 4) * 4);
    let kAt = prims.add(k0, kLocal);
    const short = k % depth !== 0;
    const exists = Array.from(
      { length: perK },
      (_, kk) => short ? prims.lt(k % perK === 0 ? kAt : prims.add(kAt, prims.i32(kk)), k) : prims.true(),
    );
    if (short) kAt = prims.min(kAt, Math.floor((k - 1) / perK) * perK);
    for (const v of [first, kAt, ...exists]) body.name(v);

    const place = (row: Value) =>
      body.use(prims.add(prims.add(prims.mul(row, prims.i32(this.stride)), quad), prims.i32(this.base)));
    const kept = (v: Value, kk: number) =>
      prims.emit("select", [exists[kk], v, body.constant(v.kind, 0)], v.kind);
    if (this.#isMove(module)) {
      const words = this.#columns(module, batch, first, kAt).map((group) =>
        body.use(kept(this.#word(module, group), 0))
      );
      body.line(`panels[${place(kGroup)}] = vec4<u32>(${words.join(", ")});`);
      return;
    }
    const values = this.#values(module, batch, first, kAt);
    if (this.shape.packed) {
      const words = [0, 1, 2, 3].map((p) =>
        body.use(module.packBytes(values.map((v, kk) => kept(v[p], kk))))
      );
      body.line(`panels[${place(kGroup)}] = vec4<u32>(${words.join(", ")});`);
      return;
    }
    values.forEach((quadValues, kk) => {
      const parts = quadValues.map((v) => body.use(kept(v, kk)));
      body.line(`panels[${place(prims.add(kLocal, prims.i32(kk)))}] = vec4<f32>(${parts.join(", ")});`);
    });
  }

  /** What the operand is at `perK` of k and four of p, by k and p: values, or the codes of what is packed. */
  #values(module: Module, batch: readonly Value[], first: Value, kAt: Value): Value[][] {
    const { axis, extent, k, value, packed } = this.shape;
    const { prims, emitter } = module;
    const perK = this.#perK;
    const element = (group: Group, lane: number) =>
      packed ? emitter.code(value, packed, group, lane) : emitter.value(value, group, lane);
    if (!this.#alongK) {
      return Array.from({ length: perK }, (_, kk) => {
        const at = prims.add(kAt, prims.i32(kk));
        const here = this.#coords(batch, undefined, k % perK === 0 ? at : prims.min(at, k - 1));
        const group = groupOf(module, here, axis, first, 4, extent, []);
        return group.envs.map((_, j) => element(group, j));
      });
    }
    const columns = this.#columns(module, batch, first, kAt).map((group) =>
      group.envs.map((_, kk) => element(group, kk))
    );
    return Array.from({ length: perK }, (_, kk) => columns.map((c) => c[kk]));
  }

  /** `perK` of k for each of four p. */
  #columns(module: Module, batch: readonly Value[], first: Value, kAt: Value): Group[] {
    const { extent, k, kAxis } = this.shape;
    const { prims } = module;
    return [0, 1, 2, 3].map((j) => {
      const p = prims.add(first, prims.i32(j));
      const here = this.#coords(batch, extent % 4 === 0 ? p : prims.min(p, extent - 1), undefined);
      return groupOf(module, here, kAxis, kAt, this.#perK, k, []);
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
    return packed !== undefined && this.#alongK && value.e === "load" &&
      module.storage.dtypeOf(value.binding) === packed && this.analysis.isTogether(value, 4);
  }

  #word({ storage, emitter }: Module, group: Group): Value {
    const { value } = this.shape;
    if (value.e !== "load") throw new Error("only a load is moved");
    const guard = value.guard && emitter.value(value.guard, group);
    return storage.loadWord(value.binding, emitter.value(value.index, group), guard);
  }
}
