import type { MatmulKernel } from "../compiler/core/kernel.ts";
import { Operand, type OperandShape, runsAlongK, wordOf } from "./matmul_operand.ts";
import type { Value } from "./wgsl/body.ts";
import type { LaneAnalysis } from "./wgsl/lanes.ts";
import type { Module } from "./wgsl/module.ts";

export interface PanelShape extends OperandShape {
  /** Rows of the panel, each of one k, or of four that are packed. */
  readonly tileK: number;
  readonly threads: number;
  /** Where the panel starts in workgroup memory. */
  readonly base: number;
}

/**
 * A piece of an operand in workgroup memory: `tileK` rows of k, each of `tile` / 4 quads of p. An invocation makes quads,
 * for one row or, where the operand's memory runs along k, for as many as are loaded together.
 */
export class Panel {
  /** Quads from one row of the panel to the next. */
  readonly stride: number;
  readonly #operand: Operand;
  /** Of k, in the panel. */
  readonly #depth: number;

  constructor(kernel: MatmulKernel, readonly shape: PanelShape) {
    const { k, tile, tileK, threads, packed } = shape;
    this.stride = tile / 4 + 1;
    const alongK = runsAlongK(shape);
    const lanes = wordOf(kernel, shape.value);
    const together = alongK && k % lanes === 0 && tileK * tile / 4 / lanes >= threads;
    this.#operand = new Operand(shape, { alongK, perP: 4, perK: packed ? 4 : together ? lanes : 1 });
    this.#depth = packed ? 4 * tileK : tileK;
  }

  get base(): number {
    return this.shape.base;
  }

  get analysis(): LaneAnalysis {
    return this.#operand.analysis;
  }

  /** Writes the statements that fill the panel from `k0`. */
  stage(module: Module, batch: readonly Value[], t: Value, origin: Value, k0: Value): void {
    const { tile, threads } = this.shape;
    const { body, prims } = module;
    const units = this.#depth / this.#operand.unit.perK * tile / 4;
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
    const { tile, packed } = this.shape;
    const { alongK, perK } = this.#operand.unit;
    const { body, prims } = module;
    const depth = this.#depth;
    const [quad, kGroup] = alongK
      ? [prims.quo(unit, depth / perK), prims.mod(unit, depth / perK)]
      : [prims.mod(unit, tile / 4), prims.quo(unit, tile / 4)];
    const kLocal = prims.mul(kGroup, prims.i32(perK));
    for (const v of [quad, kLocal]) body.name(v);

    const p = prims.add(origin, prims.mul(quad, prims.i32(4)));
    const rows = this.#operand.quads(module, batch, p, prims.add(k0, kLocal), depth);
    rows.forEach(([text], i) => {
      const row = packed ? kGroup : prims.add(kLocal, prims.i32(i));
      const at = prims.add(prims.add(prims.mul(row, prims.i32(this.stride)), quad), prims.i32(this.base));
      body.line(`${module.shared("panels")}[${body.use(at)}] = ${text};`);
    });
  }
}
