import type { Kernel } from "../core/kernel.ts";
import type { Node } from "../ir/graph.ts";
import type { Lowered } from "./lower.ts";

/** `k03_matmul_relu`: the position, then what is computed, its last step last. */
export function kernelName(index: number, kernel: Kernel): string {
  const parts = kernel.fuses.map((f) => f.slice(f.indexOf(" ") + 1).replaceAll(/\W/g, "_"));
  const kept = parts.length <= 3 ? parts : [parts[0], parts[1], parts[parts.length - 1]];
  const words = kept.length > 0 ? kept : ["copy"];
  return `k${String(index).padStart(2, "0")}_${[...new Set(words)].join("_")}`;
}

/** `%12 matmul`, … for every node that a kernel computes, inputs first. */
export function fusedNames(lowered: Lowered, names: ReadonlyMap<Node, string>): string[] {
  const { computed } = lowered;
  const number = (n: Node) => Number(names.get(n)?.slice(1) ?? 0);
  return [...computed].filter((n) => n.op.kind !== "map" || !n.op.view)
    .sort((a, b) => number(a) - number(b))
    .map((n) => `${names.get(n) ?? "%?"} ${n.op.name}`);
}
