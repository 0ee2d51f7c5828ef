import { type Place, type ReduceKernel, rowLength, type Shader } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { planReduce, product, type ReducePlan } from "./reduce_plan.ts";
import { RowReducer, SUBGROUPS } from "./reduce_rows.ts";
import type { Value } from "./wgsl/body.ts";
import { Env, type Group } from "./wgsl/emitter.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { Module, type Part, type Written } from "./wgsl/module.ts";
import { storeGroup } from "./wgsl/stores.ts";
import { widthsOf } from "./wgsl/widths.ts";

/**
 * A row of a reduction stays inside one workgroup through all phases: its invocations reduce their parts in registers,
 * then pairwise through workgroup memory, in an order that depends on nothing but the shape.
 */
export function renderReduce(kernel: ReduceKernel, target: Target): Shader {
  const { module, grid, variant } = writeReduce(kernel, target);
  return module.finish(grid, variant);
}

export function writeReduce(given: ReduceKernel, target: Target, part?: Part): Written {
  const kernel = normalised(given);
  const plan = planReduce(kernel, target, part?.invocations);
  return new ReduceWriter(kernel, target, plan, part).write();
}

/** With nothing to reduce over, an element is a row. */
function normalised(kernel: ReduceKernel): ReduceKernel {
  if (kernel.inner.length > 0) return kernel;
  return {
    ...kernel,
    inner: [1],
    rowStores: [...kernel.rowStores, ...kernel.elementStores],
    elementStores: [],
  };
}

/** A group of one. */
const ONE_ROW = new LaneAnalysis(-1, 1, true, true);

/** For each binding, the components of its array element that suit the reduction. */
export function reduceWidths(given: ReduceKernel, target: Target, plan: ReducePlan): readonly (1 | 2 | 4)[] {
  const kernel = normalised(given);
  const { outer, inner, phases, elementStores, rowStores } = kernel;
  const axis = outer.length + inner.length - 1;
  const analysis = new LaneAnalysis(axis, plan.size, inner.at(-1)! % plan.size === 0, true);
  return widthsOf(kernel, target, [
    { analysis, values: phases.flat().map((a) => a.value) },
    { analysis, stores: elementStores, shape: [...outer, ...inner] },
    { analysis: ONE_ROW, stores: rowStores, shape: outer },
  ]);
}

class ReduceWriter {
  readonly #module: Module;
  readonly #reducer: RowReducer;

