import { isNarrowRange } from "../core/dtype.ts";
import { i32, prim, u32 } from "../core/expr.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, same } from "../ir/graph.ts";
import type { LeafOp, MapOp } from "../ir/op.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { orOp } from "../ops/comparison.ts";
import { anyOp } from "../ops/reduce.ts";
import { isElementwise } from "./fuse_flat.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";

/** Holds where an element is infinite or NaN. */
export const nonfiniteOp: MapOp = {
  kind: "map",
  name: "nonfinite",
  class: "fixed",
  exact: true,
  view: false,
  type: ([x]) => ({ dtype: "bool", shape: x.shape }),
  expr: (m) => prim("not", prim("is_finite", m.read(0, m.coords))),
  grad: null,
  samples: [],
};

/**
 * The overflow flag as the kernels before have left it: the slot `found_inf`, read after every rounding that may raise
 * it, unlike other state.
 */
export const raisedOp: LeafOp = {
  kind: "leaf",
  name: "raised",
  class: "fixed",
  type: () => ({ dtype: "u32", shape: [1] }),
  grad: null,
  samples: [],
};

/** 1 where the flag (input 0) is raised or input 1 holds, else 0. */
export const skipOp: MapOp = {
  kind: "map",
  name: "found_inf",
  class: "fixed",
  exact: true,
  view: false,
  type: () => ({ dtype: "u32", shape: [] }),
  expr(m) {
    const found = prim("or", prim("ne", m.read(0, [i32(0)]), u32(0)), m.read(1, []));
    return prim("select", found, u32(1), u32(0));
  },
  grad: null,
  samples: [],
};

/**
 * Spells out the overflow check for the fuser: one reduction an input, then their union with the flag. What results is
 * for scheduling alone: `raised` says nothing about which roundings raise it.
 */
export const lowerFlags: Pass = transform("lower_flags", (graph): Graph =>
  mapGraph(graph, (node, inputs) => {
    if (node.op.kind !== "flag") return same(node, inputs);
    const b = new Builder(node.origin);
    const any = (x: Node) => {
      const bad = b.node(nonfiniteOp, [x]);
      return x.type.shape.length === 0 ? bad : b.node(anyOp, [bad], { axes: x.type.shape.map((_, i) => i) });
    };
    const all = inputs.map(any).reduce((x, y) => b.node(orOp, [x, y]));
    return b.node(skipOp, [b.node(raisedOp, []), all]);
  }));

/** Ancestors of the overflow check: their overflows make the step be skipped. */
export function flaggedNodes(nodes: readonly Node[]): Set<Node> {
  const flagged = new Set<Node>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const n = nodes[i];
    if (n.op === skipOp || flagged.has(n)) n.inputs.forEach((x) => flagged.add(x));
  }
  return flagged;
}

/** Whether computing the node may raise the flag. */
export function raises(n: Node, flagged: ReadonlySet<Node>): boolean {
  return flagged.has(n) && isNarrowRange(n.type.dtype) && !(n.op.kind === "map" && n.op.exact);
}

/**
 * Nodes that may raise the flag and of which users read a part only: computed where they are used, an overflow in the rest
 * would go unseen that is seen where they are stored. Fusion must not change that, so they are stored.
 */
export function partlyRead(
  nodes: readonly Node[],
  users: ReadonlyMap<Node, readonly Node[]>,
  outputs: ReadonlySet<Node>,
  flagged: ReadonlySet<Node>,
): Node[] {
  const whole = new Set<Node>();
  const size = (n: Node) => elementsOf(boundType(n).shape);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const n = nodes[i];
    const readsAll = (u: Node) =>
      u.op.kind !== "map" ||
      whole.has(u) && (isElementwise(u) || u.op.view && size(u) >= size(n) || JOINS.has(u.op.name));
    if (outputs.has(n) || users.get(n)!.some(readsAll)) whole.add(n);
  }
  return nodes.filter((n) => raises(n, flagged) && !whole.has(n));
}

/** Maps that read every element of every input, though not at the result's own coordinates. */
const JOINS = new Set(["unslice", "concat", "pack"]);
