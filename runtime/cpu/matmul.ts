import type { Expr } from "../../compiler/core/expr.ts";
import type { Binding, MatmulKernel } from "../../compiler/core/kernel.ts";
import { TapeBuilder } from "./builder.ts";
import { multiply, packAlongK, packAlongRows, panels, TILE_M, TILE_N } from "./gemm.ts";
import type { Elements } from "./load.ts";
import type { Floats, Ints, Op } from "./op.ts";
import { allAffine, type Runner, type RunnerOptions, storeIndex, strideAlong } from "./runner.ts";
import type { Tape } from "./tape.ts";
import { chooseLanes, type Lanes, Tiles } from "./tiles.ts";

/** A panel of each operand is this deep at most: both stay in the first-level cache. */
const DEPTH = 1024;
/** Elements of a packed block of a, which stays in the second-level cache. */
const BLOCK = 1 << 16;

/** How a block of an operand is cut: rows of a (columns of b) by k. */
interface Block {
  row: number;
  k: number;
  depth: number;
}

/** Evaluates one operand, block by block, into packed panels. */
class Operand {
  readonly packed: Float64Array;
  readonly #axes: { readonly row: number; readonly k: number };
  readonly #tape: Tape;
  readonly #tiles: Tiles;
  readonly #block: Block = { row: 0, k: 0, depth: 0 };

  /** `rows` × `depth` is the greatest block; `tile` the rows of a panel. */
  constructor(
    { value, axes, tile, rows, depth }: {
      value: Expr;
      axes: { readonly row: number; readonly k: number };
      tile: number;
      rows: number;
      depth: number;
    },
    space: { extents: readonly number[]; coords: Int32Array; bindings: readonly Binding[] },
    options: RunnerOptions,
  ) {
    const packed = this.packed = new Float64Array(panels(rows, tile) * depth);
    const lanes = operandLanes(value, space.extents, axes);
    const builder = new TapeBuilder({ ...options, ...space, lanes });
    const pack = lanes.axes[0] === axes.row ? packAlongRows : packAlongK;
    const { coords } = space;
    const block = this.#block;
    const op: Op = (n: number, _o, a: Float32Array, ma: number) =>
      pack(packed, a, ma, n, tile, block.depth, coords[axes.row] - block.row, coords[axes.k] - block.k);
    builder.sink(value, op);
    this.#tape = builder.build();
    this.#tiles = new Tiles(lanes, [axes.row, axes.k], coords);
    this.#axes = axes;
  }

  bind(bindings: readonly Elements[]): void {
    this.#tape.bind(bindings);
  }

