import { Builder } from "./builder.ts";
import type { Graph, Node } from "./graph.ts";
import { mapGraph, same } from "./graph.ts";

/** A pass: valid graph in, valid graph out. Its name is the stage `mpt inspect` stops after. */
export interface Pass {
  readonly name: string;
  readonly run: (graph: Graph) => Graph;
}

/** One rewriting, as data: what it does in the reader's algebra, and the function that does it or declines. */
export interface Rule {
  /** `cast(cast(x, f32), f16) → x where x is f16`. */
  readonly algebra: string;
  /** The node that takes `node`'s place, of the same type; undefined where the rule does not apply. */
  readonly apply: (node: Node, b: Builder) => Node | undefined;
}

/** Applies rules from the leaves up, each node until none applies. New nodes keep the origin of the one they replace. */
export function rewrite(name: string, rules: readonly Rule[]): Pass {
  const settle = (node: Node): Node => {
    // A rule makes a node smaller or of a fixed form; the bound only guards against two rules undoing each other.
    for (let round = 0; round < 100; round++) {
      const b = new Builder(node.origin);
      let next: Node | undefined;
      for (let i = 0; !next && i < rules.length; i++) next = rules[i].apply(node, b);
      if (!next) return node;
      node = next;
    }
    throw new Error(`the rules of ${name} do not settle`);
  };
  return { name, run: (graph) => mapGraph(graph, (node, inputs) => settle(same(node, inputs))) };
}

export function transform(name: string, run: (graph: Graph) => Graph): Pass {
  return { name, run };
}
