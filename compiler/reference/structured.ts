import type { Combine } from "../core/kernel.ts";
import type { RefTensor } from "../ir/op.ts";
import { groups } from "../ops/composite.ts";

/** Reductions and contractions, straight from their definitions, in f64. */

/** `axes` reduced away; positions are row-major in them, the first of equals. NaN wins a max or a min. */
export function reduce(combine: Combine, x: RefTensor, axes: readonly number[]): Float64Array {
  const fold = FOLDS[combine];
  return Float64Array.from(groups(x.shape, axes), (row) => fold(row, x.data));
}

type Fold = (row: readonly number[], data: Float64Array) => number;

const FOLDS: Record<Combine, Fold> = {
  sum: (row, data) => row.reduce((sum, i) => sum + data[i], 0),
  max: (row, data) => row.reduce((m, i) => Math.max(m, data[i]), -Infinity),
  min: (row, data) => row.reduce((m, i) => Math.min(m, data[i]), Infinity),
  argmax: (row, data) => row.reduce((best, i, k) => data[i] > data[row[best]] ? k : best, 0),
  argmin: (row, data) => row.reduce((best, i, k) => data[i] < data[row[best]] ? k : best, 0),
  or: (row, data) => row.some((i) => data[i] !== 0) ? 1 : 0,
};

/** [batch…, m, k] × [batch…, k, n]. */
export function contract(x: RefTensor, y: RefTensor): Float64Array {
  const [m, k] = x.shape.slice(-2);
  const n = y.shape[y.shape.length - 1];
  const batch = x.shape.slice(0, -2).reduce((a, d) => a * d, 1);
  const out = new Float64Array(batch * m * n);
  for (let row = 0; row < batch * m; row++) {
    const panel = Math.floor(row / m) * k;
    const to = out.subarray(row * n, (row + 1) * n);
    for (let j = 0; j < k; j++) {
      const a = x.data[row * k + j];
      const from = (panel + j) * n;
      for (let c = 0; c < n; c++) to[c] += a * y.data[from + c];
    }
  }
  return out;
}
