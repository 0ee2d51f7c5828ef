import type { Expr } from "../compiler/core/expr.ts";
import type { Accumulator } from "../compiler/core/kernel.ts";
import { type ReducePlan, TURNS } from "./reduce_plan.ts";
import type { Value } from "./wgsl/body.ts";
import { Running } from "./wgsl/combine.ts";
import type { Group } from "./wgsl/emitter.ts";
import { groupOf } from "./wgsl/groups.ts";
import type { Extensions, Module } from "./wgsl/module.ts";

/** What a plan in subgroups needs. */
export const SUBGROUPS: Extensions = {
  directives: ["enable subgroups;"],
  parameters: ["@builtin(subgroup_id) subgroup: u32", "@builtin(subgroup_invocation_id) invocation: u32"],
};

/** One group of a row's elements, as an invocation meets it. */
export interface Piece {
  readonly group: Group;
  /** Row-major position over every inner axis but the last, and coordinate on the last, of the first element. */
  readonly row: Value;
  readonly first: Value;
  /** Whether the group exists. */
  readonly exists: Value;
}

/** Where an invocation stands among those of its workgroup. */
export interface Place {
  /** Its number, by which neighbours in a row are neighbours in a subgroup. */
  readonly t: Value;
  /** Its number among those that share its row, and the row's number among the workgroup's. */
  readonly part: Value;
  readonly local: Value;
}

/** Reduces the rows of a workgroup: each invocation its parts in registers, then all of a row's together. */
export class RowReducer {
  /** What is finished so far, by number. */
  readonly accs: Value[] = [];

  constructor(readonly module: Module, readonly plan: ReducePlan, readonly inner: readonly number[]) {}

  place(): Place {
    const { module, plan } = this, { body, prims } = module;
    const t = plan.subgroup === 0 ? module.lane() : body.define(
      `i32(subgroup) * ${plan.subgroup} + i32(invocation)`,
      "i32",
      module.workgroupSize - 1,
      "t",
    );
    const along = plan.along === "inner";
    const part = along ? prims.mod(t, plan.threads) : prims.quo(t, plan.rows);
    const local = along ? prims.quo(t, plan.threads) : prims.mod(t, plan.rows);
    body.name(part);
    body.name(local);
    return { t, part, local };
  }

  /** Phase after phase for the row at some outer coordinates; `accs` has the results. */
  reduce(outer: readonly Value[], phases: readonly (readonly Accumulator[])[], place: Place): void {
    phases.forEach((phase, p) => {
      const first = this.accs.length;
      const running = phase.map((a, i) => new Running(this.module, a, first + i));
      running.forEach((r) => r.start());
      this.visit(outer, place.part, (x) => {
        phase.forEach((a, i) => this.#take(running[i], a.value, x));
      });
      const shared = this.#combine(running, place, p > 0);
      this.accs.push(...running.map((r, i) => r.finish(i, shared)));
    });
  }

  /** Visits this invocation's part of the row, group by group. */
  visit(outer: readonly Value[], part: Value, visit: (x: Piece) => void): void {
    const { plan } = this;
    const { body, prims } = this.module;
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
    const { plan, inner } = this;
    const { body, prims } = this.module;
    const extent = inner.at(-1)!, perRow = Math.ceil(extent / plan.size);
    body.name(i);
    const row = prims.quo(i, perRow);
    const first = prims.mul(prims.mod(i, perRow), prims.i32(plan.size));
    body.name(first);
    const coords = [...outer, ...prims.decode(row, inner.slice(0, -1))];
    const group = groupOf(this.module, coords, coords.length, first, plan.size, extent, this.accs);
    return { group, row, first, exists };
  }

  #take(running: Running, value: Expr, x: Piece): void {
    const { prims, emitter, body } = this.module;
    const extent = this.inner.at(-1)!;
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
    { t, part, local }: Place,
    again: boolean,
  ): string | undefined {
    const { plan } = this;
    const { body, prims } = this.module;
    if (plan.threads === 1) return undefined;
    if (plan.subgroup > 0) return this.#combineInSubgroups(running, t, local, again);
    running.forEach((r, i) => r.share(i, this.module.workgroupSize));
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
    const { body, prims } = this.module;
    for (let mask = 1; mask < Math.min(threads, subgroup); mask *= 2) {
      running.forEach((r) => r.joinAcross(mask));
    }
    if (threads <= subgroup) return;
    running.forEach((r, i) => r.share(i, this.module.workgroupSize / subgroup));
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
}