  /** Packs rows row…row+rows−1 for k…k+depth−1. */
  pack(row: number, rows: number, k: number, depth: number): void {
    const { low, high } = this.#tiles;
    Object.assign(this.#block, { row, k, depth });
    low[this.#axes.row] = row;
    high[this.#axes.row] = row + rows;
    low[this.#axes.k] = k;
    high[this.#axes.k] = k + depth;
    const tiles = this.#tiles;
    for (let more = tiles.first(); more; more = tiles.next()) this.#tape.run(tiles.n);
  }
}

/** One axis: k where memory runs along it or it is long, else rows. */
function operandLanes(
  value: Expr,
  extents: readonly number[],
  axes: { readonly row: number; readonly k: number },
): Lanes {
  const cost = (lane: number, loop: number) => {
    const strides = strideAlong([value], extents, lane);
    const strided = strides.filter((s) => s !== 0 && s !== 1).length;
    const { width } = chooseLanes(extents, [lane]);
    return extents[loop] * Math.ceil(extents[lane] / width) * 60 +
      extents[loop] * extents[lane] * 2 * strided;
  };
  const axis = cost(axes.k, axes.row) <= cost(axes.row, axes.k) ? axes.k : axes.row;
  return chooseLanes(extents, [axis]);
}

/** The matmul family: packed blocks of a and b, a register-tiled product, then the stores tile by tile. */
export class MatmulRunner implements Runner {
  readonly #a: Operand;
  readonly #b: Operand;
  readonly #sums: Float64Array;
  /** The row that `sums` starts with. */
  #origin = 0;
  readonly #stores: Tape;
  readonly #tiles: Tiles;
  readonly #batch: Tiles;
  readonly #shape: { readonly m: number; readonly n: number; readonly k: number };
  /** A block of a. */
  readonly #rows: number;
  readonly #depth: number;
  readonly #axisM: number;

  constructor(kernel: MatmulKernel, options: RunnerOptions) {
    const { batch, m, n, k, bindings } = kernel;
    const [M, N, K] = [batch.length, batch.length + 1, batch.length + 2];
    this.#shape = { m, n, k };
    this.#axisM = M;
    const columns = panels(n, TILE_N);
    const depth = this.#depth = Math.ceil(k / Math.max(1, Math.ceil(k / DEPTH)));
    const fitting = Math.min(BLOCK / Math.max(1, depth), 4 * BLOCK / Math.max(1, columns));
    const rows = this.#rows = panels(Math.min(m, fitting), TILE_M);
    const coords = new Int32Array(batch.length + 3);
    const extents = [...batch, m, n, k];
    const space = { extents, coords, bindings };
    this.#a = new Operand(
      { value: kernel.a, axes: { row: M, k: K }, tile: TILE_M, rows, depth },
      space,
      options,
    );
    this.#b = new Operand(
      { value: kernel.b, axes: { row: N, k: K }, tile: TILE_N, rows: n, depth },
      space,
      options,
    );

    // With one block of k, a block of rows is finished at once; otherwise every sum waits for the last.
    const sums = this.#sums = new Float64Array((k > depth ? panels(m, TILE_M) : rows) * columns);
    const axes = [...batch.keys(), M, N];
    const wholeRows = !allAffine(kernel.stores.map((s) => s.value), extents);
    const lanes = chooseLanes(extents, [M, N], { wholeRows });
    const builder = new TapeBuilder({ ...options, bindings, lanes, coords });
    const load: Op = (
      n: number,
      o: Floats | Ints,
      _a,
      _ma,
      b: Int32Array,
      mb: number,
      _c,
      _mc,
      _d,
      at: number,
    ) => loadSums(n, o, sums, b, mb, at - this.#origin * columns);
    const coefs = extents.map((_, axis) => axis === M ? columns : axis === N ? 1 : 0);
    builder.loadAccumulator(0, kernel.a.kind, load, { constant: 0, coefs });
    for (const { binding, value } of kernel.stores) {
      builder.store(binding, value, storeIndex(extents, axes, bindings[binding].dtype));
    }
    this.#stores = builder.build();
    this.#tiles = new Tiles(lanes, [M, N], coords);
    this.#batch = new Tiles({ extents, axes: [], chunk: 1, width: 1 }, [...batch.keys()], coords);
  }

  run(bindings: readonly Elements[]): void {
    for (const part of [this.#a, this.#b, this.#stores]) part.bind(bindings);
    const batch = this.#batch;
    for (let more = batch.first(); more; more = batch.next()) this.#product();
  }

  #product(): void {
    const { m, n, k } = this.#shape;
    const sums = this.#sums;
    const columns = panels(n, TILE_N);
    const whole = sums.length > this.#rows * columns;
    let from = 0;
    do {
      const depth = Math.min(this.#depth, k - from);
      this.#b.pack(0, n, from, depth);
      for (let row = 0; row < m; row += this.#rows) {
        const rows = Math.min(this.#rows, m - row);
        this.#origin = whole ? 0 : row;
        this.#a.pack(row, rows, from, depth);
        const first = row - this.#origin;
        multiply(sums, first, this.#a.packed, this.#b.packed, panels(rows, TILE_M), columns, depth, from > 0);
        if (from + depth === k) this.#store(row, rows);
      }
      from += depth;
    } while (from < k);
  }

  #store(row: number, rows: number): void {
    const tiles = this.#tiles;
    tiles.low[this.#axisM] = row;
    tiles.high[this.#axisM] = row + rows;
    for (let more = tiles.first(); more; more = tiles.next()) this.#stores.run(tiles.n);
  }
}

/** Sums of integers are exact in f64, and wrap as they are stored. */
function loadSums(
  n: number,
  o: Floats | Ints,
  sums: Float64Array,
  offsets: Int32Array,
  mask: number,
  at: number,
) {
  for (let i = 0; i < n; i++) o[i] = sums[at + offsets[i & mask]];
}
