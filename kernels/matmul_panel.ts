import { byteSize } from "../compiler/core/dtype.ts";
import type { Expr } from "../compiler/core/expr.ts";
import type { MatmulKernel } from "../compiler/core/kernel.ts";
import type { Value } from "./wgsl/body.ts";
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
  /** Where the panel starts in workgroup memory. */
  readonly base: number;
}

/**
 * A `tileK` × `tile` piece of an operand in workgroup memory: rows of k, each of quads of p. An invocation makes quads,
 * for one k or, where the operand's memory runs along k, for as many as are loaded together.
 */
export class Panel {
  /** The group in which the operand is evaluated: four of p, or some of k. */
  readonly analysis: LaneAnalysis;
  /** Quads from one row of the panel to the next. */
  readonly stride: number;
  readonly #alongK: boolean;
  readonly #perK: number;

  constructor(kernel: MatmulKernel, readonly shape: PanelShape) {
    const { value, axis, extent, kAxis, k, tile, tileK, threads } = shape;
    this.stride = tile / 4 + 1;
    this.#alongK = transactionsAlong(kAxis, [value]) < transactionsAlong(axis, [value]);
    const lanes = Math.max(1, ...loadsOf([value]).map((l) => 4 / byteSize(kernel.bindings[l.binding].dtype)));
    const quads = tileK * tile / 4;
    this.#perK = this.#alongK && k % lanes === 0 && quads / lanes >= threads ? lanes : 1;
    this.analysis = this.#alongK
      ? new LaneAnalysis(kAxis, this.#perK, true, true)
      : new LaneAnalysis(axis, 4, extent % 4 === 0, true);
  }

  get base(): number {
    return this.shape.base;
  }

  /** Writes the statements that fill the panel from `k0`; what lies beyond the sum is 0. */
  stage(module: Module, batch: readonly Value[], t: Value, origin: Value, k0: Value): void {
    const { tile, tileK, threads } = this.shape;
    const { body, prims } = module;
    const units = tileK / this.#perK * tile / 4;
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
    const { tile, tileK, extent, axis, k, kAxis, value } = this.shape;
    const { body, prims, emitter } = module;
    const perK = this.#perK;
    const [quad, kGroup] = this.#alongK
      ? [prims.quo(unit, tileK / perK), prims.mod(unit, tileK / perK)]
      : [prims.mod(unit, tile / 4), prims.quo(unit, tile / 4)];
    const kLocal = prims.mul(kGroup, prims.i32(perK));
    for (const v of [quad, kLocal]) body.name(v);

    // Beyond the problem the last quad is read again; its results are not stored.
    let first = prims.add(origin, prims.mul(quad, prims.i32(4)));
    if (extent % tile !== 0) first = prims.min(first, Math.floor((extent - 1) / 4) * 4);
    let kAt = prims.add(k0, kLocal);
    const short = k % tileK !== 0;
    const inside = short ? prims.lt(kAt, k) : prims.true();
    if (short) kAt = prims.min(kAt, k - perK);
    for (const v of [first, kAt, inside]) body.name(v);

    const rank = batch.length;
    const coords = (p?: Value, kk?: Value) => {
      const c: (Value | undefined)[] = [...batch, undefined, undefined, undefined];
      c[axis] = p;
      c[kAxis] = kk;
      return c;
    };
    if (rank !== kAxis - 2) throw new Error("the batch has another rank than the kernel");
    // values[kk][p]
    let values: Value[][];
    if (this.#alongK) {
      const columns = Array.from({ length: 4 }, (_, j) => {
        const whole = extent % 4 === 0;
        const p = prims.add(first, prims.i32(j));
        const group = groupOf(module, coords(whole ? p : prims.min(p, extent - 1)), kAxis, kAt, perK, k, []);
        return group.envs.map((_, kk) => emitter.value(value, group, kk));
      });
      values = Array.from({ length: perK }, (_, kk) => columns.map((c) => c[kk]));
    } else {
      const group = groupOf(module, coords(undefined, kAt), axis, first, 4, extent, []);
      values = [group.envs.map((_, j) => emitter.value(value, group, j))];
    }
    values.forEach((quadValues, kk) => {
      const kept = quadValues.map((v) =>
        body.use(prims.emit("select", [inside, v, body.constant("f32", 0)], "f32"))
      );
      const row = prims.add(prims.mul(prims.add(kLocal, prims.i32(kk)), prims.i32(this.stride)), quad);
      const at = prims.add(row, prims.i32(this.base));
      body.line(`panels[${body.use(at)}] = vec4<f32>(${kept.join(", ")});`);
    });
  }
}
