import type { Graph, Node } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { reshapeOp } from "../ops/view.ts";

/** Places to which one kernel may store a value. */
const MOST = 4;

/**
 * Gives a value that is wanted in many places, such as the zeros of every fresh moment, a copy of its own for every few
 * of them: one kernel binds only so many buffers.
 */
export const spreadOutputs: Pass = transform("spread_outputs", (graph): Graph => {
  const seen = new Map<Node, number>();
  const copies = new Map<Node, Node>();
  return {
    outputs: graph.outputs.map((o) => {
      const count = seen.get(o.node) ?? 0;
      seen.set(o.node, count + 1);
      if (count < MOST) return o;
      if (count % MOST === 0) copies.set(o.node, again(o.node));
      return { ...o, node: copies.get(o.node)! };
    }),
  };
});

/** The same value as another node: made again where that is nothing, else read. */
function again(n: Node): Node {
  const made = n.op.kind === "map" && n.inputs.every((x) => x.op.name === "const");
  if (made) return { ...n };
  return { op: reshapeOp, inputs: [n], attrs: { shape: n.type.shape }, type: n.type, origin: n.origin };
}
