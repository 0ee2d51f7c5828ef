import type { MatmulKernel, Shader } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { MatrixPanel } from "./matrix_panel.ts";
import { FRAGMENT, type MatrixPlan, matrixThreads, SUBGROUP } from "./matrix_plan.ts";
import { product } from "./reduce_plan.ts";
import type { Value } from "./wgsl/body.ts";
import { groupOf } from "./wgsl/groups.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { type Extensions, Module } from "./wgsl/module.ts";
import { prepareStores } from "./wgsl/stores.ts";
import { widthsOf } from "./wgsl/widths.ts";

const EXTENSIONS: Extensions = {
  directives: [
    "enable subgroups;",
    "enable chromium_experimental_subgroup_matrix;",
    // Offsets come from subgroup_id, which is uniform in a subgroup; the analysis does not know.
    "diagnostic(off, chromium.subgroup_matrix_uniformity);",
  ],
  parameters: ["@builtin(subgroup_id) subgroup: u32", "@builtin(subgroup_invocation_id) invocation: u32"],
};

/** Groups of four results that an invocation makes before it stores them: their loads wait together. */
const QUADS = 2;

/**
 * A tiled contraction on matrix units: panels of f16 or bytes in workgroup memory, f32 or integer accumulators in
 * fragments. The next panels are fetched into registers while the present ones are multiplied. Results pass through
 * workgroup memory, where invocations pick up four neighbours at a time for the stores.
 */
export function renderMatmulOnMatrixUnits(kernel: MatmulKernel, target: Target, plan: MatrixPlan): Shader {
  return new MatrixWriter(kernel, target, plan).write();
}

class MatrixWriter {
  readonly #module: Module;
  readonly #a: MatrixPanel;
  readonly #b: MatrixPanel;
  readonly #threads: number;

