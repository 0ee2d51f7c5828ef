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

/** The end of a part of the graph that is computed again in the backward pass; its start is where f's input came in. */
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
    "f(x). The graph notes that its inner values may be computed again in the backward pass; this version keeps them.",
  // The checker applies f first and gives the result as x.
  build: (b, args) => b.node(checkpointOp, [tensorArg(b, args, "x")]),
};
