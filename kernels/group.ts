import { loadsOf } from "../compiler/core/expr.ts";
import type { GroupKernel, MapKernel, Shader, SingleKernel } from "../compiler/core/kernel.ts";
import { storesOf, valuesOf } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { groupSize, mapInvocations, mapWidths, writeMap } from "./map.ts";
import { matmulWidths, writeMatmul } from "./matmul.ts";
import { takenByPart } from "./matmul_plan.ts";
import { reduceWidths, writeReduce } from "./reduce.ts";
import { planReduce } from "./reduce_plan.ts";
import type { Part, Written } from "./wgsl/module.ts";
import { BUILTINS, foldGrid, groupNumber, PART_GROUP } from "./wgsl/module.ts";
import { printable } from "./wgsl/storage.ts";

/** Invocations of a workgroup in which every part fits. */
const MOST = 256;

/** Each part is a function; `main` calls the one whose workgroup it is, the same for the whole workgroup. */
export function renderGroup(kernel: GroupKernel, target: Target): Shader {
  const limit = Math.min(MOST, target.limits.maxComputeInvocationsPerWorkgroup);
  const invocations = Math.min(limit, Math.max(...kernel.parts.map((p) => ownInvocations(p, target))));
  const uses = kernel.parts.map(usesOf);
  const size = commonSize(kernel.parts);
  // What several parts name is declared as all of them can use it.
  const own = kernel.parts.map((p) => widthsOfPart(p, target, invocations, size));
  const widths = kernel.bindings.map((_, b) => {
    const wanted = own.flatMap((w, i) => uses[i].has(b) ? [w[b]] : []);
    return (wanted.length > 0 ? Math.min(...wanted) : 1) as 1 | 2 | 4;
  });
  const written = kernel.parts.map((p, number) =>
    writePart(p, target, { number, invocations, widths }, size)
  );
  const pieces = written.map((w) => w.module.pieces());
  const union = (texts: readonly (readonly string[])[]) => [...new Set(texts.flat())];
  const parameters = union(pieces.map((p) => p.parameters));
  const names = ["lid", ...parameters.map((p) => p.match(/(\w+): /)![1])];
  const types = ["u32", ...parameters.map((p) => p.split(": ")[1])];
  const signature = [`${PART_GROUP}: i32`, ...names.map((n, i) => `${n}: ${types[i]}`)].join(", ");

  const counts = written.map((w) => w.grid[0]);
  const total = counts.reduce((a, b) => a + b, 0);
  const grid = foldGrid(total, target);
  const calls = kernel.parts.map((_, i) => {
    const start = counts.slice(0, i).reduce((a, b) => a + b, 0);
    const at = start === 0 ? "group" : `group - ${start}`;
    return `if (group < ${start + counts[i]}) { part${i}(${[at, ...names].join(", ")}); }`;
  });
  const variant = written.map((w, i) => `${kernel.parts[i].family} ${w.variant}`).join(" | ");
  const code = [
    `// ${printable(kernel.name)}: ${kernel.parts.length} parts: ${variant}`,
    ...(pieces.some((p) => p.f16) ? ["enable f16;"] : []),
    ...union(pieces.map((p) => p.directives)),
    ...kernel.bindings.map((_, i) => pieces[userOf(uses, i)].declarations[i]),
    ...union(pieces.map((p) => p.shared)),
    ...union(pieces.map((p) => p.helpers)),
    ...pieces.flatMap((p, i) => [`fn part${i}(${signature}) {`, ...p.lines.map((l) => `  ${l}`), "}"]),
    `@compute @workgroup_size(${invocations})`,
    `fn main(${[...BUILTINS, ...parameters].join(", ")}) {`,
    ...union(pieces.map((p) => p.entry)).map((l) => `  ${l}`),
    `  let group = ${groupNumber(grid)};`,
    `  ${calls.join(" else ")}`,
    "}",
    "",
  ];
  return { code: code.join("\n"), workgroups: grid, workgroupSize: [invocations, 1, 1], variant };
}

/** Invocations that the part would have in a workgroup by itself. */
function ownInvocations(kernel: SingleKernel, target: Target): number {
  switch (kernel.family) {
    case "map":
      return mapInvocations(kernel, target);
    case "reduce": {
      const { rows, threads } = planReduce(kernel, target);
      return rows * threads;
    }
    case "matmul":
      return takenByPart(kernel, target, MOST).invocations;
  }
}

/** Elements that an invocation of a map takes: as many for all maps as suits the one that takes most, where it can be. */
function commonSize(parts: readonly SingleKernel[]): (kernel: MapKernel) => number {
  const most = Math.max(1, ...parts.flatMap((p) => p.family === "map" ? [groupSize(p)] : []));
  return (kernel) => (kernel.shape.at(-1) ?? 1) % most === 0 ? most : groupSize(kernel);
}

function widthsOfPart(
  kernel: SingleKernel,
  target: Target,
  invocations: number,
  size: (kernel: MapKernel) => number,
): readonly number[] {
  switch (kernel.family) {
    case "map":
      return mapWidths(kernel, target, invocations, size(kernel));
    case "reduce":
      return reduceWidths(kernel, target, planReduce(kernel, target, invocations));
    case "matmul":
      return matmulWidths(kernel, target, invocations);
  }
}

function writePart(
  kernel: SingleKernel,
  target: Target,
  part: Part,
  size: (kernel: MapKernel) => number,
): Written {
  switch (kernel.family) {
    case "map":
      return writeMap(kernel, target, part, size(kernel));
    case "reduce":
      return writeReduce(kernel, target, part);
    case "matmul":
      return writeMatmul(kernel, target, part);
  }
}

/** The part that reads or writes a binding, and so says how it is declared; any part, for one that none uses. */
function userOf(uses: readonly ReadonlySet<number>[], binding: number): number {
  return Math.max(0, uses.findIndex((u) => u.has(binding)));
}

function usesOf(kernel: SingleKernel): Set<number> {
  return new Set([
    ...loadsOf(valuesOf(kernel)).map((l) => l.binding),
    ...storesOf(kernel).map((s) => s.binding),
    ...(kernel.flag === undefined ? [] : [kernel.flag]),
  ]);
}
