import type { DType } from "../core/dtype.ts";
import type { Dim } from "../core/shape.ts";
import { divDim, eqDim, sizeOf } from "../core/shape.ts";
import { OpError } from "../ir/op.ts";
import { tensor, tensorArg } from "./apply.ts";
import { cast as castNode } from "./cast.ts";
import type { ArgValue, LibraryFunction, Param } from "./library.ts";
import { axisIn } from "./reduce.ts";
import { reshape as reshapeNode, transpose as transposeNode } from "./view.ts";

/** The library's views: elements in another order or under another shape, after torch. */

function rearranging(
  name: string,
  params: readonly Param[],
  doc: string,
  build: LibraryFunction["build"],
): LibraryFunction {
  return { name, params: [tensor("x"), ...params], class: "follow", doc, build };
}

/** A list of dims; one dim stands for a list of one. */
export function dimsIn(value: ArgValue): readonly Dim[] {
  return (Array.isArray(value) ? value : [value]) as readonly Dim[];
}

export const reshape = rearranging(
  "reshape",
  [{ name: "shape", type: "dims" }],
  "The same elements in row-major order under another shape; one dim may be -1",
  (b, args) => {
    const x = tensorArg(b, args, "x");
    const dims = dimsIn(args.shape);
    const open = dims.filter((d) => eqDim(d, -1)).length;
    if (open > 1) throw new OpError("at most one dim of a shape is -1", { input: 1 });
    const known = sizeOf(dims.filter((d) => !eqDim(d, -1)));
    const rest = open && divDim(sizeOf(x.type.shape), known);
    return reshapeNode(b, x, dims.map((d) => eqDim(d, -1) ? rest : d));
  },
);

export const transpose = rearranging(
  "transpose",
  [{ name: "a", type: "axis", default: -2 }, { name: "b", type: "axis", default: -1 }],
  "Swaps two axes, the last two unless given",
  (b, args) => {
    const x = tensorArg(b, args, "x");
    const rank = x.type.shape.length;
    return transposeNode(b, x, axisIn(args.a, rank, 1), axisIn(args.b, rank, 2));
  },
);

export const cast: LibraryFunction = {
  name: "cast",
  params: [tensor("x"), { name: "to", type: "dtype" }],
  class: "fixed",
  doc: "x as to",
  build: (b, args) => castNode(b, tensorArg(b, args, "x"), args.to as DType),
};
