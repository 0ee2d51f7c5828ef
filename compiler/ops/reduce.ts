import { isFloat } from "../core/dtype.ts";
import type { Dim } from "../core/shape.ts";
import { normalizeAxis } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { PrecisionClass, ReduceOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { div } from "./arithmetic.ts";
import { isNode, tensor, tensorArg } from "./apply.ts";
import { axesOf, REDUCE_SAMPLES, reduceSum, reduction, spread } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { eq, where } from "./comparison.ts";
import type { Args, ArgValue, LibraryFunction, Param } from "./library.ts";
import { bools, sample } from "./sample.ts";
import { reshape } from "./view.ts";

/** Reductions as a program calls them: `axis:` is one axis or a list, all axes where it is not given. */

/** Elements that attain the extremum share its gradient, as torch's amax and amin. */
function extremum(name: "amax" | "amin", combine: "max" | "min"): ReduceOp {
  return reduction({
    name,
    combine,
    class: "follow",
    grad(b, node, dy) {
      const x = node.inputs[0];
      if (!isFloat(x.type.dtype)) return [undefined];
      const hits = eq.build(b, { x, y: spread(b, node, node) }) as Node;
      // Counted in f32: f16 counts exactly only up to 2048.
      const count = reduceSum(b, cast(b, hits, "f32"), axesOf(node));
      const share = cast(b, div(b, cast(b, dy, "f32"), count), dy.type.dtype);
      return [where(b, hits, spread(b, share, node), 0)];
    },
    samples: REDUCE_SAMPLES,
  });
}

export const amaxOp = extremum("amax", "max");
export const aminOp = extremum("amin", "min");

/** Positions are i32, row-major in the reduced axes, the first of equals. */
function position(name: "argmax" | "argmin"): ReduceOp {
  return reduction({
    name,
    combine: name,
    class: "follow",
    result: () => "i32",
    grad: null,
    samples: REDUCE_SAMPLES,
  });
}

export const argmaxOp = position("argmax");
export const argminOp = position("argmin");

export const anyOp = reduction({
  name: "any",
  combine: "or",
  class: "fixed",
  grad: null,
  samples: [sample([bools([3, 4])], { axes: [1] })],
});

/** `axis` from the front. Throws OpError where the tensor has no such axis. */
export function axisIn(axis: ArgValue, rank: number, input: number): number {
  const a = typeof axis === "number" ? normalizeAxis(axis, rank) : undefined;
  if (a === undefined) {
    throw new OpError(`there is no axis ${axis} in a tensor of rank ${rank}`, {
      input,
      help: rank === 0
        ? "a scalar has no axes"
        : `its axes are 0 to ${rank - 1}, or from the back -1 to -${rank}`,
    });
  }
  return a;
}

/** One axis, a list, or every axis where none is given; sorted, from the front. */
export function axesIn(axes: ArgValue, rank: number, input: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = (Array.isArray(axes) ? axes : [axes]).map((a) => axisIn(a, rank, input)).sort((a, b) => a - b);
  if (list.some((a, i) => a === list[i - 1])) {
    throw new OpError("an axis is named twice", { input });
  }
  return list;
}

const AXES: readonly Param[] = [
  { name: "axis", type: "axes", optional: true },
  { name: "keepdim", type: "bool", default: false },
];

/** A library reduction: `make` gets the tensor and its axes; keepdim keeps them as 1. */
export function reducing(
  name: string,
  cls: PrecisionClass,
  doc: string,
  make: (b: Builder, x: Node, axes: readonly number[], args: Args) => Node,
  { extra = [], note }: { readonly extra?: readonly Param[]; readonly note?: string } = {},
): LibraryFunction {
  return {
    name,
    params: [tensor("x"), ...AXES, ...extra],
    class: cls,
    note,
    doc,
    build(b, args) {
      const x = tensorArg(b, args, "x");
      const axes = axesIn(args.axis, x.type.shape.length, 1);
      return keep(b, make(b, x, axes, args), x, axes, args.keepdim === true);
    },
  };
}

function keep(b: Builder, y: Node, x: Node, axes: readonly number[], keepdim: boolean): Node {
  if (!keepdim) return y;
  return reshape(b, y, x.type.shape.map((d, i): Dim => axes.includes(i) ? 1 : d));
}

export const sum = reducing(
  "sum",
  "full",
  "Σ over the axes, in f32; of integers in 32 bits, of bools their count",
  (b, x, axes) => {
    const terms = x.type.dtype === "bool" ? cast(b, x, "i32") : x;
    // A sum over no axes is the value, in f32 all the same.
    return axes.length === 0 && isFloat(terms.type.dtype) && b.region
      ? cast(b, terms, "f32")
      : reduceSum(b, terms, axes);
  },
);

export const amax = reducing(
  "amax",
  "follow",
  "The largest element along the axes; equal ones share the gradient",
  (b, x, axes) => b.node(amaxOp, [x], { axes }),
);

export const amin = reducing(
  "amin",
  "follow",
  "The smallest element along the axes; equal ones share the gradient",
  (b, x, axes) => b.node(aminOp, [x], { axes }),
);

function arg(op: ReduceOp, doc: string): LibraryFunction {
  return {
    name: op.name,
    params: [tensor("x"), { name: "axis", type: "axis", optional: true }, {
      name: "keepdim",
      type: "bool",
      default: false,
    }],
    class: "follow",
    doc,
    build(b, args) {
      const given = args.x;
      const x = isNode(given) && given.type.dtype === "bool"
        ? cast(b, given, "i32")
        : tensorArg(b, args, "x");
      const axes = axesIn(args.axis, x.type.shape.length, 1);
      return keep(b, b.node(op, [x], { axes }), x, axes, args.keepdim === true);
    },
  };
}

export const argmax = arg(
  argmaxOp,
  "The i32 position of the largest element along an axis, the first of equals",
);
export const argmin = arg(
  argminOp,
  "The i32 position of the smallest element along an axis, the first of equals",
);
