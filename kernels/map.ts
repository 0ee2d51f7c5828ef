import type { MapKernel, Shader } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { groupOf } from "./wgsl/groups.ts";
import { Module } from "./wgsl/module.ts";
import { lanesOf } from "./wgsl/storage.ts";
import { storeGroup } from "./wgsl/stores.ts";

/** One invocation computes `size` consecutive elements of the last axis, and writes whole words of them. */
export function renderMap(kernel: MapKernel, target: Target): Shader {
  const { shape, stores } = kernel;
  const extent = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const size = groupSize(kernel);
  const groups = Math.ceil(extent / size);
  const total = rows * groups;
  const workgroup = Math.min(target.limits.maxComputeInvocationsPerWorkgroup, total >= 65536 ? 256 : 64);

  const module = new Module(kernel, target, workgroup, stores.map((s) => s.value), widths(kernel, size));
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
  return module.finish(at.grid, size === 1 ? "plain" : `plain, ${size} elements an invocation`);
}

/** Elements that an invocation computes: at least the lanes of the narrowest store. */
function groupSize({ shape, stores, bindings }: MapKernel): number {
  return Math.max(...stores.map((s) => lanesOf(bindings[s.binding].dtype)));
}

function widths(_kernel: MapKernel, _size: number): (1 | 2 | 4)[] {
  return [];
}
