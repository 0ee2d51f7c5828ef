import { type MatmulKernel, type Shader, valuesOf } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { type MatmulPlan, panelLengths, planMatmul, planPart, termsOf, threadsOf } from "./matmul_plan.ts";
import { renderMatmulOnMatrixUnits } from "./matmul_matrix.ts";
import { BlockSteps, PanelSteps, type Place, type Steps } from "./matmul_steps.ts";
import { product } from "./reduce_plan.ts";
import type { Value } from "./wgsl/body.ts";
import { groupOf } from "./wgsl/groups.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { Module, type Part, type Written } from "./wgsl/module.ts";
import { storeGroup } from "./wgsl/stores.ts";
import { widthsOf } from "./wgsl/widths.ts";

/** Chooses the tiling and the arithmetic, and renders with them. */
export function renderMatmul(kernel: MatmulKernel, target: Target): Shader {
  const plan = planMatmul(kernel, target);
  return "plain" in plan
    ? renderPlainMatmul(kernel, target, plan.plain)
    : renderMatmulOnMatrixUnits(kernel, target, plan.matrix);
}

/**
 * A tiled contraction in f32, or of bytes in 32-bit integers, four products at a time. Panels of both operands, made by
 * their expressions, stand in workgroup memory, or each invocation makes what it multiplies in its own registers; it
 * accumulates a small block in named vectors.
 */
export function renderPlainMatmul(kernel: MatmulKernel, target: Target, plan: MatmulPlan): Shader {
  const { module, grid, variant } = new MatmulWriter(kernel, target, plan).write();
  return module.finish(grid, variant);
}

/** A contraction among others in one dispatch, by plain arithmetic. */
export function writeMatmul(kernel: MatmulKernel, target: Target, part: Part): Written {
  return new MatmulWriter(kernel, target, planPart(kernel, target, part.invocations), part).write();
}

/** For each binding, the components of its array element that suit the contraction in a workgroup that it shares. */
export function matmulWidths(
  kernel: MatmulKernel,
  target: Target,
  invocations: number,
): readonly (1 | 2 | 4)[] {
  const plan = planPart(kernel, target, invocations);
  return widthsFor(kernel, target, stepsOf(kernel, plan, invocations));
}

function stepsOf(kernel: MatmulKernel, plan: MatmulPlan, threads: number): Steps {
  const { packed } = arithmeticOf(kernel);
  return plan.operands === "registers"
    ? new BlockSteps(kernel, plan, packed)
    : new PanelSteps(kernel, plan, packed, threads);
}

function widthsFor(kernel: MatmulKernel, target: Target, { analysisA, analysisB }: Steps) {
  const { a, b, batch, m, n, stores } = kernel;
  const stored = new LaneAnalysis(batch.length + 1, 4, n % 4 === 0, false);
  return widthsOf(kernel, target, [
    { analysis: analysisA, values: [a] },
    { analysis: analysisB, values: [b] },
    { analysis: stored, stores, shape: [...batch, m, n] },
  ]);
}

const PARTS = ["x", "y", "z", "w"];

/** How sums are made: what the panels and the accumulators are vectors of. */
interface Arithmetic {
  readonly packed?: "i8" | "u8";
  readonly panel: string;
  readonly sum: string;
  /** An accumulator plus the products of part `part` of a quad of a with a quad of b. */
  readonly add: (c: string, a: string, part: string, b: string) => string;
}

function arithmeticOf({ a, operand }: MatmulKernel): Arithmetic {
  if (a.kind === "f32") {
    return { panel: "vec4<f32>", sum: "vec4<f32>", add: (c, a, part, b) => `${c} += ${a}.${part} * ${b};` };
  }
  if (operand !== "i8" && operand !== "u8") throw new Error(`a sum of ${operand} products in ${a.kind}`);
  const sum = `vec4<${a.kind}>`, dot = operand === "i8" ? "dot4I8Packed" : "dot4U8Packed";
  const add = (c: string, a: string, part: string, b: string) =>
    `${c} += ${sum}(${PARTS.map((p) => `${dot}(${a}.${part}, ${b}.${p})`).join(", ")});`;
  return { packed: operand, panel: "vec4<u32>", sum, add };
}

