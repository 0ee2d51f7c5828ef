import { eqShape } from "../core/shape.ts";
import { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { rewrite } from "../ir/rewrite.ts";
import { concatOp, unsliceOp } from "../ops/view.ts";

interface Piece {
  readonly node: Node;
  readonly start: number;
  readonly end: number;
}

/** The pieces of a sum of tensors that are zero but for one range of an axis each; undefined where they meet. */
function pieces(n: Node, axis: number): Piece[] | undefined {
  if (n.op.name === "add") {
    const [a, b] = n.inputs.map((x) => pieces(x, axis));
    if (!a || !b) return undefined;
    const all = [...a, ...b].sort((p, q) => p.start - q.start);
    return all.every((p, i) => i === 0 || all[i - 1].end <= p.start) ? all : undefined;
  }
  if (n.op !== unsliceOp || n.attrs.axis !== axis || n.attrs.step !== 1) return undefined;
  const start = n.attrs.start as number;
  return [{ node: n.inputs[0], start, end: start + (n.inputs[0].type.shape[axis] as number) }];
}

function firstUnslice(n: Node): Node | undefined {
  let x = n;
  while (x.op.name === "add") x = x.inputs[0];
  return x.op === unsliceOp ? x : undefined;
}

/** What a split's gradient becomes: the parts side by side, each element read once. Zeros' signs apart. */
export const joinSlices: Pass = rewrite("join_slices", [{
  algebra: "unslice(a) + unslice(b) → concat(a, b) where the two fill an axis between them",
  apply(n) {
    const adds = n.op.name === "add" && n.inputs.every((x) => x.op.name === "add" || x.op === unsliceOp);
    const first = adds ? firstUnslice(n) : undefined;
    if (!first) return undefined;
    const axis = first.attrs.axis as number;
    const parts = pieces(n, axis);
    if (!parts || !eqShape(first.type.shape, n.type.shape)) return undefined;
    const filled = parts.every((p, i) => p.start === (i === 0 ? 0 : parts[i - 1].end));
    if (!filled || parts[parts.length - 1].end !== n.type.shape[axis]) return undefined;
    return new Builder(n.origin).node(concatOp, parts.map((p) => p.node), { axis });
  },
}]);