  constructor(readonly kernel: ReduceKernel, target: Target, readonly plan: ReducePlan, place?: Part) {
    const roots = [
      ...kernel.phases.flat().map((a) => a.value),
      ...kernel.rowStores.map((s) => s.value),
      ...kernel.elementStores.map((s) => s.value),
    ];
    const widths = reduceWidths(kernel, target, plan);
    this.#module = new Module(
      kernel,
      target,
      plan.rows * plan.threads,
      roots,
      { widths },
      plan.subgroup ? SUBGROUPS : {},
      place,
    );
    this.#reducer = new RowReducer(this.#module, plan, kernel.inner);
  }

  write(): Written {
    const { kernel, plan } = this;
    const module = this.#module, { body, prims } = module;
    const workgroups = Math.ceil(plan.slots / plan.rows);
    const at = module.workgroupIndex(workgroups);
    const place = this.#reducer.place();
    const { part, local } = place;
    const rows = this.#rowOf(at.value, local, workgroups < at.grid[0] * at.grid[1]);
    this.#reducer.reduce(rows.coords, kernel.phases, place);

    if (kernel.elementStores.length > 0) {
      this.#reducer.visit(rows.coords, part, (x) => {
        const condition = prims.and(rows.exists, x.exists);
        const store = () =>
          storeGroup(module, kernel.elementStores, x.group, {
            row: prims.add(prims.mul(rows.row, prims.i32(product(kernel.inner.slice(0, -1)))), x.row),
            first: x.first,
            extent: kernel.inner.at(-1)!,
            shape: [...kernel.outer, ...kernel.inner],
          });
        if (condition.constant) return store();
        body.open(`if (${body.use(condition)})`);
        store();
        body.close();
      });
    }
    if (kernel.rowStores.length > 0) this.#storeRows(rows, part, local);
    const layout = `${plan.rows} ${plan.rows === 1 ? "row" : "rows"} by ${plan.threads}`;
    const how = `${plan.unrolled ? ", unrolled" : ""}${
      plan.subgroup ? `, subgroups of ${plan.subgroup}` : ""
    }`;
    return { module, grid: at.grid, variant: `${layout}, along ${plan.along}${how}` };
  }

  /** The row of this invocation. One that does not exist repeats the last, and stores nothing. */
  #rowOf(group: Value, local: Value, folded: boolean): Rows {
    const { plan, kernel: { outer } } = this;
    const { prims, body } = this.#module;
    const extent = outer.at(-1) ?? 1;
    let slot = prims.add(prims.mul(group, prims.i32(plan.rows)), local);
    let exists = prims.true();
    if (plan.slots % plan.rows !== 0 || folded) {
      body.name(slot);
      exists = prims.lt(slot, plan.slots);
      slot = prims.min(slot, plan.slots - 1);
    }
    body.name(slot);
    const rowGroup = prims.quo(slot, plan.packing);
    const coords = prims.decode(rowGroup, [...outer.slice(0, -1), Math.ceil(extent / plan.packing)]);
    let last = prims.add(prims.mul(coords.pop()!, prims.i32(plan.packing)), prims.mod(slot, plan.packing));
    if (extent % plan.packing !== 0) {
      body.name(last);
      exists = prims.and(exists, prims.lt(last, extent));
      last = prims.min(last, extent - 1);
    }
    const outerRow = prims.quo(slot, Math.ceil(extent / plan.packing) * plan.packing);
    const row = extent % plan.packing === 0 ? slot : prims.add(prims.mul(outerRow, prims.i32(extent)), last);
    for (const v of [last, row, exists, outerRow]) body.name(v);
    return { coords: outer.length ? [...coords, last] : [], row, outerRow, last, slot, exists };
  }

  #storeRows(rows: Rows, part: Value, local: Value): void {
    const { plan, kernel } = this;
    const module = this.#module, { body, prims, storage, emitter } = module;
    const extent = kernel.outer.at(-1) ?? 1;
    const mine = prims.emit("eq", [part, prims.i32(0)], "bool");
    const first = plan.threads === 1 ? prims.true() : mine;
    const packed = kernel.rowStores.filter((s) => storage.isPacked(s.binding));
    const direct = kernel.rowStores.filter((s) => !storage.isPacked(s.binding));

    // Made inside the condition: only the invocations that store compute it.
    const within = (condition: Value, write: (group: Group) => void) => {
      const guarded = !condition.constant;
      if (guarded) body.open(`if (${body.use(condition)})`);
      const here = (v: Value) => body.leaf(body.name(v), v.kind, v.max);
      const env = new Env(rows.coords.map(here), this.#reducer.accs.map(here));
      write({ envs: [env], analysis: ONE_ROW });
      if (guarded) body.close();
    };
    const index = (binding: number, at: Value, place?: Place) =>
      place ? prims.add(prims.linear(rows.coords, place.strides), prims.i32(place.offset)) : prims.add(
        prims.mul(rows.outerRow, prims.i32(rowLength(kernel.outer, storage.dtypeOf(binding)))),
        at,
      );

    if (packed.length > 0) {
      packed.forEach((_, i) => module.share(`r${i}`, "u32", plan.rows));
      within(first, (group) =>
        packed.forEach(({ binding, value }, i) => {
          const code = emitter.code(value, storage.dtypeOf(binding), group);
          const kept = prims.emit("select", [rows.exists, code, body.constant("u32", 0)], "u32");
          body.line(`${module.shared(`r${i}`)}[${local.text}] = ${body.use(kept)};`);
        }));
      body.line("workgroupBarrier();");
    }
    if (direct.length > 0) {
      within(prims.and(first, rows.exists), (group) => {
        const items = direct.map((s) => emitter.storable(s.value, storage.dtypeOf(s.binding), group));
        items.forEach((item) => body.name(item.value));
        direct.forEach(({ binding, place }, i) => {
          storage.storeElement(binding, index(binding, rows.last, place), items[i].value, items[i].exact);
          if (!place) this.#padRow(binding, rows, extent);
        });
      });
    }
    packed.forEach(({ binding }, i) => {
      const lanes = storage.lanesOf(binding);
      const start = prims.emit("eq", [prims.mod(rows.slot, lanes), prims.i32(0)], "bool");
      const condition = prims.and(prims.and(first, start), rows.exists);
      body.open(`if (${body.use(condition)})`);
      const codes = Array.from(
        { length: lanes },
        (_, j) => body.leaf(`${module.shared(`r${i}`)}[${local.text} + ${j}]`, "u32"),
      );
      storage.storeGroup(binding, index(binding, rows.last), [storage.word(codes)], true);
      body.close();
    });
  }

  /** Native f16: the row's last element writes the padding after it. */
  #padRow(binding: number, rows: Rows, extent: number): void {
    const { body, prims, storage } = this.#module;
    const row = rowLength(this.kernel.outer, storage.dtypeOf(binding));
    if (row === extent) return;
    const at = prims.add(prims.mul(rows.outerRow, prims.i32(row)), prims.i32(extent));
    body.open(`if (${body.use(prims.emit("eq", [rows.last, prims.i32(extent - 1)], "bool"))})`);
    storage.storeElement(binding, at, body.constant("f32", 0), true);
    body.close();
  }
}

interface Rows {
  readonly coords: readonly Value[];
  /** Row-major position over the outer axes. */
  readonly row: Value;
  /** The same over all outer axes but the last. */
  readonly outerRow: Value;
  readonly last: Value;
  readonly slot: Value;
  readonly exists: Value;
}
