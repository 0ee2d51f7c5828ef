import type { Node } from "../ir/graph.ts";
import type { MapOp } from "../ir/op.ts";
import { tensor, tensorArg } from "./apply.ts";
import type { LibraryFunction } from "./library.ts";
import { float, sample } from "./sample.ts";
import { view } from "./view.ts";

/** Values unchanged, and something said about them. */

/** The value, through which no gradient passes. */
export const stopGradientOp = view({
  name: "stop_gradient",
  shape: (x) => x,
  coords: (m) => m.coords,
  grad: null,
  samples: [sample([float([2, 3])])],
});

export const stopGradient: LibraryFunction = {
  name: "stop_gradient",
  params: [tensor("x")],
  class: "follow",
  doc: "x, taken as a constant by the gradient",
  build: (b, args) => b.node(stopGradientOp, [tensorArg(b, args, "x")]),
};

/** What `checkpoint(f, x)` gives: the end of a segment, whose nodes say by their origin that they stand in it. */
export const checkpointOp = view({
  name: "checkpoint",
  shape: (x) => x,
  coords: (m) => m.coords,
  grad: (_b, _node, dy) => [dy],
  samples: [sample([float([2, 3])])],
});

export const checkpoint: LibraryFunction = {
  name: "checkpoint",
  params: [{ name: "f", type: "function" }, tensor("x")],
  class: "follow",
  doc:
    "f(x), of which the backward pass keeps x alone: what is within is computed again there, from the same random bits",
  // The checker applies f first and gives the result as x.
  build: (b, args) => b.node(checkpointOp, [tensorArg(b, args, "x")]),
};

/**
 * Input 0, once input 1 is there: for the order of execution alone. What is computed from it runs late, and is not the
 * value that was computed from input 0 early on.
 */
export const afterOp: MapOp = {
  ...view({ name: "after", shape: (x) => x, coords: (m) => m.coords, grad: null, samples: [] }),
  class: "fixed",
  samples: [sample([float([2, 3]), float([4])])],
};

/** The inputs whose values a node reads: all but what it only waits for. */
export function readInputs(node: Node): readonly Node[] {
  return node.op === afterOp ? node.inputs.slice(0, 1) : node.inputs;
}

/** Each node's readers: its users without those that only wait for it. */
export function readersOf(nodes: readonly Node[]): Map<Node, Node[]> {
  const readers = new Map<Node, Node[]>(nodes.map((n) => [n, []]));
  for (const n of nodes) for (const x of readInputs(n)) readers.get(x)!.push(n);
  return readers;
}
