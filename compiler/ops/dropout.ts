import { isFloat } from "../core/dtype.ts";
import { f32, prim } from "../core/expr.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { tensor, tensorArg, toFloat } from "./apply.ts";
import type { LibraryFunction } from "./library.ts";
import type { Draw } from "./random.ts";
import { requireSeed, trainingDraw, unit, UNNUMBERED, wordsAt } from "./random.ts";
import { float, ints, sample } from "./sample.ts";

/**
 * x/(1−p) with probability 1−p, else 0: attrs {p, site}, inputs x, seed (u32[2]), step (u32[]). The mask is a function of
 * seed, step, site and element, so that the backward pass draws it again instead of keeping it.
 */
export const dropoutOp: MapOp = {
  kind: "map",
  name: "dropout",
  class: "follow",
  exact: false,
  view: false,
  type(inputs, attrs) {
    const p = attrs.p as number;
    if (!isFloat(inputs[0].dtype)) {
      throw new OpError("dropout takes floats", { found: inputs[0].dtype, input: 0 });
    }
    if (!(p >= 0 && p <= 1)) {
      throw new OpError("the probability of dropout is between 0 and 1", { found: String(p), input: 1 });
    }
    requireSeed("dropout", inputs, 1);
    return inputs[0];
  },
  expr(m) {
    const p = m.attrs.p as number;
    const kept = prim("ge", unit(wordsAt(m, 1)[0]), f32(p));
    const scaled = prim("mul", m.read(0, m.coords), f32(p < 1 ? 1 / (1 - p) : 0));
    return prim("select", kept, scaled, f32(0));
  },
  grad(b, node, dy) {
    const [, seed, step] = node.inputs;
    return [b.node(dropoutOp, [dy, seed, step], node.attrs), undefined, undefined];
  },
  samples: [
    sample([float([4, 6]), ints([2], 0, 0xffffffff, "u32"), ints([], 0, 9999, "u32")], { p: 0.4, site: 3 }),
  ],
};

/** Dropout of a float tensor; p = 0 is the tensor itself. */
export function dropout(b: Builder, x: Node, p: number, draw: Draw = trainingDraw(b, UNNUMBERED)): Node {
  return p === 0 ? x : b.node(dropoutOp, [x, draw.seed, draw.step], { p, site: draw.site });
}

export const dropoutFunction: LibraryFunction = {
  name: "dropout",
  params: [tensor("x"), { name: "p", type: "float", default: 0.5 }],
  class: "follow",
  doc:
    "While training, zero with probability p and x / (1 − p) otherwise; x itself in evaluation and prediction",
  build: (b, args) => dropout(b, toFloat(b, tensorArg(b, args, "x")), args.p as number),
};
