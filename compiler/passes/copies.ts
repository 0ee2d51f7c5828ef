import type { DType } from "../core/dtype.ts";
import { byteSize } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import { mapGraph, nodesOf, same } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { cast, castOp } from "../ops/cast.ts";
import { stateNode } from "../ops/leaf.ts";
import { paramPath } from "./autodiff.ts";
import { copySlot, paramSlot } from "./slots.ts";
import { state } from "./scaling.ts";

/** A low-precision copy of a master, refreshed once an update instead of cast at every use. */
export interface Copy {
  readonly path: string;
  readonly dtype: DType;
}

/** The narrowing casts of masters in a graph, in order. */
export function copiesOf(graph: Graph): Copy[] {
  const found = new Map<string, Copy>();
  for (const n of nodesOf(graph)) {
    const copy = copyOf(n);
    if (copy) found.set(copySlot(copy.path, copy.dtype), copy);
  }
  return [...found.values()];
}

function copyOf(node: Node): Copy | undefined {
  if (node.op !== castOp) return undefined;
  const [master] = node.inputs;
  const path = paramPath(master);
  const narrows = byteSize(node.type.dtype) < byteSize(master.type.dtype);
  return path !== undefined && narrows ? { path, dtype: node.type.dtype } : undefined;
}

/** Reads copies where masters were cast, and writes them wherever a master is written. */
export function useCopies(copies: readonly Copy[]): Pass {
  const kept = new Set(copies.map((c) => copySlot(c.path, c.dtype)));
  return transform("copies", (graph) => {
    const read = mapGraph(graph, (node, inputs) => {
      const copy = copyOf(node);
      if (!copy || !kept.has(copySlot(copy.path, copy.dtype))) return same(node, inputs);
      return stateNode(
        new Builder(node.origin),
        copySlot(copy.path, copy.dtype),
        copy.dtype,
        node.type.shape,
      );
    });
    const written = new Map(read.outputs.filter((o) => o.kind === "state").map((o) => [o.name, o.node]));
    const refreshed = copies.flatMap((c): Output[] => {
      const master = written.get(paramSlot(c.path));
      if (!master) return [];
      const b = new Builder({ why: `${c.dtype} copy of ${c.path}, made once an update` });
      return [state(copySlot(c.path, c.dtype), cast(b, master, c.dtype))];
    });
    return { outputs: [...read.outputs, ...refreshed] };
  });
}
