/**
 * How an iteration space is cut into tiles. A tile's lanes run, row-major, over the lane axes: all of them whole but the
 * first, which is cut into chunks. Every other axis has one coordinate for the whole tile.
 */
export interface Lanes {
  /** Extents of every axis, by number. */
  readonly extents: readonly number[];
  /** Lane axes, outermost first; axes of extent 1 are never among them. */
  readonly axes: readonly number[];
  /** Coordinates of the first lane axis in a full tile. */
  readonly chunk: number;
  /** Lanes of a full tile. */
  readonly width: number;
}

/** Lanes in a tile: its registers stay in the first-level cache, and dispatching an instruction costs next to nothing. */
export const TILE = 1024;

/**
 * Chooses lane axes from `candidates` (outermost first) from the innermost out, as many as fit in `limit` lanes. With
 * `wholeRows`, an axis is not cut where a tile is already long enough: its coordinate is then uniform, and what
 * depends on it is computed once for the tile.
 */
export function chooseLanes(
  extents: readonly number[],
  candidates: readonly number[],
  { limit = TILE, wholeRows = false }: { limit?: number; wholeRows?: boolean } = {},
): Lanes {
  const axes: number[] = [];
  let whole = 1;
  let chunk = 1;
  for (const axis of candidates.toReversed()) {
    const extent = extents[axis];
    if (extent === 1) continue;
    const lanes = whole * chunk;
    if (wholeRows && lanes >= limit / 8) break;
    const fits = Math.max(1, Math.floor(limit / lanes));
    if (axes.length > 0 && fits < 2) break;
    axes.unshift(axis);
    whole = lanes;
    // Chunks of about one length: 1100 is cut in 550 + 550.
    chunk = fits < extent ? Math.ceil(extent / Math.ceil(extent / fits)) : extent;
    if (chunk < extent) break;
  }
  return { extents, axes, chunk, width: whole * chunk };
}

/** Relative offsets of a full tile's lanes, for a form with these coefficients. */
export function lanePattern(lanes: Lanes, coefs: readonly number[]): Int32Array {
  const out = new Int32Array(lanes.width);
  let filled = 1;
  for (let k = lanes.axes.length - 1; k >= 0; k--) {
    const axis = lanes.axes[k];
    const extent = k === 0 ? lanes.chunk : lanes.extents[axis];
    for (let c = 1; c < extent; c++) {
      for (let i = 0; i < filled; i++) out[c * filled + i] = out[i] + c * coefs[axis];
    }
    filled *= extent;
  }
  return out;
}

/**
 * Walks the tiles of a space in order. `coords` holds each axis's coordinate at the first lane, `n` the lanes of the
 * current tile. Axes in `fixed` are left to the caller. `low` and `high` bound the walk: whole axes to begin with.
 */
export class Tiles {
  readonly low: Int32Array;
  readonly high: Int32Array;
  n = 0;
  readonly #loops: readonly number[];
  readonly #lanes: Lanes;
  readonly #first: number;
  /** Lanes for each coordinate of the first lane axis. */
  readonly #rest: number;
  readonly #chunk: number;

  constructor(lanes: Lanes, order: readonly number[], readonly coords: Int32Array) {
    this.low = new Int32Array(lanes.extents.length);
    this.high = Int32Array.from(lanes.extents);
    this.#lanes = lanes;
    this.#first = lanes.axes[0] ?? -1;
    this.#chunk = lanes.chunk;
    this.#rest = lanes.width / lanes.chunk;
    this.#loops = order.filter((axis) => !lanes.axes.includes(axis));
  }

  /** Moves to the first tile; false where there is none. */
  first(): boolean {
    const { coords, low, high } = this;
    for (const axis of this.#loops) coords[axis] = low[axis];
    for (const axis of this.#lanes.axes) coords[axis] = low[axis];
    for (const axis of this.#loops) if (low[axis] >= high[axis]) return false;
    for (const axis of this.#lanes.axes) if (low[axis] >= high[axis]) return false;
    this.#measure();
    return true;
  }

  next(): boolean {
    const { coords, low, high } = this;
    if (this.#first >= 0) {
      coords[this.#first] += this.#chunk;
      if (coords[this.#first] < high[this.#first]) {
        this.#measure();
        return true;
      }
      coords[this.#first] = low[this.#first];
    }
    for (let k = this.#loops.length - 1; k >= 0; k--) {
      const axis = this.#loops[k];
      if (++coords[axis] < high[axis]) {
        this.#measure();
        return true;
      }
      coords[axis] = low[axis];
    }
    return false;
  }

  #measure(): void {
    const first = this.#first;
    this.n = first < 0 ? 1 : Math.min(this.#chunk, this.high[first] - this.coords[first]) * this.#rest;
  }
}
