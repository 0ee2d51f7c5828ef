import type { Expr } from "../core/expr.ts";
import { bool, i32, prim } from "../core/expr.ts";
import type { Dim, Shape } from "../core/shape.ts";
import { addDim, eqDim, eqShape, showShape, sizeOf, subDim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Attrs, MapContext, MapOp, OpBaseFields, Sample, TensorType } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { float, ints as integers, sample } from "./sample.ts";

export interface ViewDef {
  readonly name: string;
  readonly shape: (x: Shape, attrs: Attrs) => Shape;
  /** Input coordinates of an output coordinate. */
  readonly coords: (m: MapContext) => readonly Expr[];
  readonly grad: OpBaseFields["grad"];
  readonly samples: readonly Sample[];
}

/** A view from its shape rule and its coordinates. */
export function view(def: ViewDef): MapOp {
  return {
    kind: "map",
    name: def.name,
    class: "follow",
    exact: true,
    view: true,
    type: ([x]: readonly TensorType[], attrs) => ({ dtype: x.dtype, shape: def.shape(x.shape, attrs) }),
    expr: (m) => m.read(0, def.coords(m)),
    grad: def.grad,
    samples: def.samples,
  };
}

const ints = (attrs: Attrs, key: string) => attrs[key] as readonly number[];

/** Row-major position of coordinates in a shape, and back; index simplification removes what cancels. */
export function linearize(coords: readonly Expr[], shape: readonly number[]): Expr {
  let index: Expr = i32(0);
  coords.forEach((c, i) => index = prim("add", prim("mul", index, i32(shape[i])), c));
  return index;
}

export function delinearize(index: Expr, shape: readonly number[]): Expr[] {
  const out: Expr[] = new Array(shape.length);
  let rest = index;
  for (let i = shape.length - 1; i >= 0; i--) {
    out[i] = i === 0 ? rest : prim("mod", rest, i32(shape[i]));
    rest = prim("quo", rest, i32(shape[i]));
  }
  return out;
}

/** The same elements in row-major order under attrs.shape. */
export const reshapeOp = view({
  name: "reshape",
  shape(x, attrs) {
    const to = attrs.shape as Shape;
    if (!eqDim(sizeOf(x), sizeOf(to))) {
      throw new OpError(`reshape cannot make ${showShape(to)} from ${showShape(x)}`, {
        expected: `${sizeOf(x)} elements`,
        found: `${sizeOf(to)} elements`,
      });
    }
    return to;
  },
  coords: (m) => delinearize(linearize(m.coords, m.type.shape), m.inputs[0].shape),
  grad: (b, node, dy) => [reshape(b, dy, node.inputs[0].type.shape)],
  samples: [
    sample([float([2, 6])], { shape: [3, 4] }),
    sample([float([1])], { shape: [] }),
    sample([integers([2, 3], -9, 9)], { shape: [3, 1, 2] }),
  ],
});

export function reshape(b: Builder, x: Node, shape: Shape): Node {
  return eqShape(x.type.shape, shape) ? x : b.node(reshapeOp, [x], { shape });
}

/** Output axis i is input axis attrs.perm[i]. */
export const permuteOp = view({
  name: "permute",
  shape(x, attrs) {
    const perm = ints(attrs, "perm");
    if (perm.length !== x.length || [...perm].sort((a, b) => a - b).some((p, i) => p !== i)) {
      throw new OpError(`[${perm}] does not order the axes of ${showShape(x)}`);
    }
    return perm.map((p) => x[p]);
  },
  coords(m) {
    const out: Expr[] = [];
    ints(m.attrs, "perm").forEach((p, i) => out[p] = m.coords[i]);
    return out;
  },
  grad(b, node, dy) {
    const inverse: number[] = [];
    ints(node.attrs, "perm").forEach((p, i) => inverse[p] = i);
    return [permute(b, dy, inverse)];
  },
  samples: [sample([float([2, 3, 4])], { perm: [2, 0, 1] }), sample([float([3, 2])], { perm: [1, 0] })],
});

export function permute(b: Builder, x: Node, perm: readonly number[]): Node {
  return perm.every((p, i) => p === i) ? x : b.node(permuteOp, [x], { perm });
}

/** Swaps two axes, counted from the back. */
export function transpose(b: Builder, x: Node, i = -1, j = -2): Node {
  const perm = x.type.shape.map((_, k) => k);
  const n = perm.length;
  [perm[(i + n) % n], perm[(j + n) % n]] = [perm[(j + n) % n], perm[(i + n) % n]];
  return permute(b, x, perm);
}

/** Elements start, start+step, … (count of them) of one axis: {axis, start, count, step}; step may be negative. */
export const sliceOp = view({
  name: "slice",
  shape: (x, attrs) => x.map((d, i) => i === attrs.axis ? attrs.count as Dim : d),
  coords(m) {
    const { axis, start, step } = m.attrs as { axis: number; start: number; step: number };
    return m.coords.map((c, i) =>
      i !== axis ? c : prim("add", step === 1 ? c : prim("mul", c, i32(step)), i32(start))
    );
  },
  grad(b, node, dy) {
    const { axis, start, step } = node.attrs as { axis: number; start: Dim; step: number };
    const extent = node.inputs[0].type.shape[axis];
    return [b.node(unsliceOp, [dy], { axis, start, step, extent })];
  },
  samples: [
    sample([float([2, 5])], { axis: 1, start: 1, count: 3, step: 1 }),
    sample([float([7, 2])], { axis: 0, start: 1, count: 3, step: 2 }),
    sample([float([4])], { axis: 0, start: 3, count: 4, step: -1 }),
  ],
});

