import { isFloat } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import { nodesOf, topological } from "../ir/graph.ts";
import { transform } from "../ir/rewrite.ts";
import { constNode } from "../ops/leaf.ts";
import { MathBuilder } from "./math.ts";

const PARAM = "param/";

/** The path of the parameter whose master this leaf reads; undefined for other nodes. */
export function paramPath(node: Node): string | undefined {
  const slot = node.op.name === "state" ? String(node.attrs.slot) : "";
  return slot.startsWith(PARAM) ? slot.slice(PARAM.length) : undefined;
}

/** Float nodes through which a gradient flows from `root` to some parameter, `root` included. */
export function gradientEdges(root: Node): Set<Node> {
  const depends = new Set<Node>();
  for (const n of topological([root])) {
    const through = n.op.grad !== null && isFloat(n.type.dtype) && n.inputs.some((i) => depends.has(i));
    if (paramPath(n) !== undefined || through) depends.add(n);
  }
  return depends;
}

/** What is differentiated: the scaled loss where there is one, else the loss. */
export function lossOutput(graph: Graph): Output {
  return graph.outputs.find((o) => o.name === "scaled_loss") ?? graph.outputs.find((o) => o.name === "loss")!;
}

/**
 * Reverse mode. Each node's gradient has the node's own dtype (a cast's gradient is the cast back), contributions are
 * summed in the order of the uses, and every parameter that the loss depends on gets a `grad` output in the dtype of
 * its master. `scaled_loss` is used up.
 */
export const autodiff = transform("autodiff", (graph) => {
  const root = lossOutput(graph).node;
  const active = gradientEdges(root);
  const gradients = new Map<Node, Node[]>();
  const masters = new Map<string, Node>();
  gradients.set(root, [constNode(new Builder({ why: "seed of the backward pass" }), 1, root.type.dtype)]);

  for (const node of topological([root]).reverse()) {
    const parts = gradients.get(node);
    if (!parts || !active.has(node)) continue;
    const b = new Builder({ ...node.origin, why: `gradient of ${node.op.name}` });
    const m = new MathBuilder(b);
    const dy = parts.reduce((sum, part) => m.add(sum, part));
    const path = paramPath(node);
    if (path !== undefined) {
      const known = masters.get(path);
      masters.set(path, known ? m.add(known, dy) : dy);
    }
    if (!node.inputs.some((i) => active.has(i)) || !node.op.grad) continue;
    node.op.grad(b, node, dy).forEach((g, i) => {
      const input = node.inputs[i];
      if (!g || !active.has(input)) return;
      const known = gradients.get(input);
      if (known) known.push(g);
      else gradients.set(input, [g]);
    });
  }
  // In declaration order, which is the order of the forward pass's first uses.
  const order = new Map(nodesOf(graph).map((n, i) => [paramPath(n), i]));
  const outputs = [...masters].map(([name, node]): Output => ({ kind: "grad", name, node }));
  outputs.sort((a, b) => order.get(a.name)! - order.get(b.name)!);
  return { outputs: [...graph.outputs.filter((o) => o.name !== "scaled_loss"), ...outputs] };
});
