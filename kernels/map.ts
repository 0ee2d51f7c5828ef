import { loadsOf } from "../compiler/core/expr.ts";
import {
  type MapKernel,
  MOST_PRELUDES,
  type Prelude,
  type Shader,
  valuesOf,
} from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { planPrelude, type ReducePlan } from "./reduce_plan.ts";
import { RowReducer, SUBGROUPS } from "./reduce_rows.ts";
import type { Value } from "./wgsl/body.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { type Use, widthsOf } from "./wgsl/widths.ts";
import { groupOf } from "./wgsl/groups.ts";
import { Module, type Part, type Written } from "./wgsl/module.ts";
import { lanesOf } from "./wgsl/storage.ts";
import { storeGroup } from "./wgsl/stores.ts";

/** Elements from which a GPU stays busy with four to an invocation. */
const PLENTY = 1 << 18;

/** One invocation computes `size` consecutive elements of the last axis, and writes whole words of them. */
export function renderMap(kernel: MapKernel, target: Target, size?: number): Shader {
  const { module, grid, variant } = writeMap(kernel, target, undefined, size);
  return module.finish(grid, variant);
}

export function writeMap(given: MapKernel, target: Target, part?: Part, size = groupSize(given)): Written {
  const kernel = normalised(given);
  const { shape, stores, prelude } = kernel;
  const extent = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const groups = Math.ceil(extent / size);
  const total = rows * groups;
  const workgroup = part?.invocations ?? mapInvocations(kernel, target, size);
  const wanted = Math.ceil(total / workgroup);
  const turns = prelude ? Math.ceil(wanted / MOST_PRELUDES) : 1;
  const workgroups = Math.ceil(wanted / turns);

  const plan = prelude && planPrelude(kernel, target, workgroup);
  const widths = mapWidths(kernel, target, workgroup, size);
  const extensions = plan?.subgroup ? SUBGROUPS : {};
  const module = new Module(kernel, target, workgroup, valuesOf(kernel), { widths }, extensions, part);
  const { body, prims } = module;
  const at = module.workgroupIndex(workgroups);
  const accs = prelude ? reducePrelude(module, prelude, plan!) : [];
  const id = body.define(`${at.value.text} * ${workgroup} + i32(lid)`, "i32", total - 1, "id");

  const visit = (id: Value) => {
    const row = prims.quo(id, groups);
    const first = prims.mul(prims.mod(id, groups), prims.i32(size));
    const coords = prims.decode(row, shape.slice(0, -1));
    body.name(first);
    const group = groupOf(module, coords, shape.length - 1, first, size, extent, accs);
    storeGroup(module, stores, group, { row, first, extent, shape });
  };
  if (turns > 1) {
    const i = body.fresh("i");
    body.open(`for (var ${i} = ${id.text}; ${i} < ${total}; ${i} += ${workgroups * workgroup})`);
    visit(body.define(i, "i32", total - 1, "i"));
    body.close();
  } else {
    if (total % workgroup !== 0 || at.grid[1] > 1) body.line(`if (${id.text} >= ${total}) { return; }`);
    visit(id);
  }
  const each = size === 1 ? "plain" : `plain, ${size} elements an invocation`;
  return { module, grid: at.grid, variant: prelude ? `${each}, after a prelude` : each };
}

/** With nothing to reduce over, a prelude has one term. */
function normalised(kernel: MapKernel): MapKernel {
  const { prelude } = kernel;
  return prelude?.inner.length === 0 ? { ...kernel, prelude: { ...prelude, inner: [1] } } : kernel;
}

/** For each binding, the components of its array element that suit the map. */
export function mapWidths(
  given: MapKernel,
  target: Target,
  invocations: number,
  size: number,
): readonly (1 | 2 | 4)[] {
  const kernel = normalised(given);
  const { shape, stores, prelude } = kernel;
  const along = (dims: readonly number[], each: number) =>
    new LaneAnalysis(dims.length - 1, each, (dims.at(-1) ?? 1) % each === 0, true);
  const uses: Use[] = [{ analysis: along(shape, size), stores, shape }];
  if (prelude) {
    const analysis = along(prelude.inner, planPrelude(kernel, target, invocations).size);
    uses.push({ analysis, values: prelude.phases.flat().map((a) => a.value) });
  }
  return widthsOf(kernel, target, uses);
}

/** What each workgroup reduces before it maps. */
function reducePrelude(module: Module, { inner, phases }: Prelude, plan: ReducePlan): readonly Value[] {
  const reducer = new RowReducer(module, plan, inner);
  reducer.reduce([], phases, reducer.place());
  return reducer.accs;
}

/** Invocations of a workgroup of a map, each of which computes `size` elements. */
export function mapInvocations(kernel: MapKernel, target: Target, size = groupSize(kernel)): number {
  const { shape } = kernel;
  const total = shape.slice(0, -1).reduce((a, b) => a * b, 1) * Math.ceil((shape.at(-1) ?? 1) / size);
  return Math.min(target.limits.maxComputeInvocationsPerWorkgroup, total >= 65536 ? 256 : 64);
}

/**
 * Elements that an invocation computes: the lanes of the narrowest store, or four where there is work enough and all
 * that is loaded comes four at a time.
 */
export function groupSize({ shape, stores, bindings }: MapKernel): number {
  const lanes = Math.max(...stores.map((s) => lanesOf(bindings[s.binding].dtype)));
  const extent = shape.at(-1) ?? 1;
  if (lanes === 4 || extent % 4 !== 0 || shape.reduce((a, b) => a * b, 1) < PLENTY) return lanes;
  const analysis = new LaneAnalysis(shape.length - 1, 4, true, true);
  const together = loadsOf(stores.map((s) => s.value)).every((l) =>
    analysis.isUniform(l) || analysis.isTogether(l, lanesOf(bindings[l.binding].dtype))
  );
  return together ? 4 : lanes;
}
