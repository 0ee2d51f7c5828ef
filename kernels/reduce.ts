import { type ReduceKernel, rowLength, type Shader } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { planReduce, product, type ReducePlan, TURNS } from "./reduce_plan.ts";
import type { Value } from "./wgsl/body.ts";
import { Running } from "./wgsl/combine.ts";
import { Env, type Group } from "./wgsl/emitter.ts";
import { groupOf } from "./wgsl/groups.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { type Extensions, Module, type Part, type Written } from "./wgsl/module.ts";
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

const SUBGROUPS: Extensions = {
  directives: ["enable subgroups;"],
  parameters: ["@builtin(subgroup_id) subgroup: u32", "@builtin(subgroup_invocation_id) invocation: u32"],
};

/** A group of one. */
const ONE_ROW = new LaneAnalysis(-1, 1, true, true);

/** One group of a row's elements, as an invocation meets it. */
interface Piece {
  readonly group: Group;
  /** Row-major position over every inner axis but the last, and coordinate on the last, of the first element. */
  readonly row: Value;
  readonly first: Value;
  /** Whether the group exists. */
  readonly exists: Value;
}

class ReduceWriter {
  readonly #module: Module;
  readonly #accs: Value[] = [];

  constructor(readonly kernel: ReduceKernel, target: Target, readonly plan: ReducePlan, place?: Part) {
    const roots = [
      ...kernel.phases.flat().map((a) => a.value),
      ...kernel.rowStores.map((s) => s.value),
      ...kernel.elementStores.map((s) => s.value),
    ];
    const axis = kernel.outer.length + kernel.inner.length - 1;
    const elements = new LaneAnalysis(axis, plan.size, kernel.inner.at(-1)! % plan.size === 0, true);
    const widths = widthsOf(kernel, target, [
      { analysis: elements, values: kernel.phases.flat().map((a) => a.value) },
      { analysis: elements, stores: kernel.elementStores, shape: [...kernel.outer, ...kernel.inner] },
      { analysis: ONE_ROW, stores: kernel.rowStores, shape: kernel.outer },
    ]);
    this.#module = new Module(
      kernel,
      target,
      plan.rows * plan.threads,
      roots,
      { widths },
      plan.subgroup ? SUBGROUPS : {},
      place,
    );
  }

  write(): Written {
    const { kernel, plan } = this;
    const module = this.#module, { body, prims } = module;
    const workgroups = Math.ceil(plan.slots / plan.rows);
    const at = module.workgroupIndex(workgroups);
    // In subgroups, numbered so that neighbours in a row are neighbours in a subgroup.
    const t = plan.subgroup === 0 ? module.lane() : body.define(
      `i32(subgroup) * ${plan.subgroup} + i32(invocation)`,
      "i32",
      module.workgroupSize - 1,
      "t",
    );
    const inner = plan.along === "inner";
    const part = inner ? prims.mod(t, plan.threads) : prims.quo(t, plan.rows);
    const local = inner ? prims.quo(t, plan.threads) : prims.mod(t, plan.rows);
    body.name(part);
    body.name(local);
    const rows = this.#rows(at.value, local, workgroups < at.grid[0] * at.grid[1]);

    kernel.phases.forEach((phase, p) => {
      const first = this.#accs.length;
      const running = phase.map((a, i) => new Running(module, a, first + i));
      running.forEach((r) => r.start());
      this.#parts(rows.coords, part, (x) => {
        phase.forEach((a, i) => this.#take(running[i], a.value, x));
      });
      const shared = this.#combine(running, t, part, local, p > 0);
      this.#accs.push(...running.map((r, i) => r.finish(i, shared)));
    });

    if (kernel.elementStores.length > 0) {
      this.#parts(rows.coords, part, (x) => {
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
  #rows(group: Value, local: Value, folded: boolean): Rows {
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

  /** Visits this invocation's part of the row, group by group. */
  #parts(outer: readonly Value[], part: Value, visit: (x: Piece) => void): void {
    const { plan } = this;
    const { body, prims } = this.#module;
    if (!plan.unrolled) {
      const i = body.fresh("i");
      const turns = plan.groups >= 2 * TURNS * plan.threads ? TURNS : 1;
      const step = plan.threads * turns;
      body.open(`for (var ${i} = ${part.text}; ${i} < ${plan.groups}; ${i} += ${step})`);
      // A loop variable is no constant: its value in this turn is.
      const first = body.define(i, "i32", plan.groups - 1, "i");
      for (let u = 0; u < turns; u++) {
        const here = prims.add(first, prims.i32(u * plan.threads));
        const whole = u === 0 || plan.groups % step === 0;
        const at = whole
          ? body.leaf(body.name(here), "i32", plan.groups - 1)
          : prims.min(here, plan.groups - 1);
        visit(this.#part(outer, at, whole ? prims.true() : prims.lt(here, plan.groups)));
      }
      body.close();
      return;
    }
    for (let u = 0; u * plan.threads < plan.groups; u++) {
      const i = prims.add(part, prims.i32(u * plan.threads));
      const whole = (u + 1) * plan.threads <= plan.groups;
      const exists = whole ? prims.true() : prims.lt(i, plan.groups);
      visit(this.#part(outer, whole ? i : prims.min(i, plan.groups - 1), exists));
    }
  }

  #part(outer: readonly Value[], i: Value, exists: Value): Piece {
    const { plan, kernel: { inner } } = this;
    const { body, prims } = this.#module;
    const extent = inner.at(-1)!, perRow = Math.ceil(extent / plan.size);
    body.name(i);
    const row = prims.quo(i, perRow);
    const first = prims.mul(prims.mod(i, perRow), prims.i32(plan.size));
    body.name(first);
    const coords = [...outer, ...prims.decode(row, inner.slice(0, -1))];
    const group = groupOf(this.#module, coords, coords.length, first, plan.size, extent, this.#accs);
    return { group, row, first, exists };
  }

  #take(running: Running, value: ReduceKernel["phases"][0][0]["value"], x: Piece): void {
    const { prims, emitter, body } = this.#module;
    const extent = this.kernel.inner.at(-1)!;
    x.group.envs.forEach((_, j) => {
      const here = prims.add(x.first, prims.i32(j));
      const inside = j === 0 || extent % this.plan.size === 0
        ? x.exists
        : prims.and(x.exists, prims.lt(here, extent));
      const v = emitter.value(value, x.group, j);
      body.name(v);
      running.add(v, prims.add(prims.mul(x.row, prims.i32(extent)), here), inside);
    });
  }

  /** Combines the parts of a row; returns where in workgroup memory the result stands, if it is there. */
  #combine(
    running: readonly Running[],
    t: Value,
    part: Value,
    local: Value,
    again: boolean,
  ): string | undefined {
    const { plan } = this;
    const { body, prims } = this.#module;
    if (plan.threads === 1) return undefined;
    if (plan.subgroup > 0) return this.#combineInSubgroups(running, t, local, again);
    running.forEach((r, i) => r.share(i, this.#module.workgroupSize));
    // What the phase before published may still be read.
    if (again) body.line("workgroupBarrier();");
    running.forEach((r, i) => r.publish(i, t.text));
    const stride = plan.along === "inner" ? 1 : plan.rows;
    for (let half = plan.threads / 2; half >= 1; half /= 2) {
      body.line("workgroupBarrier();");
      body.open(`if (${part.text} < ${half})`);
      running.forEach((r, i) => {
        r.join(i, `${t.text} + ${half * stride}`);
        r.publish(i, t.text);
      });
      body.close();
    }
    body.line("workgroupBarrier();");
    return body.name(plan.along === "inner" ? prims.mul(local, prims.i32(plan.threads)) : local);
  }

  /** By shuffles in a subgroup; then, where a row has several, every invocation joins theirs in order. */
  #combineInSubgroups(running: readonly Running[], t: Value, local: Value, again: boolean): undefined {
    const { threads, subgroup } = this.plan;
    const { body, prims } = this.#module;
    for (let mask = 1; mask < Math.min(threads, subgroup); mask *= 2) {
      running.forEach((r) => r.joinAcross(mask));
    }
    if (threads <= subgroup) return;
    running.forEach((r, i) => r.share(i, this.#module.workgroupSize / subgroup));
    if (again) body.line("workgroupBarrier();");
    body.open(`if (${body.use(prims.emit("eq", [prims.mod(t, subgroup), prims.i32(0)], "bool"))})`);
    running.forEach((r, i) => r.publish(i, body.use(prims.quo(t, subgroup))));
    body.close();
    body.line("workgroupBarrier();");
    const base = body.name(prims.mul(local, prims.i32(threads / subgroup)));
    running.forEach((r, i) => {
      r.adopt(i, base);
      for (let g = 1; g < threads / subgroup; g++) r.join(i, `${base} + ${g}`);
    });
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
      const env = new Env(rows.coords.map(here), this.#accs.map(here));
      write({ envs: [env], analysis: ONE_ROW });
      if (guarded) body.close();
    };
    const index = (binding: number, at: Value) =>
      prims.add(prims.mul(rows.outerRow, prims.i32(rowLength(kernel.outer, storage.dtypeOf(binding)))), at);

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
        direct.forEach(({ binding }, i) => {
          storage.storeElement(binding, index(binding, rows.last), items[i].value, items[i].exact);
          this.#padRow(binding, rows, extent);
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
      storage.storeGroup(binding, index(binding, rows.last), codes, true);
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
