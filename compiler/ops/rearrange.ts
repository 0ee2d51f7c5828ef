import type { DType } from "../core/dtype.ts";
import type { Dim, Shape } from "../core/shape.ts";
import { divDim, eqDim, isBound, showShape, sizeOf } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError } from "../ir/op.ts";
import { tensor, tensorArg } from "./apply.ts";
import { expand as expandNode } from "./broadcast.ts";
import { cast as castNode } from "./cast.ts";
import type { Args, ArgValue, LibraryFunction, Param } from "./library.ts";
import { axesIn, axisIn } from "./reduce.ts";
import { flip as flipNode, permute as permuteNode, reshape as reshapeNode } from "./view.ts";
import { transpose as transposeNode } from "./view.ts";

/** The library's views: the same elements in another order or under another shape, after torch. */

function rearranging(
  name: string,
  params: readonly Param[],
  doc: string,
  build: (b: Builder, x: Node, args: Args, rank: number) => Node,
): LibraryFunction {
  return {
    name,
    params: [tensor("x"), ...params],
    class: "follow",
    doc,
    build(b, args) {
      const x = tensorArg(b, args, "x");
      return build(b, x, args, x.type.shape.length);
    },
  };
}

/** A list of dims; one dim stands for a list of one. */
export function dimsIn(value: ArgValue): readonly Dim[] {
  return (Array.isArray(value) ? value : [value]) as readonly Dim[];
}

const isOpen = (d: Dim) => eqDim(d, -1);

/** Dims with a −1 replaced by what is left of `size`. Throws OpError for two of them. */
function closed(dims: readonly Dim[], size: Dim): Shape {
  if (dims.filter(isOpen).length > 1) throw new OpError("at most one dim of a shape is -1", { input: 1 });
  const negative = dims.find((d) => isBound(d) && d < 0 && !isOpen(d));
  if (negative !== undefined) {
    throw new OpError("a dim is not negative", { found: showShape(dims), input: 1 });
  }
  const known = sizeOf(dims.filter((d) => !isOpen(d)));
  return dims.map((d) => {
    if (!isOpen(d)) return d;
    if (known === 0 || isBound(size) && isBound(known) && size % known !== 0) {
      throw new OpError(`no dim makes ${showShape(dims)} hold ${size} elements`, { input: 1 });
    }
    return divDim(size, known);
  });
}

export const reshape = rearranging(
  "reshape",
  [{ name: "shape", type: "dims" }],
  "The same elements in row-major order under another shape; one dim may be -1",
  (b, x, args) => reshapeNode(b, x, closed(dimsIn(args.shape), sizeOf(x.type.shape))),
);

export const transpose = rearranging(
  "transpose",
  [{ name: "a", type: "axis", default: -2 }, { name: "b", type: "axis", default: -1 }],
  "Swaps two axes, the last two unless given",
  (b, x, args, rank) => transposeNode(b, x, axisIn(args.a, rank, 1), axisIn(args.b, rank, 2)),
);

export const permute = rearranging(
  "permute",
  [{ name: "axes", type: "axes" }],
  "Orders the axes: axis i of the result is axis axes[i] of x",
  (b, x, args, rank) => {
    const perm = dimsIn(args.axes).map((a) => axisIn(a, rank, 1));
    if (new Set(perm).size !== rank) {
      throw new OpError(`permute names each of the ${rank} axes once`, { found: `[${perm}]`, input: 1 });
    }
    return permuteNode(b, x, perm);
  },
);

export const flatten = rearranging(
  "flatten",
  [{ name: "start", type: "axis", default: 1 }, { name: "end", type: "axis", default: -1 }],
  "Joins the axes from start to end into one; axis 0, the batch, is kept unless start: 0",
  (b, x, args, rank) => {
    // A vector of a batch is flat already: [N] becomes [N, 1].
    if (rank === 1 && args.start === 1) return reshapeNode(b, x, [x.type.shape[0], 1]);
    const start = axisIn(args.start, rank, 1), end = axisIn(args.end, rank, 2);
    if (start > end) throw new OpError(`axis ${start} is behind axis ${end}`, { input: 1 });
    const { shape } = x.type;
    const joined = sizeOf(shape.slice(start, end + 1));
    return reshapeNode(b, x, [...shape.slice(0, start), joined, ...shape.slice(end + 1)]);
  },
);

export const squeeze = rearranging(
  "squeeze",
  [{ name: "axis", type: "axes", optional: true }],
  "Drops axes of extent 1: those named, or all of them",
  (b, x, args, rank) => {
    const { shape } = x.type;
    const axes = axesIn(args.axis, rank, 1).filter((a) => eqDim(shape[a], 1) || args.axis !== undefined);
    const long = axes.find((a) => !eqDim(shape[a], 1));
    if (long !== undefined) {
      throw new OpError(`axis ${long} has extent ${shape[long]}, not 1`, {
        found: showShape(shape),
        input: 1,
      });
    }
    return reshapeNode(b, x, shape.filter((_, i) => !axes.includes(i)));
  },
);

export const unsqueeze = rearranging(
  "unsqueeze",
  [{ name: "axis", type: "axis" }],
  "A new axis of extent 1 at this place of the result",
  (b, x, args, rank) => {
    const axis = axisIn(args.axis, rank + 1, 1);
    return reshapeNode(b, x, [...x.type.shape.slice(0, axis), 1, ...x.type.shape.slice(axis)]);
  },
);

export const expand = rearranging(
  "expand",
  [{ name: "shape", type: "dims" }],
  "Broadcasts to a shape; -1 keeps an extent",
  (b, x, args, rank) => {
    const dims = dimsIn(args.shape);
    const lead = dims.length - rank;
    const shape = dims.map((d, i) => isOpen(d) && i >= lead ? x.type.shape[i - lead] : d);
    return expandNode(b, x, shape);
  },
);

export const flip = rearranging(
  "flip",
  [{ name: "axis", type: "axes" }],
  "Reverses axes",
  (b, x, args, rank) => axesIn(args.axis, rank, 1).reduce((y, a) => flipNode(b, y, a), x),
);

export const cast: LibraryFunction = {
  name: "cast",
  params: [tensor("x"), { name: "to", type: "dtype" }],
  class: "fixed",
  doc: "x as to",
  build: (b, args) => castNode(b, tensorArg(b, args, "x"), args.to as DType),
};
