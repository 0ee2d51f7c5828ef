import type { TypedParam } from "../check/typed.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Output } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { expand } from "../ops/broadcast.ts";
import { foundInf } from "../ops/flag.ts";
import { constNode, stateNode } from "../ops/leaf.ts";
import type { Slot } from "./initial.ts";
import { MathBuilder } from "./math.ts";
import type { Scaling } from "./scaling.ts";
import { checkedLoss, state } from "./scaling.ts";
import { accumSlot, FOUND_INF } from "./slots.ts";

const WHY = { why: "gradient accumulation" };

/**
 * Micro-batches: gradients, still scaled, are added up in f32, and overflows are kept in the flag until `apply`; the
 * scale is held and nothing else moves.
 */
export function accumulateGrads(scaling: Scaling): Pass {
  return transform("accumulate", (graph) => {
    const m = new MathBuilder(new Builder(WHY));
    const grads = graph.outputs.filter((o) => o.kind === "grad");
    const outputs: Output[] = graph.outputs.filter((o) => o.kind !== "grad");
    for (const { name, node } of grads) {
      const sum = stateNode(m.b, accumSlot(name), "f32", node.type.shape);
      outputs.push(state(accumSlot(name), m.add(sum, m.cast(node, "f32"))));
    }
    if (scaling.checked) {
      const found = foundInf(m.b, [...grads.map((o) => o.node), ...checkedLoss(graph)]);
      outputs.push(state(FOUND_INF, expand(m.b, found, [1])));
    }
    return { outputs };
  });
}

/** Where `apply` starts: the accumulated gradients, which are zero again afterwards. */
export function accumulatedGrads(params: readonly TypedParam[], slots: readonly Slot[]): Graph {
  const kept = new Set(slots.map((s) => s.name));
  const b = new Builder(WHY);
  return {
    outputs: params.filter((p) => kept.has(accumSlot(p.path))).flatMap((p): Output[] => [
      { kind: "grad", name: p.path, node: stateNode(b, accumSlot(p.path), "f32", p.shape) },
      state(accumSlot(p.path), expand(b, constNode(b, 0), p.shape)),
    ]),
  };
}
