import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, nodesOf, same } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";

/**
 * Expands composite ops until none is left. A node made here keeps the origin of the one it expands, so that inspect
 * still says which line it came from. Dims must be bound.
 */
export const decompose: Pass = transform("decompose", (graph): Graph => {
  let out = graph;
  while (nodesOf(out).some((n) => n.op.kind === "composite")) out = mapGraph(out, expandNode);
  return out;
});

function expandNode(node: Node, inputs: readonly Node[]): Node {
  const at = same(node, inputs);
  if (at.op.kind !== "composite") return at;
  const out = at.op.decompose(new Builder(at.origin), at);
  if (out === at) throw new Error(`${at.op.name} decomposes into itself`);
  return out;
}
