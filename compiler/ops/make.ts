import type { DType } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { i32, prim } from "../core/expr.ts";
import type { Dim } from "../core/shape.ts";
import { addDim, floorDivDim, isBound, showDim, subDim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { isNode } from "./apply.ts";
import { expand } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { constNode } from "./leaf.ts";
import type { Args, LibraryFunction, Param } from "./library.ts";
import { dimsIn } from "./rearrange.ts";
import { normal, trainingDraw, uniform, UNNUMBERED } from "./random.ts";
import { sample } from "./sample.ts";

/** Tensors made from nothing. */

/** attrs.start + i·attrs.step for i below attrs.count, i32. */
export const iotaOp: MapOp = {
  kind: "map",
  name: "iota",
  class: "fixed",
  exact: true,
  view: false,
  type: (_, attrs) => ({ dtype: "i32", shape: [attrs.count as Dim] }),
  expr(m) {
    const { start, step } = m.attrs as { start: number; step: number };
    const scaled: Expr = step === 1 ? m.coords[0] : prim("mul", m.coords[0], i32(step));
    return start === 0 ? scaled : prim("add", scaled, i32(start));
  },
  grad: null,
  samples: [sample([], { count: 5, start: 0, step: 1 }), sample([], { count: 4, start: 9, step: -3 })],
};

export function iota(b: Builder, count: Dim, start: Dim = 0, step = 1): Node {
  return b.node(iotaOp, [], { count, start, step });
}

export const arange: LibraryFunction = {
  name: "arange",
  params: [
    { name: "start", type: "int" },
    { name: "end", type: "int", optional: true },
    { name: "step", type: "int", default: 1 },
  ],
  class: "fixed",
  doc: "i32: 0 to n − 1 for arange(n); start, start + step, … below end otherwise",
  build(b, args) {
    const [start, end]: Dim[] = args.end === undefined
      ? [0, args.start as Dim]
      : [args.start as Dim, args.end as Dim];
    const step = args.step as Dim;
    if (!isBound(step) || step === 0) {
      throw new OpError("the step is a whole number but 0", { found: showDim(step), input: 2 });
    }
    const span = step > 0 ? subDim(end, start) : subDim(start, end);
    const size = Math.abs(step);
    const count = size === 1 ? span : floorDivDim(addDim(span, size - 1), size);
    if (isBound(count) && count <= 0) {
      throw new OpError(`no number lies from ${showDim(start)} to ${showDim(end)}`, { input: 0 });
    }
    return iota(b, count, start, step);
  },
};

const SHAPE: Param = { name: "shape", type: "dims" };
const DTYPE: Param = { name: "dtype", type: "dtype", default: "f32" };

function filled(
  name: string,
  params: readonly Param[],
  doc: string,
  value: (args: Args) => number,
): LibraryFunction {
  return {
    name,
    params: [SHAPE, ...params, DTYPE],
    class: "fixed",
    doc,
    build: (b, args) => expand(b, constNode(b, value(args), args.dtype as DType), dimsIn(args.shape)),
  };
}

export const zeros = filled("zeros", [], "Zeros of a shape and dtype", () => 0);
export const ones = filled("ones", [], "Ones of a shape and dtype", () => 1);

export const full: LibraryFunction = {
  name: "full",
  params: [SHAPE, { name: "value", type: "tensor" }, DTYPE],
  class: "fixed",
  doc: "One value throughout a shape, in a dtype",
  build(b, args) {
    const dtype = args.dtype as DType;
    const value = isNode(args.value) ? cast(b, args.value, dtype) : constNode(b, args.value as Dim, dtype);
    return expand(b, value, dimsIn(args.shape));
  },
};

/** bool[rows, columns], true where the column is not beyond the row. */
export const causalMaskOp: MapOp = {
  kind: "map",
  name: "causal_mask",
  class: "fixed",
  exact: true,
  view: false,
  type: (_, attrs) => ({ dtype: "bool", shape: [attrs.rows as Dim, attrs.columns as Dim] }),
  expr: (m) => prim("le", m.coords[1], m.coords[0]),
  grad: null,
  samples: [sample([], { rows: 3, columns: 4 })],
};

export function causalMask(b: Builder, rows: Dim, columns: Dim): Node {
  return b.node(causalMaskOp, [], { rows, columns });
}

export const causalMaskFunction: LibraryFunction = {
  name: "causal_mask",
  params: [{ name: "rows", type: "int" }, { name: "columns", type: "int", optional: true }],
  class: "fixed",
  doc:
    "bool[rows, columns], true where column ≤ row: what attention may look at. Square unless columns are given.",
  build: (b, { rows, columns }) => causalMask(b, rows as Dim, (columns ?? rows) as Dim),
};

export const rand: LibraryFunction = {
  name: "rand",
  params: [SHAPE],
  class: "fixed",
  doc: "Uniform in [0, 1), f32, drawn anew in each training run",
  build: (b, args) => uniform(b, trainingDraw(b, UNNUMBERED), dimsIn(args.shape)),
};

export const randn: LibraryFunction = {
  name: "randn",
  params: [SHAPE],
  class: "fixed",
  doc: "Standard normal, f32, drawn anew in each training run",
  build: (b, args) => normal(b, trainingDraw(b, UNNUMBERED), dimsIn(args.shape)),
};
