import type { MapKernel, Shader } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { LaneAnalysis } from "./wgsl/lanes.ts";
import { loadsOf } from "./wgsl/loads.ts";
import { widthsOf } from "./wgsl/widths.ts";
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

export function writeMap(kernel: MapKernel, target: Target, part?: Part, size = groupSize(kernel)): Written {
  const { shape, stores } = kernel;
  const extent = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const groups = Math.ceil(extent / size);
  const total = rows * groups;
  const workgroup = part?.invocations ?? mapInvocations(total, target);

  const analysis = new LaneAnalysis(shape.length - 1, size, extent % size === 0, true);
  const widths = widthsOf(kernel, target, [{ analysis, stores, shape }]);
  const module = new Module(kernel, target, workgroup, stores.map((s) => s.value), { widths }, {}, part);
  const { body, prims } = module;
  const at = module.workgroupIndex(Math.ceil(total / workgroup));
  const id = body.define(`${at.value.text} * ${workgroup} + i32(lid)`, "i32", total - 1, "id");
  if (total % workgroup !== 0 || at.grid[1] > 1) body.line(`if (${id.text} >= ${total}) { return; }`);

  const row = prims.quo(id, groups);
  const first = prims.mul(prims.mod(id, groups), prims.i32(size));
  const coords = prims.decode(row, shape.slice(0, -1));
  body.name(first);
  const group = groupOf(module, coords, shape.length - 1, first, size, extent, []);
  storeGroup(module, stores, group, { row, first, extent, shape });
  return { module, grid: at.grid, variant: size === 1 ? "plain" : `plain, ${size} elements an invocation` };
}

/** Invocations of a workgroup of a map over `total` groups of elements. */
function mapInvocations(total: number, target: Target): number {
  return Math.min(target.limits.maxComputeInvocationsPerWorkgroup, total >= 65536 ? 256 : 64);
}

/**
 * Elements that an invocation computes: the lanes of the narrowest store, or four where there is work enough and all
 * that is loaded comes four at a time.
 */
function groupSize({ shape, stores, bindings }: MapKernel): number {
  const lanes = Math.max(...stores.map((s) => lanesOf(bindings[s.binding].dtype)));
  const extent = shape.at(-1) ?? 1;
  if (lanes === 4 || extent % 4 !== 0 || shape.reduce((a, b) => a * b, 1) < PLENTY) return lanes;
  const analysis = new LaneAnalysis(shape.length - 1, 4, true, true);
  const together = loadsOf(stores.map((s) => s.value)).every((l) =>
    analysis.isUniform(l) || analysis.isTogether(l, lanesOf(bindings[l.binding].dtype))
  );
  return together ? 4 : lanes;
}
