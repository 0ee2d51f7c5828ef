import type { DType } from "../core/dtype.ts";
import { isFloat, kindOf } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, prim } from "../core/expr.ts";
import type { Dim } from "../core/shape.ts";
import { eqShape, showShape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapContext, MapOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { tensor, tensorArg } from "./apply.ts";
import { convert } from "./cast.ts";
import { inRange, poison, requireIndices } from "./indices.ts";
import type { LibraryFunction } from "./library.ts";
import { float, ints, sample } from "./sample.ts";

/** Classes named by labels: the element at the label, and the label as a vector. */

const without = <T>(list: readonly T[], axis: number): T[] => list.filter((_, i) => i !== axis);

/** x[…, label, …]: input 0 is x, input 1 the positions along attrs.axis, shaped as x without it. NaN out of range. */
export const pickOp: MapOp = {
  kind: "map",
  name: "pick",
  class: "follow",
  exact: true,
  view: false,
  type([x, labels], attrs) {
    const shape = without(x.shape, attrs.axis as number);
    requireIndices("pick", labels, 1);
    if (!isFloat(x.dtype)) throw new OpError("pick takes floats", { found: x.dtype, input: 0 });
    if (!eqShape(labels.shape, shape)) {
      throw new OpError("the labels do not fit", {
        expected: showShape(shape),
        found: showShape(labels.shape),
        input: 1,
      });
    }
    return { dtype: x.dtype, shape };
  },
  expr(m) {
    const axis = m.attrs.axis as number;
    const label = convert(m.read(1, m.coords), "i32");
    const ok = inRange(label, m.inputs[0].shape[axis]);
    const coords = [...m.coords.slice(0, axis), label, ...m.coords.slice(axis)];
    return prim("add", m.read(0, coords, ok), poison(ok));
  },
  grad(b, node, dy) {
    const axis = node.attrs.axis as number;
    const classes = node.inputs[0].type.shape[axis];
    return [b.node(unpickOp, [dy, node.inputs[1]], { axis, classes }), undefined];
  },
  samples: [
    sample([float([3, 4]), ints([3], 0, 3)], { axis: 1 }),
    sample([float([2, 3, 2]), ints([2, 2], 0, 2)], { axis: 1 }),
  ],
};

export function pick(b: Builder, x: Node, labels: Node, axis: number): Node {
  return b.node(pickOp, [x, labels], { axis });
}

/** The adjoint of pick: input 0's element at the label, 0 at the other attrs.classes − 1 places of attrs.axis. */
export const unpickOp: MapOp = {
  kind: "map",
  name: "unpick",
  class: "follow",
  exact: true,
  view: false,
  type([x, labels], attrs) {
    requireIndices("unpick", labels, 1);
    const axis = attrs.axis as number;
    return {
      dtype: x.dtype,
      shape: [...x.shape.slice(0, axis), attrs.classes as Dim, ...x.shape.slice(axis)],
    };
  },
  expr(m) {
    const { at, hit } = labelled(m, 1);
    return prim("select", hit, m.read(0, at), f32(0));
  },
  grad: (b, node, dy) => [pick(b, dy, node.inputs[1], node.attrs.axis as number), undefined],
  samples: [sample([float([3]), ints([3], 0, 3)], { axis: 1, classes: 4 })],
};

/** attrs.to's 1 at the position that the input names along the new axis attrs.axis, 0 elsewhere. */
export const oneHotOp: MapOp = {
  kind: "map",
  name: "one_hot",
  class: "fixed",
  exact: true,
  view: false,
  type([labels], attrs) {
    requireIndices("one_hot", labels, 0);
    const axis = attrs.axis as number;
    return {
      dtype: attrs.to as DType,
      shape: [...labels.shape.slice(0, axis), attrs.classes as Dim, ...labels.shape.slice(axis)],
    };
  },
  expr(m) {
    const kind = kindOf(m.type.dtype);
    const value = (v: number): Expr => ({ e: "const", kind, value: v });
    return prim("select", labelled(m, 0).hit, value(1), value(0));
  },
  grad: null,
  samples: [
    sample([ints([3], 0, 3)], { axis: 1, classes: 4, to: "f32" }),
    sample([ints([2, 2], -1, 3)], { axis: 0, classes: 3, to: "i32" }),
  ],
};

export function oneHot(b: Builder, labels: Node, classes: Dim, axis: number, to: DType = "f32"): Node {
  return b.node(oneHotOp, [labels], { axis, classes, to });
}

export const oneHotFunction: LibraryFunction = {
  name: "one_hot",
  params: [tensor("labels"), { name: "classes", type: "int" }, {
    name: "dtype",
    type: "dtype",
    default: "i32",
  }],
  class: "fixed",
  doc: "[..., classes]: 1 at the label and 0 elsewhere; all 0 for a label outside the classes",
  build(b, args) {
    const labels = tensorArg(b, args, "labels");
    return oneHot(b, labels, args.classes as Dim, labels.type.shape.length, args.dtype as DType);
  },
};

/** Whether the label (input `k`) names the coordinate along attrs.axis, and the label's own coordinates. */
function labelled(m: MapContext, k: number): { at: Expr[]; hit: Expr } {
  const axis = m.attrs.axis as number;
  const at = without(m.coords, axis);
  return { at, hit: prim("eq", convert(m.read(k, at), "i32"), m.coords[axis]) };
}
