import type { TypedParam } from "../check/typed.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Output } from "../ir/graph.ts";
import { transform } from "../ir/rewrite.ts";
import { expand } from "../ops/broadcast.ts";
import { constNode, stateNode } from "../ops/leaf.ts";
import type { Slot } from "./initial.ts";
import { MathBuilder } from "./math.ts";
import { state } from "./scaling.ts";
import { accumSlot } from "./slots.ts";

const WHY = { why: "gradient accumulation" };

/** Micro-batches: gradients, still scaled, are added up in f32; the scale is held and nothing else moves. */
export const accumulateGrads = transform("accumulate", (graph) => {
  const m = new MathBuilder(new Builder(WHY));
  return {
    outputs: graph.outputs.map((o): Output => {
      if (o.kind !== "grad") return o;
      const sum = stateNode(m.b, accumSlot(o.name), "f32", o.node.type.shape);
      return state(accumSlot(o.name), m.add(sum, m.cast(o.node, "f32")));
    }),
  };
});

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
