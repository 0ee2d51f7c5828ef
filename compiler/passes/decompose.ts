import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf, rebuiltInputs, same, topological } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";

/**
 * Expands composite ops until none is left. A node made here keeps the origin of the one it expands, so that inspect
 * still says which line it came from. Dims must be bound.
 */
export const decompose: Pass = transform("decompose", (graph): Graph => {
  /** What each node has become; what it has become stays. */
  const done = new Map<Node, Node>();
  const settle = (nodes: readonly Node[]) => {
    for (const n of nodes) {
      if (done.has(n)) continue;
      const out = expand(same(n, rebuiltInputs(n, done)));
      done.set(n, out).set(out, out);
    }
  };
  const expand = (node: Node): Node => {
    if (node.op.kind !== "composite") return node;
    const made = node.op.decompose(new Builder(node.origin), node);
    if (made === node) throw new Error(`${node.op.name} decomposes into itself`);
    settle(topological([made], (n) => !done.has(n)));
    return done.get(made)!;
  };
  settle(nodesOf(graph));
  return { outputs: graph.outputs.map((o) => ({ ...o, node: done.get(o.node)! })) };
});