/** `count` elements of `axis` from `start`. */
export function slice(b: Builder, x: Node, axis: number, start: Dim, count: Dim, step = 1): Node {
  if (eqDim(start, 0) && step === 1 && eqDim(count, x.type.shape[axis])) return x;
  return b.node(sliceOp, [x], { axis, start, count, step });
}

/** The adjoint of slice: attrs.extent elements along the axis, zero where the slice did not read. Pads, too. */
export const unsliceOp: MapOp = {
  kind: "map",
  name: "unslice",
  class: "follow",
  exact: true,
  view: false,
  type: ([x], attrs) => ({
    dtype: x.dtype,
    shape: x.shape.map((d, i) => i === attrs.axis ? attrs.extent as Dim : d),
  }),
  expr(m) {
    const { axis, start, step } = m.attrs as { axis: number; start: number; step: number };
    const count = m.inputs[0].shape[axis];
    const from = prim("mul", prim("sub", m.coords[axis], i32(start)), i32(Math.sign(step)));
    const stride = i32(Math.abs(step));
    const at = Math.abs(step) === 1 ? from : prim("quo", prim("max", from, i32(0)), stride);
    let inside = prim("and", prim("ge", from, i32(0)), prim("lt", at, i32(count)));
    if (Math.abs(step) !== 1) {
      inside = prim("and", inside, prim("eq", prim("mod", prim("max", from, i32(0)), stride), i32(0)));
    }
    return m.read(0, m.coords.map((c, i) => i === axis ? at : c), inside);
  },
  grad(b, node, dy) {
    const { axis, start, step } = node.attrs as { axis: number; start: Dim; step: number };
    return [slice(b, dy, axis, start, node.inputs[0].type.shape[axis], step)];
  },
  samples: [
    sample([float([2, 3])], { axis: 1, start: 1, step: 1, extent: 5 }),
    sample([float([3, 2])], { axis: 0, start: 1, step: 2, extent: 7 }),
    sample([float([3])], { axis: 0, start: 5, step: -2, extent: 6 }),
  ],
};

/** Joins along attrs.axis. */
export const concatOp: MapOp = {
  kind: "map",
  name: "concat",
  class: "follow",
  exact: true,
  view: false,
  type(inputs, attrs) {
    const axis = attrs.axis as number;
    for (const [i, t] of inputs.entries()) {
      const fits = t.dtype === inputs[0].dtype && t.shape.length === inputs[0].shape.length &&
        t.shape.every((d, k) => k === axis || eqDim(d, inputs[0].shape[k]));
      if (!fits) {
        throw new OpError(`concat along axis ${axis} needs equal other axes`, {
          expected: showShape(inputs[0].shape),
          found: showShape(t.shape),
          input: i,
        });
      }
    }
    const extent = inputs.map((t) => t.shape[axis]).reduce(addDim);
    return { dtype: inputs[0].dtype, shape: inputs[0].shape.map((d, i) => i === axis ? extent : d) };
  },
  expr(m) {
    const axis = m.attrs.axis as number;
    const at = (offset: number) =>
      m.coords.map((c, i) => i === axis && offset ? prim("sub", c, i32(offset)) : c);
    let end = m.type.shape[axis];
    let out: Expr | undefined;
    for (let k = m.inputs.length - 1; k >= 0; k--) {
      const start = end - m.inputs[k].shape[axis];
      const below = end === m.type.shape[axis] ? bool(true) : prim("lt", m.coords[axis], i32(end));
      const above = start === 0 ? bool(true) : prim("ge", m.coords[axis], i32(start));
      const guard = below.e === "const" ? above : above.e === "const" ? below : prim("and", above, below);
      const value = m.read(k, at(start), guard.e === "const" ? undefined : guard);
      out = out === undefined ? value : prim("select", prim("lt", m.coords[axis], i32(end)), value, out);
      end = start;
    }
    return out!;
  },
  grad(b, node, dy) {
    const axis = node.attrs.axis as number;
    let start: Dim = 0;
    return node.inputs.map((x) => {
      const part = slice(b, dy, axis, start, x.type.shape[axis]);
      start = addDim(start, x.type.shape[axis]);
      return part;
    });
  },
  samples: [
    sample([float([2, 3]), float([2, 1]), float([2, 2])], { axis: 1 }),
    sample([float([1, 2]), float([3, 2])], { axis: 0 }),
  ],
};

export function concat(b: Builder, xs: readonly Node[], axis: number): Node {
  return xs.length === 1 ? xs[0] : b.node(concatOp, xs, { axis });
}

/** `before` and `after` zeros along an axis. */
export function padZeros(b: Builder, x: Node, axis: number, before: Dim, after: Dim): Node {
  const extent = addDim(addDim(x.type.shape[axis], before), after);
  return eqDim(extent, x.type.shape[axis])
    ? x
    : b.node(unsliceOp, [x], { axis, start: before, step: 1, extent });
}

/** Reverses an axis. */
export function flip(b: Builder, x: Node, axis: number): Node {
  const extent = x.type.shape[axis];
  return slice(b, x, axis, subDim(extent, 1), extent, -1);
}

/** A new axis of extent 1. */
export function unsqueeze(b: Builder, x: Node, axis: number): Node {
  return reshape(b, x, [...x.type.shape.slice(0, axis), 1, ...x.type.shape.slice(axis)]);
}
