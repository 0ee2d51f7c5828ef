import { isFloat } from "../core/dtype.ts";
import type { Dim } from "../core/shape.ts";
import { addDim, divDim, eqDim, eqShape, isBound, showDim, showShape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError } from "../ir/op.ts";
import { sameKind, tensor, tensorArg } from "./apply.ts";
import { expand } from "./broadcast.ts";
import { where } from "./comparison.ts";
import { constNode } from "./leaf.ts";
import type { LibraryFunction } from "./library.ts";
import { dimsIn } from "./rearrange.ts";
import { axisIn } from "./reduce.ts";
import { concat as concatNodes, padZeros, slice, unsqueeze } from "./view.ts";

/** Joining tensors along an axis, and taking them apart. */

const AXIS = { name: "axis", type: "axis", default: 0 } as const;

export const concat: LibraryFunction = {
  name: "concat",
  params: [{ name: "xs", type: "tensors" }, AXIS],
  class: "follow",
  doc: "Joins tensors along an axis, the first unless given; their other axes are equal",
  build(b, args) {
    const xs = sameKind(b, args.xs as readonly Node[]);
    if (xs.length === 0) throw new OpError("concat joins at least one tensor", { input: 0 });
    const odd = xs.find((x) => x.type.shape.length !== xs[0].type.shape.length);
    if (odd) {
      throw new OpError("concat joins tensors of one rank", {
        expected: showShape(xs[0].type.shape),
        found: showShape(odd.type.shape),
        input: 0,
        help: "stack makes a new axis",
      });
    }
    return concatNodes(b, xs, axisIn(args.axis, xs[0].type.shape.length, 1));
  },
};

export const stack: LibraryFunction = {
  name: "stack",
  params: [{ name: "xs", type: "tensors" }, AXIS],
  class: "follow",
  doc: "Joins tensors of one shape along a new axis, the first unless given",
  build(b, args) {
    const xs = sameKind(b, args.xs as readonly Node[]);
    if (xs.length === 0) throw new OpError("stack joins at least one tensor", { input: 0 });
    const odd = xs.find((x) => !eqShape(x.type.shape, xs[0].type.shape));
    if (odd) {
      throw new OpError("stack joins tensors of one shape", {
        expected: showShape(xs[0].type.shape),
        found: showShape(odd.type.shape),
        input: 0,
      });
    }
    const axis = axisIn(args.axis, xs[0].type.shape.length + 1, 1);
    return concatNodes(b, xs.map((x) => unsqueeze(b, x, axis)), axis);
  },
};

export const split: LibraryFunction = {
  name: "split",
  params: [tensor("x"), { name: "parts", type: "sizes" }, AXIS],
  class: "follow",
  doc:
    "A tuple of parts along an axis, the first unless given: an int makes that many equal parts, a list gives " +
    "their sizes",
  build(b, args) {
    const x = tensorArg(b, args, "x");
    const axis = axisIn(args.axis, x.type.shape.length, 2);
    const extent = x.type.shape[axis];
    const sizes = Array.isArray(args.parts)
      ? args.parts as readonly Dim[]
      : equalParts(extent, args.parts as Dim, axis);
    const total = sizes.reduce(addDim, 0);
    if (!eqDim(total, extent)) {
      throw new OpError(`the sizes make ${showDim(total)}, and axis ${axis} has ${showDim(extent)}`, {
        expected: showDim(extent),
        found: showDim(total),
        input: 1,
      });
    }
    let start: Dim = 0;
    return sizes.map((size) => {
      const part = slice(b, x, axis, start, size);
      start = addDim(start, size);
      return part;
    });
  },
};

function equalParts(extent: Dim, parts: Dim, axis: number): Dim[] {
  if (!isBound(parts) || parts < 1) {
    throw new OpError("the number of parts is a positive whole number", { found: showDim(parts), input: 1 });
  }
  if (isBound(extent) && extent % parts !== 0) {
    throw new OpError(`axis ${axis} of extent ${extent} has no ${parts} equal parts`, {
      input: 1,
      help: "a list gives the size of each part",
    });
  }
  return Array(parts).fill(divDim(extent, parts));
}

export const pad: LibraryFunction = {
  name: "pad",
  params: [tensor("x"), { name: "padding", type: "sizes" }, { name: "value", type: "float", default: 0 }],
  class: "follow",
  doc:
    "Widens axes with a value, as torch.nn.functional.pad: (before, after) for the last axis, then for the one " +
    "before it, …; an int is both sides of the last axis. Negative amounts cut.",
  build(b, args) {
    const x = tensorArg(b, args, "x");
    const given = dimsIn(args.padding as Dim);
    const amounts = given.length === 1 ? [given[0], given[0]] : given;
    const rank = x.type.shape.length;
    if (amounts.length % 2 !== 0 || amounts.length > 2 * rank) {
      throw new OpError(`pad takes pairs of amounts, at most ${rank} of them`, { input: 1 });
    }
    return padded(b, x, amounts, args.value as number);
  },
};

function padded(b: Builder, x: Node, amounts: readonly Dim[], value: number): Node {
  const widen = (y: Node) =>
    Array.from({ length: amounts.length / 2 }, (_, i) => i).reduce(
      (z, i) => padAxis(b, z, x.type.shape.length - 1 - i, amounts[2 * i], amounts[2 * i + 1]),
      y,
    );
  const wide = widen(x);
  if (value === 0) return wide;
  const inside = widen(expand(b, constNode(b, 1, "bool"), x.type.shape));
  return where(b, inside, wide, isFloat(x.type.dtype) ? constNode(b, value, x.type.dtype) : value);
}

/** Zeros before and after; a negative amount cuts instead. */
function padAxis(b: Builder, x: Node, axis: number, before: Dim, after: Dim): Node {
  const cut = (d: Dim) => isBound(d) && d < 0 ? -d : 0;
  const [first, last] = [cut(before), cut(after)];
  const kept = addDim(x.type.shape[axis], -(first + last));
  const y = slice(b, x, axis, first, kept);
  return padZeros(b, y, axis, first ? 0 : before, last ? 0 : after);
}
