import { isFloat } from "../core/dtype.ts";
import { i32, prim } from "../core/expr.ts";
import type { Dim } from "../core/shape.ts";
import { bound, eqDim, showShape, sizeOf } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { CompositeOp, MapOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { add } from "./arithmetic.ts";
import { reduceSum } from "./broadcast.ts";
import { cast, convert } from "./cast.ts";
import { andOp, eq, ge, lt, where } from "./comparison.ts";
import { inRange, poison, requireIndices } from "./indices.ts";
import { oneHot } from "./labels.ts";
import { iota } from "./make.ts";
import { matmul } from "./matmul.ts";
import { float, ints, sample } from "./sample.ts";
import { lastChunkOp, runStepOp, stableOrder } from "./sort.ts";
import { padZeros, reshape, slice, unsqueeze } from "./view.ts";

/** Rows of a table chosen by ids, and the adjoint: adding rows by id. */

/**
 * table[id] for each id: input 0 is the table [rows, …], input 1 the ids; the result is [ids…, …]. An id of
 * attrs.hole, where there is one, gives zeros and passes no gradient; any other id outside the table gives NaN.
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
    const inside = inRange(id, table.shape[0]);
    const hole = m.attrs.hole === undefined ? undefined : prim("eq", id, i32(m.attrs.hole as number));
    const read = hole ? prim("and", inside, prim("not", hole)) : inside;
    const value = m.read(0, [id, ...m.coords.slice(at)], read);
    return isFloat(table.dtype)
      ? prim("add", value, poison(hole ? prim("or", inside, hole) : inside))
      : value;
  },
  grad(b, node, dy) {
    const [table, ids] = node.inputs;
    const hole = node.attrs.hole as number | undefined;
    const at = cast(b, ids, "i32");
    // What must not be trained is sent outside the rows.
    const trained = hole === undefined || hole < 0
      ? at
      : where(b, eq.build(b, { x: at, y: hole }) as Node, -1, at);
    return [scatterAdd(b, dy, trained, table.type.shape[0]), undefined];
  },
  samples: [
    sample([float([4, 3]), ints([5], -1, 3)], { hole: -1 }),
    sample([float([3, 2]), ints([2, 2], 0, 2)]),
    sample([float([3, 2]), ints([6], 0, 2)], { hole: 1 }),
  ],
};

/** Rows of `table` [rows, …] by integer ids; an id of `hole` gives zeros. */
export function take(b: Builder, table: Node, ids: Node, hole?: number): Node {
  return b.node(takeOp, [table, ids], hole === undefined ? {} : { hole });
}

/**
 * Adding rows by id, the adjoint of `take`. Float atomics would add in the order in which threads arrive, so there are
 * two other ways.
 *
 * To few rows, the values are multiplied by the one-hot matrix of the ids, which the product's kernel makes as it goes.
 *
 * To many, as in a vocabulary of 50,000, rows × values work is too much. There the ids are sorted, stably, by merging
 * runs. Equal ids then stand together, and their values are summed in a fixed order: within chunks of CHUNK
 * sorted positions first, then over whole chunks by doubling. That is n·width work, and every pass is a map or a
 * reduction.
 */

/** Up to as many rows a product is faster than sorting: it is one pass, and the sort some dozens. */
const FEW_ROWS = 512;

/** Sorted positions that are summed at once. */
const CHUNK = 16;

/** Later than every id. */
const END = 2 ** 31 - 1;

const equal = (b: Builder, x: Node, y: Node) => eq.build(b, { x, y }) as Node;

/** Σ of equal ids' values up to each chunk's end, for the id at that end: [chunks, width]. */
function runningSums(b: Builder, keys: Node, values: Node, last: Node): Node {
  const [chunks] = bound(last.type.shape);
  const mine = unsqueeze(b, equal(b, keys, unsqueeze(b, last, 1)), 2);
  let sums = reduceSum(b, where(b, mine, values, 0), [1]);
  for (let by = 1; by < chunks; by *= 2) sums = b.node(runStepOp, [sums, last], { by });
  return sums;
}

/** The one-hot matrix of the ids times the values [n, width], accumulated in f32 and rounded once. */
function productById(b: Builder, values: Node, ids: Node, rows: number): Node {
  return matmul(b, oneHot(b, ids, rows, 0, values.type.dtype), values);
}

/** The sums over runs of sorted ids; values [n, width] in f32, ids [n]. */
function summedById(b: Builder, values: Node, ids: Node, rows: number): Node {
  const [n, width] = bound(values.type.shape);
  const chunks = Math.ceil(n / CHUNK);
  const spare = chunks * CHUNK - n;
  const order = stableOrder(b, ids);
  const sorted = take(b, ids, order);
  const full = padZeros(b, sorted, 0, 0, spare);
  const marked = spare
    ? where(b, lt.build(b, { x: iota(b, chunks * CHUNK), y: n }) as Node, full, END)
    : full;
  const keys = reshape(b, marked, [chunks, CHUNK]);
  const chunked = reshape(b, padZeros(b, take(b, values, order), 0, 0, spare), [chunks, CHUNK, width]);
  const last = reshape(b, slice(b, keys, 1, CHUNK - 1, 1), [chunks]);
  const sums = runningSums(b, keys, chunked, last);

  // An id's values end in one chunk; what comes before that chunk is in the running sum of the chunk before it.
  const chunk = b.node(lastChunkOp, [sorted], { rows, chunk: CHUNK });
  const id = iota(b, rows);
  const inChunk = unsqueeze(b, equal(b, take(b, keys, chunk), unsqueeze(b, id, 1)), 2);
  const ending = reduceSum(b, where(b, inChunk, take(b, chunked, chunk), 0), [1]);
  const before = add(b, chunk, -1);
  const goesBack = unsqueeze(b, equal(b, take(b, last, before), id), 1);
  return add(b, ending, where(b, goesBack, take(b, sums, before, -1), 0));
}

/**
 * out[r] = Σ values[n] over the n with ids[n] = r, in f32 and rounded once. Input 0 is [n, …], input 1 the ids [n]; the
 * result is [attrs.rows, …]. Ids outside the rows are left out.
 */
export const scatterAddOp: CompositeOp = {
  kind: "composite",
  name: "scatter_add",
  class: "follow",
  type([values, ids], attrs) {
    requireIndices("scatter_add", ids, 1);
    if (!isFloat(values.dtype)) {
      throw new OpError("scatter_add takes floats", { found: values.dtype, input: 0 });
    }
    if (ids.shape.length !== 1 || values.shape.length === 0 || !eqDim(ids.shape[0], values.shape[0])) {
      throw new OpError("scatter_add takes one id for each row of values", {
        expected: showShape(values.shape.slice(0, 1)),
        found: showShape(ids.shape),
        input: 1,
      });
    }
    return { dtype: values.dtype, shape: [attrs.rows as Dim, ...values.shape.slice(1)] };
  },
  decompose(b, node) {
    const [values, ids] = node.inputs;
    const [n, ...rest] = bound(values.type.shape);
    const rows = node.attrs.rows as number;
    const flat = reshape(b, values, [n, rest.reduce((a, d) => a * d, 1)]);
    if (rows <= FEW_ROWS) return reshape(b, productById(b, flat, ids, rows), node.type.shape);
    const sums = summedById(b, cast(b, flat, "f32"), cast(b, ids, "i32"), rows);
    return cast(b, reshape(b, sums, node.type.shape), node.type.dtype);
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
  // Ids outside the rows took no part; take gives NaN for them, so they go to the one hole there is.
  grad(b, node, dy) {
    const ids = node.inputs[1];
    const inside = [
      ge.build(b, { x: ids, y: 0 }) as Node,
      lt.build(b, { x: ids, y: node.attrs.rows as Dim }) as Node,
    ];
    return [take(b, dy, where(b, b.node(andOp, inside), ids, -1), -1), undefined];
  },
  samples: [
    sample([float([6, 2]), ints([6], 0, 3)], { rows: 4 }),
    sample([float([5]), ints([5], -1, 2)], { rows: 3 }),
    sample([float([75, 2]), ints([75], -1, 3)], { rows: 600 }),
    sample([float([20]), ints([20], 0, 599)], { rows: 600 }),
  ],
};

/** Adds values [ids…, …] to rows by their ids; the ids' axes become one. */
export function scatterAdd(b: Builder, values: Node, ids: Node, rows: Dim): Node {
  const lead = ids.type.shape.length;
  const count = sizeOf(ids.type.shape);
  const flat = reshape(b, values, [count, ...values.type.shape.slice(lead)]);
  return b.node(scatterAddOp, [flat, reshape(b, cast(b, ids, "i32"), [count])], { rows });
}
