import type { Expr } from "../core/expr.ts";
import { i32, prim } from "../core/expr.ts";
import type { Dim } from "../core/shape.ts";
import { bound } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapContext, MapOp } from "../ir/op.ts";
import { requireIndices } from "./indices.ts";
import { iota } from "./make.ts";
import { float, ints, sample } from "./sample.ts";

/**
 * Sorting integers, by merging runs: log n passes, in which each element of a merged run finds itself by halving. And
 * what is then done with runs of equal ones.
 */

/** ⌈log₂ n⌉, the halvings that bring a range of n down to one. */
const halvings = (n: number) => Math.ceil(Math.log2(Math.max(1, n)));

/** (low + high) / 2 of two non-negative numbers. */
const middle = (low: Expr, high: Expr) => prim("quo", prim("add", low, high), i32(2));

/**
 * One pass of merging: input 0 is an order of the ids (input 1) that sorts each run of attrs.run positions; the result
 * sorts each pair of runs. Of equal ids those of the first run come first, so that the sort is stable.
 */
export const mergeOrderOp: MapOp = {
  kind: "map",
  name: "merge_order",
  class: "fixed",
  exact: true,
  view: false,
  searches: [0, 1],
  type([order, ids]) {
    requireIndices("merge_order", ids, 1);
    return { dtype: "i32", shape: order.shape };
  },
  expr(m) {
    const n = m.type.shape[0];
    const run = i32(m.attrs.run as number);
    const at = m.coords[0];
    const first = prim("mul", prim("quo", at, prim("mul", run, i32(2))), prim("mul", run, i32(2)));
    const second = prim("min", prim("add", first, run), i32(n));
    const end = prim("min", prim("add", second, run), i32(n));
    const position = prim("sub", at, first);
    const [left, right] = [prim("sub", second, first), prim("sub", end, second)];
    const element = (start: Expr, k: Expr, ok: Expr) => m.read(0, [prim("add", start, k)], ok);
    const idOf = (start: Expr, k: Expr, ok: Expr) => m.read(1, [element(start, k, ok)], ok);

    // How many of the first `position` merged elements come from the left run.
    let low = prim("max", prim("sub", position, right), i32(0));
    let high = prim("min", position, left);
    for (let i = 0; i < halvings((m.attrs.run as number) + 1); i++) {
      const open = prim("lt", low, high);
      const mid = middle(low, high);
      const other = prim("sub", prim("sub", position, i32(1)), mid);
      const fromLeft = prim("le", idOf(first, mid, open), idOf(second, other, open));
      const more = prim("and", open, fromLeft);
      high = prim("select", prim("and", open, prim("not", fromLeft)), mid, high);
      low = prim("select", more, prim("add", mid, i32(1)), low);
    }
    const other = prim("sub", position, low);
    const [hasLeft, hasRight] = [prim("lt", low, left), prim("lt", other, right)];
    const both = prim("and", hasLeft, hasRight);
    const earlier = prim("le", idOf(first, low, both), idOf(second, other, both));
    const chosen = prim("and", hasLeft, prim("or", prim("not", hasRight), earlier));
    return prim("select", chosen, element(first, low, hasLeft), element(second, other, hasRight));
  },
  grad: null,
  samples: [
    sample([ints([1], 0, 0), ints([1], 0, 3)], { run: 1 }),
    sample([ints([5], 2, 2), ints([5], 0, 3)], { run: 2 }),
  ],
};

/** For each of attrs.rows ids, the chunk that holds its last place among the sorted ids (input 0): ⌊(end − 1)/CHUNK⌋. */
export const lastChunkOp: MapOp = {
  kind: "map",
  name: "last_chunk",
  class: "fixed",
  exact: true,
  view: false,
  searches: [0],
  type: (_, attrs) => ({ dtype: "i32", shape: [attrs.rows as Dim] }),
  expr(m) {
    const end = countUpTo(m, m.coords[0]);
    return prim("quo", prim("max", prim("sub", end, i32(1)), i32(0)), i32(m.attrs.chunk as number));
  },
  grad: null,
  samples: [sample([ints([40], 3, 3)], { rows: 5, chunk: 16 })],
};

/** How many elements of the sorted input 0 are at most `id`, by halving. */
function countUpTo(m: MapContext, id: Expr): Expr {
  const n = m.inputs[0].shape[0];
  let low: Expr = i32(0);
  let high: Expr = i32(n);
  for (let i = 0; i < halvings(n + 1); i++) {
    const open = prim("lt", low, high);
    const mid = middle(low, high);
    const below = prim("le", m.read(0, [mid], open), id);
    high = prim("select", prim("and", open, prim("not", below)), mid, high);
    low = prim("select", prim("and", open, below), prim("add", mid, i32(1)), low);
  }
  return low;
}

/**
 * One doubling of running sums: input 0 [n, width] holds in row c the sum of up to attrs.by rows that end at c and share
 * its key (input 1, [n], sorted); the result, of up to twice as many.
 */
export const runStepOp: MapOp = {
  kind: "map",
  name: "run_step",
  class: "fixed",
  exact: false,
  view: false,
  searches: [0, 1],
  type: ([sums]) => sums,
  expr(m) {
    const [at, column] = m.coords;
    const back = prim("sub", at, i32(m.attrs.by as number));
    const there = prim("ge", back, i32(0));
    const goesOn = prim("and", there, prim("eq", m.read(1, [at]), m.read(1, [back], there)));
    return prim("add", m.read(0, m.coords), m.read(0, [back, column], goesOn));
  },
  grad: null,
  samples: [sample([float([6, 2]), ints([6], 4, 4)], { by: 2 })],
};

/** The positions of the ids [n] in ascending order, equal ones in the order in which they stand. */
export function stableOrder(b: Builder, ids: Node): Node {
  const [n] = bound(ids.type.shape);
  let order = iota(b, n);
  for (let run = 1; run < n; run *= 2) order = b.node(mergeOrderOp, [order, ids], { run });
  return order;
}