  constructor(readonly kernel: MatmulKernel, target: Target, readonly plan: MatrixPlan) {
    const { batch, m, n, k } = kernel, rank = batch.length;
    const threads = this.#threads = matrixThreads(plan);
    const common = { k, kAxis: rank + 2, unit: plan.unit, threads };
    this.#a = new MatrixPanel({
      ...common,
      value: kernel.a,
      axis: rank,
      extent: m,
      tile: plan.tileM,
      base: 0,
    });
    const base = this.#a.length;
    this.#b = new MatrixPanel({
      ...common,
      value: kernel.b,
      axis: rank + 1,
      extent: n,
      tile: plan.tileN,
      base,
    });
    const stored = new LaneAnalysis(rank + 1, 4, n % 4 === 0, false);
    const widths = widthsOf(kernel, target, [
      { analysis: this.#a.analysis, values: [kernel.a] },
      { analysis: this.#b.analysis, values: [kernel.b] },
      { analysis: stored, stores: kernel.stores, shape: [...batch, m, n] },
    ], true);
    const roots = [kernel.a, kernel.b, ...kernel.stores.map((s) => s.value)];
    this.#module = new Module(kernel, target, threads, roots, { widths, halvesInWords: true }, {
      ...EXTENSIONS,
      f16: plan.unit.component === "f16",
    });
  }

  write(): Shader {
    const { kernel, plan } = this, { unit } = plan;
    const module = this.#module, { body, prims } = module;
    const tilesM = Math.ceil(kernel.m / plan.tileM), tilesN = Math.ceil(kernel.n / plan.tileN);
    const tiles = product(kernel.batch) * tilesM * tilesN;
    module.share("panels", "vec4<u32>", Math.max(this.#a.length + this.#b.length, this.#handover().length));

    const at = module.workgroupIndex(tiles);
    // The grid's last workgroups may have no tile: they repeat the last one, and store nothing.
    const exists = at.grid[0] * at.grid[1] === tiles ? prims.true() : prims.lt(at.value, tiles);
    const tile = exists.constant ? at.value : prims.min(at.value, tiles - 1);
    const t = module.lane();
    const tileN = prims.mod(tile, tilesN), rest = prims.quo(tile, tilesN);
    const batch = prims.decode(prims.quo(rest, tilesM), kernel.batch);
    const originM = prims.mul(prims.mod(rest, tilesM), prims.i32(plan.tileM));
    const originN = prims.mul(tileN, prims.i32(plan.tileN));
    for (const v of [tile, ...batch, originM, originN]) body.name(v);
    const across = plan.tileN / plan.subN;
    const subgroup = body.define("i32(subgroup)", "i32", this.#threads / SUBGROUP - 1, "s");
    const sx = prims.mod(subgroup, across), sy = prims.quo(subgroup, across);
    for (const v of [sx, sy]) body.name(v);

    this.#each((c) =>
      body.line(`var ${c}: subgroup_matrix_result<${unit.result}, ${FRAGMENT}, ${FRAGMENT}>;`)
    );
    const panels = [
      { panel: this.#a, origin: originM, name: "fa" },
      { panel: this.#b, origin: originN, name: "fb" },
    ];
    const fetchPanels = (k0: Value) => {
      for (const { panel, origin, name } of panels) {
        for (let u = 0; u < panel.units; u++) {
          body.line(`${name}${u} = ${body.use(panel.take(module, batch, t, u, origin, k0))};`);
        }
      }
    };
    for (const { panel, name } of panels) {
      for (let u = 0; u < panel.units; u++) body.line(`var ${name}${u}: vec4<u32>;`);
    }
    fetchPanels(prims.i32(0));
    const steps = Math.ceil(kernel.k / unit.tileK);
    const k = body.fresh("k");
    if (steps > 1) {
      body.open(`for (var ${k} = ${unit.tileK}; ${k} <= ${steps * unit.tileK}; ${k} += ${unit.tileK})`);
    }
    for (const { panel, name } of panels) {
      for (let u = 0; u < panel.units; u++) {
        body.line(`panels[${body.use(panel.at(module, t, u))}] = ${name}${u};`);
      }
    }
    body.line("workgroupBarrier();");
    if (steps > 1) {
      body.open(`if (${k} < ${steps * unit.tileK})`);
      fetchPanels(body.define(k, "i32", (steps - 1) * unit.tileK, "k"));
      body.close();
    }
    this.#multiply(sx, sy);
    body.line("workgroupBarrier();");
    if (steps > 1) body.close();
    this.#store(batch, originM, originN, subgroup, sx, sy, exists);
    const { tileM, tileN: tn, subM, subN } = plan;
    const size = `${FRAGMENT}x${FRAGMENT}x${unit.depth} ${unit.component}`;
    return module.finish(
      at.grid,
      `subgroup_matrix ${size}, tile ${tileM}x${tn}x${unit.tileK}, ${subM}x${subN} a subgroup`,
    );
  }

  /** Visits the accumulator fragments, by row and column. */
  #each(visit: (name: string, row: number, column: number) => void): void {
    for (let i = 0; i < this.plan.subM / FRAGMENT; i++) {
      for (let j = 0; j < this.plan.subN / FRAGMENT; j++) visit(`c${i}_${j}`, i, j);
    }
  }

  #multiply(sx: Value, sy: Value): void {
    const { plan } = this;
    const { body } = this.#module;
    for (let kk = 0; kk < plan.unit.tileK; kk += plan.unit.depth) {
      const a = this.#fragments(this.#a, "left", sy, plan.subM, kk);
      const b = this.#fragments(this.#b, "right", sx, plan.subN, kk);
      this.#each((c, i, j) => body.line(`${c} = subgroupMatrixMultiplyAccumulate(${a[i]}, ${b[j]}, ${c});`));
    }
  }

  /** Loads a subgroup's fragments of a panel at k `kk`; where the panel lies the other way round, by columns. */
  #fragments(panel: MatrixPanel, side: "left" | "right", sub: Value, extent: number, kk: number): string[] {
    const { body, prims } = this.#module;
    const { component, depth, chunk } = this.plan.unit;
    const plain = panel.alongK === (side === "left");
    const size = side === "left" ? `${depth}, ${FRAGMENT}` : `${FRAGMENT}, ${depth}`;
    return Array.from({ length: extent / FRAGMENT }, (_, i) => {
      const p = prims.add(prims.mul(sub, prims.i32(extent)), prims.i32(i * FRAGMENT));
      const [row, column] = panel.alongK ? [p, prims.i32(kk)] : [prims.i32(kk), p];
      const offset = prims.add(
        prims.add(prims.mul(row, prims.i32(panel.stride)), prims.quo(column, chunk)),
        prims.i32(panel.shape.base),
      );
      body.name(offset);
      const name = body.fresh(side === "left" ? "x" : "y");
      body.line(
        `let ${name} = subgroupMatrixLoad<subgroup_matrix_${side}<${component}, ${size}>, ` +
          `${plain ? "row_major" : "col_major"}>(&panels, u32(${offset.text}), ${panel.stride}u);`,
      );
      return name;
    });
  }

  /** A row of fragments of each subgroup on its way through workgroup memory, in vec4<u32>. */
  #handover(): { stride: number; each: number; length: number } {
    const stride = this.plan.subN / 4 + 1, each = FRAGMENT * stride;
    return { stride, each, length: each * this.#threads / SUBGROUP };
  }

  #store(
    batch: readonly Value[],
    originM: Value,
    originN: Value,
    subgroup: Value,
    sx: Value,
    sy: Value,
    exists: Value,
  ): void {
    const { kernel, plan } = this;
    const module = this.#module, { body, prims } = module;
    const { stride, each } = this.#handover();
    const base = prims.mul(subgroup, prims.i32(each));
    const firstM = prims.add(originM, prims.mul(sy, prims.i32(plan.subM)));
    const firstN = prims.add(originN, prims.mul(sx, prims.i32(plan.subN)));
    const invocation = body.define("i32(invocation)", "i32", SUBGROUP - 1, "l");
    for (const v of [base, firstM, firstN]) body.name(v);
    const across = plan.subN / 4;
    for (let i = 0; i < plan.subM / FRAGMENT; i++) {
      if (i > 0) body.line("workgroupBarrier();");
      for (let j = 0; j < plan.subN / FRAGMENT; j++) {
        const at = body.use(prims.add(base, prims.i32(j * FRAGMENT / 4)));
        body.line(`subgroupMatrixStore<row_major>(&panels, u32(${at}), c${i}_${j}, ${stride}u);`);
      }
      body.line("workgroupBarrier();");
      const q = body.fresh("q");
      const whole = exists.constant && kernel.m % plan.tileM === 0 && kernel.n % plan.tileN === 0;
      const turns = whole ? QUADS : 1, step = turns * SUBGROUP;
      body.open(`for (var ${q} = 0; ${q} < ${FRAGMENT * across}; ${q} += ${step})`);
      const writes = Array.from({ length: turns }, (_, u) => {
        const at = `${q} + ${u === 0 ? "" : `${u * SUBGROUP} + `}${invocation.text}`;
        const quad = body.define(at, "i32", FRAGMENT * across - 1, "q");
        const row = prims.quo(quad, across), column = prims.mod(quad, across);
        const m = prims.add(firstM, prims.add(row, prims.i32(i * FRAGMENT)));
        const n = prims.add(firstN, prims.mul(column, prims.i32(4)));
        const from = prims.add(prims.add(base, prims.mul(row, prims.i32(stride))), column);
        let inside = exists;
        if (kernel.m % plan.tileM !== 0) inside = prims.and(inside, prims.lt(m, kernel.m));
        if (kernel.n % plan.tileN !== 0) inside = prims.and(inside, prims.lt(n, kernel.n));
        if (inside.constant) return this.#prepareQuad(batch, m, n, body.use(from));
        const start = body.use(from);
        body.open(`if (${body.use(inside)})`);
        this.#prepareQuad(batch, m, n, start)();
        body.close();
        return () => {};
      });
      writes.forEach((write) => write());
      body.close();
    }
  }

  /** Makes what is stored of four neighbours of a row, whose sums stand at `from` in workgroup memory. */
  #prepareQuad(batch: readonly Value[], m: Value, n: Value, from: string): () => void {
    const { kernel } = this;
    const module = this.#module, { body, prims } = module;
    // New names, so that nothing is loaded for a place that does not exist.
    const row = body.define(m.text, "i32", kernel.m - 1), first = body.define(n.text, "i32", kernel.n - 1);
    const { result } = this.plan.unit;
    const sums = body.define(`bitcast<vec4<${result}>>(panels[${from}])`, result);
    const accs = ["x", "y", "z", "w"].map((p) => [body.leaf(`${sums.text}.${p}`, result)]);
    const group = groupOf(module, [...batch, row, undefined], batch.length + 1, first, 4, kernel.n, [], accs);
    const matrix = prims.linear(batch, kernel.batch.map((_, i) => product(kernel.batch.slice(i + 1))));
    return prepareStores(module, kernel.stores, group, {
      row: prims.add(prims.mul(matrix, prims.i32(kernel.m)), row),
      first,
      extent: kernel.n,
      shape: [...kernel.batch, kernel.m, kernel.n],
    });
  }
}
