import type { MatmulKernel } from "../compiler/core/kernel.ts";
import { Operand, type OperandShape, runsAlongK, togetherAlongK, wordOf, WORDS } from "./matmul_operand.ts";
import type { Value } from "./wgsl/body.ts";
import type { LaneAnalysis } from "./wgsl/lanes.ts";
import type { Module } from "./wgsl/module.ts";

export interface BlockShape extends OperandShape {
  /** Of p, a multiple of four. */
  readonly per: number;
  /** Rows, each of one k, or of four that are packed. */
  readonly tileK: number;
}

/** A piece of an operand in one invocation's registers: `tileK` rows of k, each of `per` / 4 quads of p. */
export class Block {
  readonly #operand: Operand;
  /** Of k, in the block. */
  readonly #depth: number;

  constructor(kernel: MatmulKernel, readonly shape: BlockShape) {
    const { value, extent, per, tileK, packed } = shape;
    const alongK = runsAlongK(shape);
    const perK = packed ? 4 : Math.min(tileK, togetherAlongK(kernel, shape));
    let perP = alongK ? 4 : Math.min(per, WORDS * wordOf(kernel, value));
    while (perP > 4 && extent % perP !== 0) perP /= 2;
    this.#operand = new Operand(shape, { alongK, perP, perK });
    this.#depth = packed ? 4 * tileK : tileK;
  }

  get analysis(): LaneAnalysis {
    return this.#operand.analysis;
  }

  /** Writes the statements that load the block at `p` and `k0`; returns the names of its quads, row by row. */
  load(module: Module, batch: readonly Value[], p: Value, k0: Value, hint: string): string[][] {
    const { body, prims } = module;
    const { perP, perK } = this.#operand.unit;
    const { per, tileK, packed } = this.shape;
    const names: string[][] = Array.from({ length: tileK }, () => []);
    for (let kk = 0; kk < this.#depth; kk += perK) {
      const kAt = prims.add(k0, prims.i32(kk));
      for (let i = 0; i < per; i += perP) {
        const at = prims.add(p, prims.i32(i));
        this.#operand.quads(module, batch, at, kAt, this.#depth).forEach((quads, row) => {
          for (const text of quads) {
            const name = body.fresh(hint);
            body.line(`let ${name} = ${text};`);
            names[(packed ? kk / 4 : kk) + row].push(name);
          }
        });
      }
    }
    return names;
  }
}
