import { isFloat } from "../core/dtype.ts";
import type { Dim } from "../core/shape.ts";
import { i32, prim } from "../core/expr.ts";
import { eqDim, showShape, sizeOf } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapOp, ScatterOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { cast, convert } from "./cast.ts";
import { eq, where } from "./comparison.ts";
import { inRange, poison, requireIndices } from "./indices.ts";
import { float, ints, sample } from "./sample.ts";
import { reshape } from "./view.ts";

/** Rows of a table chosen by ids, and its adjoint. */

/**
 * table[id] for each id: input 0 is the table [rows, …], input 1 the ids; the result is [ids…, …]. An id of attrs.hole
 * gives zeros and passes no gradient; any other id outside the table gives NaN.
 */
export const takeOp: MapOp = {
  kind: "map",
  name: "take",
  class: "follow",
  exact: true,
  view: false,
  type([table, ids]) {
    requireIndices("take", ids, 1);
    if (table.shape.length === 0) throw new OpError("take needs a table with rows", { input: 0 });
    return { dtype: table.dtype, shape: [...ids.shape, ...table.shape.slice(1)] };
  },
  expr(m) {
    const [table, ids] = m.inputs;
    const at = ids.shape.length;
    const id = convert(m.read(1, m.coords.slice(0, at)), "i32");
    const hole = prim("eq", id, i32(m.attrs.hole as number));
    const ok = inRange(id, table.shape[0]);
    const value = m.read(0, [id, ...m.coords.slice(at)], prim("and", ok, prim("not", hole)));
    return isFloat(table.dtype) ? prim("add", value, poison(prim("or", ok, hole))) : value;
  },
  grad(b, node, dy) {
    const [table, ids] = node.inputs;
    const hole = node.attrs.hole as number;
    const at = cast(b, ids, "i32");
    // A hole is outside the rows of scatter_add, too.
    const trained = hole < 0 ? at : where(b, eq.build(b, { x: at, y: hole }) as Node, -1, at);
    return [scatterAdd(b, dy, trained, table.type.shape[0]), undefined];
  },
  samples: [
    sample([float([4, 3]), ints([5], -1, 3)], { hole: -1 }),
    sample([float([3, 2]), ints([2, 2], 0, 2)], { hole: -1 }),
    sample([float([3, 2]), ints([6], 0, 2)], { hole: 1 }),
  ],
};

/** Rows of `table` [rows, …] by integer ids; an id of `hole` gives zeros. */
export function take(b: Builder, table: Node, ids: Node, hole = -1): Node {
  return b.node(takeOp, [table, ids], { hole });
}

/**
 * out[r] = Σ values[n] over the n with ids[n] = r, in order of n, accumulated in f32 and rounded once. Input 0 is
 * [n, …], input 1 the ids [n]; the result is [attrs.rows, …]. Ids outside the rows are left out.
 *
 * A sum of n·width terms must not cost rows·n: a one-hot product is out of the question for a vocabulary of 50,000. Nor
 * may it depend on the order in which threads arrive, which rules out float atomics. So a kernel sorts the n ids stably
 * (once, not once an element), and each output row finds its run of equal ids by two binary searches and adds its
 * values in the order of n: rows·log n + n·width work, the same result on every device. A kernel on one thread gets
 * the same sums by adding the values to their rows in order.
 */
export const scatterAddOp: ScatterOp = {
  kind: "scatter",
  name: "scatter_add",
  class: "follow",
  type([values, ids], attrs) {
    requireIndices("scatter_add", ids, 1);
    if (!isFloat(values.dtype)) {
      throw new OpError("scatter_add takes floats", { found: values.dtype, input: 0 });
    }
    if (ids.shape.length !== 1 || values.shape.length === 0 || !eqDim(ids.shape[0], values.shape[0])) {
      throw new OpError("scatter_add takes one id for each row of values", {
        expected: `[${values.shape[0]}]`,
        found: showShape(ids.shape),
        input: 1,
      });
    }
    return { dtype: values.dtype, shape: [attrs.rows as Dim, ...values.shape.slice(1)] };
  },
  reference([values, ids], attrs, type) {
    const rows = attrs.rows as number;
    const out = new Float64Array(type.shape.reduce((a, d) => a * d, 1));
    const width = out.length / rows;
    ids.data.forEach((id, n) => {
      if (!(id >= 0 && id < rows)) return;
      for (let k = 0; k < width; k++) out[id * width + k] += values.data[n * width + k];
    });
    return out;
  },
  grad: (b, node, dy) => {
    const ids = node.inputs[1];
    return [take(b, dy, ids), undefined];
  },
  samples: [
    sample([float([6, 2]), ints([6], 0, 3)], { rows: 4 }),
    sample([float([5]), ints([5], -1, 2)], { rows: 3 }),
  ],
};

/** Adds values [ids…, …] to rows by their ids; the ids' axes become one. */
export function scatterAdd(b: Builder, values: Node, ids: Node, rows: Dim): Node {
  const lead = ids.type.shape.length;
  const count = sizeOf(ids.type.shape);
  const flat = reshape(b, values, [count, ...values.type.shape.slice(lead)]);
  return b.node(scatterAddOp, [flat, reshape(b, cast(b, ids, "i32"), [count])], { rows });
}
