/**
 * Matrix products on packed panels, in f64: products of f32 values are exact, and a scalar f64 multiply-add costs no
 * more than an f32 one.
 *
 * A panel holds `TILE_M` rows of a (or `TILE_N` columns of b) for every k of a block, k by k, so that the inner loop
 * reads both operands in order.
 */

export const TILE_M = 4;
export const TILE_N = 4;

/** Rounds up to whole panels. */
export function panels(extent: number, tile: number): number {
  return Math.ceil(extent / tile) * tile;
}

/** Puts the lanes of a register, along k, into row `row` of packed panels: lane i is at k + i of a block of `depth`. */
export function packAlongK(
  packed: Float64Array,
  values: Float32Array,
  mask: number,
  n: number,
  tile: number,
  depth: number,
  row: number,
  k: number,
): void {
  const inPanel = row % tile;
  let at = (row - inPanel) * depth + k * tile + inPanel;
  for (let i = 0; i < n; i++) {
    packed[at] = values[i & mask];
    at += tile;
  }
}

/** Puts the lanes of a register, along rows, into packed panels at `k`: lane i is row + i. */
export function packAlongRows(
  packed: Float64Array,
  values: Float32Array,
  mask: number,
  n: number,
  tile: number,
  depth: number,
  row: number,
  k: number,
): void {
  let inPanel = row % tile;
  let at = (row - inPanel) * depth + k * tile;
  for (let i = 0; i < n; i++) {
    packed[at + inPanel] = values[i & mask];
    if (++inPanel === tile) {
      inPanel = 0;
      at += tile * depth;
    }
  }
}

/**
 * c[row0 + i, j] (+)= Σ_k a[i, k] · b[k, j] for `rows` × `columns`, both whole panels; c has `columns` columns.
 * `add` says whether what c holds is kept.
 */
export function multiply(
  c: Float64Array,
  row0: number,
  a: Float64Array,
  b: Float64Array,
  rows: number,
  columns: number,
  depth: number,
  add: boolean,
): void {
  for (let j = 0; j < columns; j += TILE_N) {
    for (let i = 0; i < rows; i += TILE_M) {
      tile(c, (row0 + i) * columns + j, columns, a, i * depth, b, j * depth, depth, add);
    }
  }
}

/** One 4 × 4 tile: sixteen sums in registers. */
function tile(
  c: Float64Array,
  at: number,
  stride: number,
  a: Float64Array,
  p: number,
  b: Float64Array,
  q: number,
  depth: number,
  add: boolean,
): void {
  let c00 = 0, c01 = 0, c02 = 0, c03 = 0;
  let c10 = 0, c11 = 0, c12 = 0, c13 = 0;
  let c20 = 0, c21 = 0, c22 = 0, c23 = 0;
  let c30 = 0, c31 = 0, c32 = 0, c33 = 0;
  for (let k = 0; k < depth; k++) {
    const a0 = a[p], a1 = a[p + 1], a2 = a[p + 2], a3 = a[p + 3];
    const b0 = b[q], b1 = b[q + 1], b2 = b[q + 2], b3 = b[q + 3];
    c00 += a0 * b0, c01 += a0 * b1, c02 += a0 * b2, c03 += a0 * b3;
    c10 += a1 * b0, c11 += a1 * b1, c12 += a1 * b2, c13 += a1 * b3;
    c20 += a2 * b0, c21 += a2 * b1, c22 += a2 * b2, c23 += a2 * b3;
    c30 += a3 * b0, c31 += a3 * b1, c32 += a3 * b2, c33 += a3 * b3;
    p += TILE_M;
    q += TILE_N;
  }
  if (add) {
    c00 += c[at], c01 += c[at + 1], c02 += c[at + 2], c03 += c[at + 3];
    let r = at + stride;
    c10 += c[r], c11 += c[r + 1], c12 += c[r + 2], c13 += c[r + 3];
    r += stride;
    c20 += c[r], c21 += c[r + 1], c22 += c[r + 2], c23 += c[r + 3];
    r += stride;
    c30 += c[r], c31 += c[r + 1], c32 += c[r + 2], c33 += c[r + 3];
  }
  c[at] = c00, c[at + 1] = c01, c[at + 2] = c02, c[at + 3] = c03;
  let r = at + stride;
  c[r] = c10, c[r + 1] = c11, c[r + 2] = c12, c[r + 3] = c13;
  r += stride;
  c[r] = c20, c[r + 1] = c21, c[r + 2] = c22, c[r + 3] = c23;
  r += stride;
  c[r] = c30, c[r + 1] = c31, c[r + 2] = c32, c[r + 3] = c33;
}