class MatmulWriter {
  readonly #module: Module;
  readonly #arithmetic: Arithmetic;
  readonly #steps: Steps;

  constructor(readonly kernel: MatmulKernel, target: Target, readonly plan: MatmulPlan, part?: Part) {
    const threads = part?.invocations ?? threadsOf(plan);
    this.#arithmetic = arithmeticOf(kernel);
    this.#steps = stepsOf(kernel, plan, threads);
    const widths = widthsFor(kernel, target, this.#steps);
    this.#module = new Module(kernel, target, threads, valuesOf(kernel), { widths }, {}, part);
  }

  write(): Written {
    const { kernel, plan } = this;
    const module = this.#module, { body, prims } = module;
    const tilesM = Math.ceil(kernel.m / plan.tileM), tilesN = Math.ceil(kernel.n / plan.tileN);
    const tiles = product(kernel.batch) * tilesM * tilesN;
    const shared = plan.operands === "panels";
    if (shared) module.share("panels", this.#arithmetic.panel, panelLengths(plan).total);

    const at = module.workgroupIndex(tiles);
    let tile = at.value;
    // The grid's last workgroups may have no tile: they repeat the last one, and store nothing.
    const exists = at.grid[0] * at.grid[1] === tiles ? prims.true() : prims.lt(tile, tiles);
    if (!exists.constant) tile = prims.min(tile, tiles - 1);
    body.name(tile);
    const t = module.lane();
    const tileN = prims.mod(tile, tilesN), rest = prims.quo(tile, tilesN);
    const tileM = prims.mod(rest, tilesM);
    const batch = prims.decode(prims.quo(rest, tilesM), kernel.batch);
    for (const v of [...batch, tileM, tileN]) body.name(v);
    const originM = prims.mul(tileM, prims.i32(plan.tileM)),
      originN = prims.mul(tileN, prims.i32(plan.tileN));
    body.name(originM, "m");
    body.name(originN, "n");

    const across = plan.tileN / plan.perN, block = across * (plan.tileM / plan.perM);
    const tx = prims.mod(t, across), ty = prims.quo(prims.mod(t, block), across);
    // Invocations beyond the plan's, of a workgroup that others share, do what the last slice does, and keep nothing.
    const slice = prims.min(prims.quo(t, block), plan.slices - 1);
    for (const v of [tx, ty, slice]) body.name(v);

    this.#each((c) => body.line(`var ${c} = ${this.#arithmetic.sum}();`));
    const depth = plan.tileK * termsOf(kernel), steps = Math.ceil(kernel.k / depth);
    const place: Place = { batch, originM, originN, t, tx, ty, slice };
    const { add } = this.#arithmetic;
    const step = (k0: Value) =>
      this.#steps.step(
        module,
        place,
        k0,
        (a, b) => this.#each((c, i, j) => body.line(add(c, a[i >> 2], PARTS[i & 3], b[j]))),
      );
    if (steps === 1) step(prims.i32(0));
    else {
      const k = body.fresh("k");
      body.open(`for (var ${k} = 0; ${k} < ${kernel.k}; ${k} += ${depth})`);
      step(body.define(k, "i32", (steps - 1) * depth, "k"));
      if (shared) body.line("workgroupBarrier();");
      body.close();
    }
    this.#gather(t, slice, block, steps === 1);
    this.#store(place, prims.and(exists, prims.lt(t, block)));
    const { tileM: tm, tileN: tn, perM, perN, slices } = plan;
    const sliced = slices > 1 ? `, ${slices} slices of k` : "";
    const packed = this.#arithmetic.packed ? `packed ${this.#arithmetic.packed}, ` : "";
    const where = shared ? "" : ", operands in registers";
    const variant = `${packed}tile ${tm}x${tn}x${depth}, ${perM}x${perN} an invocation${sliced}${where}`;
    return { module, grid: at.grid, variant };
  }

  /** Visits the accumulators: row of the block, quad of columns. */
  #each(visit: (name: string, row: number, quad: number) => void): void {
    for (let i = 0; i < this.plan.perM; i++) {
      for (let j = 0; j < this.plan.perN / 4; j++) visit(`c${i}_${j}`, i, j);
    }
  }

