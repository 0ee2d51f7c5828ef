import { isBound } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError, showType } from "../ir/op.ts";
import { isNode, tensor, tensorArg, toFloat } from "./apply.ts";
import { add, mul } from "./arithmetic.ts";
import { where } from "./comparison.ts";
import { dropout } from "./dropout.ts";
import { constNode } from "./leaf.ts";
import type { LibraryFunction } from "./library.ts";
import { causalMask } from "./make.ts";
import { product } from "./product.ts";
import { softmaxOp } from "./softmax.ts";
import { transpose } from "./view.ts";

export interface AttentionOptions {
  /** Position i looks at positions up to i, counted from the front. */
  readonly causal?: boolean;
  /** Broadcasts to [..., T, S]. bool: true where a position is looked at. float: added to the scores. */
  readonly mask?: Node;
  /** 1/√D unless given. */
  readonly scale?: number;
  /** Probability of dropping a weight while training. */
  readonly dropout?: number;
}

/** Far below any score, and finite: its exponential is 0. Beyond f16, so that masked scores are in f32. */
const HIDDEN = -1e30;

/**
 * softmax(q·kᵀ·scale + mask)·v for q [..., T, D], k [..., S, D], v [..., S, E];
 * torch.nn.functional.scaled_dot_product_attention. Queries are scaled before the product, as PyTorch's plain form does,
 * which keeps f16 scores from overflowing; softmax is in f32. A row that may look at nothing looks at everything alike.
 */
export function attention(b: Builder, q: Node, k: Node, v: Node, options: AttentionOptions = {}): Node {
  requireHeads(q, k, v);
  const width = q.type.shape[q.type.shape.length - 1];
  if (options.scale === undefined && !isBound(width)) {
    throw new OpError("the width of a head is a number", { found: showType(q.type), input: 0 });
  }
  const scale = options.scale ?? 1 / Math.sqrt(width as number);
  let scores = product(b, mul(b, q, scale), transpose(b, k));
  const [rows, columns] = scores.type.shape.slice(-2);
  const hidden = constNode(b, HIDDEN);
  if (options.causal) scores = where(b, causalMask(b, rows, columns), scores, hidden);
  if (options.mask?.type.dtype === "bool") scores = where(b, options.mask, scores, hidden);
  else if (options.mask) scores = add(b, scores, options.mask);
  const weights = b.node(softmaxOp, [scores], { axis: scores.type.shape.length - 1 });
  return product(b, dropout(b, weights, options.dropout ?? 0), v);
}

function requireHeads(q: Node, k: Node, v: Node) {
  [q, k, v].forEach((x, input) => {
    if (x.type.shape.length < 2) {
      throw new OpError("attention takes [..., positions, width]", { found: showType(x.type), input });
    }
  });
}

export const attentionFunction: LibraryFunction = {
  name: "attention",
  params: [
    tensor("q"),
    tensor("k"),
    tensor("v"),
    { name: "mask", type: "tensor", optional: true },
    { name: "dropout", type: "float", default: 0 },
    { name: "causal", type: "bool", default: false },
    { name: "scale", type: "float", optional: true },
  ],
  class: "composition",
  doc:
    "softmax(q·kᵀ·scale)·v over [..., T, D], scale 1/√D unless given. The products are of class compute, the softmax " +
    "full. mask broadcasts to the scores: bool, true where a position is looked at, or float, added.",
  build(b, args) {
    const [q, k, v] = ["q", "k", "v"].map((n) => toFloat(b, tensorArg(b, args, n)));
    return attention(b, q, k, v, {
      mask: isNode(args.mask) ? args.mask : undefined,
      dropout: args.dropout as number,
      causal: args.causal === true,
      scale: args.scale as number | undefined,
    });
  },
};
