import type { MatmulKernel } from "../compiler/core/kernel.ts";
import { Block } from "./matmul_block.ts";
import { operandsOf } from "./matmul_operand.ts";
import { Panel } from "./matmul_panel.ts";
import { type MatmulPlan, panelLengths } from "./matmul_plan.ts";
import type { Value } from "./wgsl/body.ts";
import type { LaneAnalysis } from "./wgsl/lanes.ts";
import type { Module } from "./wgsl/module.ts";

/** Where an invocation is: its tile of the result, its block of the tile, its part of the sum. */
export interface Place {
  readonly batch: readonly Value[];
  readonly originM: Value;
  readonly originN: Value;
  readonly t: Value;
  readonly tx: Value;
  readonly ty: Value;
  readonly slice: Value;
}

/** Writes the products of quads of a with quads of b, of one row of each. */
export type Multiply = (a: readonly string[], b: readonly string[]) => void;

/** How the steps of a sum come by their operands. */
export interface Steps {
  readonly analysisA: LaneAnalysis;
  readonly analysisB: LaneAnalysis;
  /** Writes the step from `k0`. */
  step(module: Module, at: Place, k0: Value, multiply: Multiply): void;
}

/** Steps of k written out in the innermost loop. */
const UNROLL = 4;

/** Operands as panels in workgroup memory, which its invocations fill together. */
export class PanelSteps implements Steps {
  readonly #a: Panel;
  readonly #b: Panel;

  /** @param threads the invocations that fill the panels together */
  constructor(
    kernel: MatmulKernel,
    readonly plan: MatmulPlan,
    packed: "i8" | "u8" | undefined,
    threads: number,
  ) {
    const { a, b } = operandsOf(kernel, plan, packed);
    const common = { tileK: plan.tileK, threads };
    this.#a = new Panel(kernel, { ...a, ...common, base: 0 });
    this.#b = new Panel(kernel, { ...b, ...common, base: panelLengths(plan).a });
  }

  get analysisA(): LaneAnalysis {
    return this.#a.analysis;
  }

  get analysisB(): LaneAnalysis {
    return this.#b.analysis;
  }

  step(module: Module, at: Place, k0: Value, multiply: Multiply): void {
    this.#a.stage(module, at.batch, at.t, at.originM, k0);
    this.#b.stage(module, at.batch, at.t, at.originN, k0);
    module.body.line("workgroupBarrier();");
    this.#multiply(module, at, multiply);
  }

  /** This invocation's part of the product of the staged panels. */
  #multiply(module: Module, { tx, ty, slice }: Place, multiply: Multiply): void {
    const { plan } = this;
    const { body, prims } = module;
    const down = plan.tileM / plan.perM, across = plan.tileN / plan.perN;
    const depth = plan.tileK / plan.slices;
    const start = prims.mul(slice, prims.i32(depth));
    const rowA = prims.add(prims.mul(start, prims.i32(this.#a.stride)), ty);
    const startB = prims.add(prims.mul(start, prims.i32(this.#b.stride)), prims.i32(this.#b.base));
    const rowB = prims.add(startB, tx);
    body.name(rowA, "pa");
    body.name(rowB, "pb");
    // A few steps written out, in a loop: written out whole, a driver takes seconds to compile it.
    const unroll = Math.min(UNROLL, depth);
    const k = body.fresh("k");
    const looped = depth > unroll;
    if (looped) body.open(`for (var ${k} = 0; ${k} < ${depth}; ${k} += ${unroll})`);
    const at = (row: Value, panel: Panel) => looped ? `${row.text} + ${k} * ${panel.stride}` : row.text;
    const pa = body.define(at(rowA, this.#a), "i32", undefined, "pa");
    const pb = body.define(at(rowB, this.#b), "i32", undefined, "pb");
    for (let kk = 0; kk < unroll; kk++) {
      const a = this.#quads(module, pa, kk * this.#a.stride, plan.perM / 4, down, "x");
      const b = this.#quads(module, pb, kk * this.#b.stride, plan.perN / 4, across, "y");
      multiply(a, b);
    }
    if (looped) body.close();
  }

  /** Reads quads of a panel, `step` apart. */
  #quads(module: Module, from: Value, offset: number, count: number, step: number, hint: string): string[] {
    const { body } = module;
    return Array.from({ length: count }, (_, q) => {
      const name = body.fresh(hint);
      body.line(`let ${name} = ${module.shared("panels")}[${from.text} + ${offset + q * step}];`);
      return name;
    });
  }
}

/** Operands as blocks in each invocation's registers. */
export class BlockSteps implements Steps {
  readonly #a: Block;
  readonly #b: Block;

  constructor(kernel: MatmulKernel, readonly plan: MatmulPlan, packed: "i8" | "u8" | undefined) {
    const { a, b } = operandsOf(kernel, plan, packed), { tileK } = plan;
    this.#a = new Block(kernel, { ...a, tileK, per: plan.perM });
    this.#b = new Block(kernel, { ...b, tileK, per: plan.perN });
  }

  get analysisA(): LaneAnalysis {
    return this.#a.analysis;
  }

  get analysisB(): LaneAnalysis {
    return this.#b.analysis;
  }

  step(module: Module, { batch, originM, originN, tx, ty }: Place, k0: Value, multiply: Multiply): void {
    const { prims } = module;
    const place = (origin: Value, block: Value, per: number) =>
      prims.add(origin, prims.mul(block, prims.i32(per)));
    const a = this.#a.load(module, batch, place(originM, ty, this.plan.perM), k0, "x");
    const b = this.#b.load(module, batch, place(originN, tx, this.plan.perN), k0, "y");
    a.forEach((row, kk) => multiply(row, b[kk]));
  }
}