  /** Adds what the slices have, in their order, into the first. */
  #gather(t: Value, slice: Value, block: number, needsBarrier: boolean): void {
    const { plan } = this;
    const { body } = this.#module;
    const { panel, sum } = this.#arithmetic;
    const as = (type: string, text: string) => panel === sum ? text : `bitcast<${type}>(${text})`;
    if (plan.slices === 1) return;
    const panels = this.#module.shared("panels");
    if (needsBarrier) body.line("workgroupBarrier();");
    const planned = threadsOf(plan), spare = this.#module.workgroupSize > planned;
    body.open(spare ? `if (${slice.text} > 0 && ${t.text} < ${planned})` : `if (${slice.text} > 0)`);
    this.#each((c, i, j) =>
      body.line(
        `${panels}[${t.text} - ${block} + ${(i * plan.perN / 4 + j) * block * (plan.slices - 1)}] = ${
          as(panel, c)
        };`,
      )
    );
    body.close();
    body.line("workgroupBarrier();");
    body.open(`if (${slice.text} == 0)`);
    for (let s = 0; s < plan.slices - 1; s++) {
      this.#each((c, i, j) => {
        const at = (i * plan.perN / 4 + j) * block * (plan.slices - 1) + s * block;
        body.line(`${c} += ${as(sum, `${panels}[${t.text} + ${at}]`)};`);
      });
    }
    body.close();
  }

  #store({ batch, originM, originN, tx, ty }: Place, mine: Value): void {
    const { kernel, plan } = this;
    const module = this.#module, { body, prims } = module;
    const guarded = !mine.constant;
    if (guarded) body.open(`if (${body.use(mine)})`);
    // Invocations that read one panel take its quads in turn; those that load their own take them side by side.
    const apart = (tile: number, per: number) =>
      plan.operands === "panels" ? { mine: 4, quad: 4 * tile / per } : { mine: per, quad: 4 };
    const [down, across] = [apart(plan.tileM, plan.perM), apart(plan.tileN, plan.perN)];
    this.#each((c, i, j) => {
      const m = prims.add(
        originM,
        prims.add(prims.mul(ty, prims.i32(down.mine)), prims.i32((i >> 2) * down.quad + (i & 3))),
      );
      const n = prims.add(
        originN,
        prims.add(prims.mul(tx, prims.i32(across.mine)), prims.i32(j * across.quad)),
      );
      let inside = prims.true();
      if (kernel.m % plan.tileM !== 0) inside = prims.and(inside, prims.lt(m, kernel.m));
      if (kernel.n % plan.tileN !== 0) inside = prims.and(inside, prims.lt(n, kernel.n));
      const bounded = !inside.constant;
      if (bounded) body.open(`if (${body.use(inside)})`);
      // Made here, so that nothing is loaded for a place that does not exist.
      const here = (v: Value, max: number) => bounded ? body.leaf(body.name(v), "i32", max) : v;
      const row = here(m, kernel.m - 1), first = here(n, kernel.n - 1);
      const accs = PARTS.map((p) => [body.leaf(`${c}.${p}`, kernel.a.kind)]);
      const coords = [...batch, row, undefined];
      const group = groupOf(module, coords, batch.length + 1, first, 4, kernel.n, [], accs);
      storeGroup(module, kernel.stores, group, {
        row: prims.add(prims.mul(flat(prims, batch, kernel.batch), prims.i32(kernel.m)), row),
        first,
        extent: kernel.n,
        shape: [...kernel.batch, kernel.m, kernel.n],
      });
      if (bounded) body.close();
    });
    if (guarded) body.close();
  }
}

function flat(prims: Module["prims"], coords: readonly Value[], dims: readonly number[]): Value {
  let at = prims.i32(0);
  coords.forEach((c, i) => at = prims.add(prims.mul(at, prims.i32(dims[i])), c));
  return at;
}
