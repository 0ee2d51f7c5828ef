import type { Kind } from "../../compiler/core/dtype.ts";
import type { Combine } from "../../compiler/core/kernel.ts";
import type { Ints } from "./op.ts";
import type { Register } from "./registers.ts";

const MAX_F32 = 3.4028234663852886e38;

/** The kind of a finished accumulator. */
export function accumulatorKind(combine: Combine, value: Kind): Kind {
  if (combine === "argmax" || combine === "argmin") return "i32";
  return combine === "or" ? "bool" : value;
}

/** Where `max` starts; where `min` starts, negated. */
function start(kind: Kind, sign: 1 | -1): number {
  switch (kind) {
    case "f32":
      return -MAX_F32;
    case "i32":
      return sign > 0 ? -(2 ** 31) : -(2 ** 31 - 1);
    case "u32":
      return sign > 0 ? 0 : -(2 ** 32 - 1);
    case "bool":
      return sign > 0 ? 0 : -1;
  }
}

/**
 * One accumulator of a reduction, in f64: a sum, or the greatest of sign · value with its
 * position. The order of additions depends on shapes alone.
 */
export class Accumulation {
  readonly kind: Kind;
  readonly #values: Float64Array;
  readonly #positions: Int32Array;
  readonly #start: number;
  readonly #sign: 1 | -1;
  readonly #arg: boolean;

  /**
   * "row": the lanes of a tile belong to one row and are folded into one value. "column": each lane is a row of its
   * own. `width` is the number of lanes of a full tile.
   */
  constructor(combine: Combine, value: Kind, layout: "row" | "column", width: number) {
    this.kind = accumulatorKind(combine, value);
    const rows = layout === "row" ? 1 : width;
    this.#values = new Float64Array(rows);
    this.#positions = new Int32Array(rows);
    this.#arg = combine === "argmax" || combine === "argmin";
    this.#sign = combine === "min" || combine === "argmin" ? -1 : 1;
    this.#start = combine === "sum" ? 0 : this.#arg ? -Infinity : start(value, this.#sign);
    const fold = (combine === "sum" ? SUM : this.#arg ? BEST : MAX)[layout];
    this.fold = value === "f32" ? this.#folding(fold) : this.#widening(fold, value, width);
  }

  /** Folds a tile of values (operand a) in; `at` is the position of the first lane along the reduced axes. */
  readonly fold: Step;

  reset(): void {
    this.#values.fill(this.#start);
    this.#positions.fill(0);
  }

  /** Puts the first `rows` results in a register of `kind`. */
  finish(register: Register, rows: number): void {
    const out = this.kind === "f32" ? register.floats : register.ints;
    if (this.#arg) { for (let i = 0; i < rows; i++) out[i] = this.#positions[i]; }
    else for (let i = 0; i < rows; i++) out[i] = this.#sign * this.#values[i];
  }

  #folding(fold: Fold): Step {
    const [values, positions, sign] = [this.#values, this.#positions, this.#sign];
    return (n, _o, a, ma, _b, _mb, _c, _mc, _d, at) => fold(n, values, a, ma, positions, sign, at);
  }

  /** The fold of integers: the same, on a copy in f64. */
  #widening(fold: Fold, kind: Kind, width: number): Step {
    const copy = new Float64Array(width);
    const [values, positions, sign] = [this.#values, this.#positions, this.#sign];
    return (n, _o, a, ma, _b, _mb, _c, _mc, _d, at) => {
      for (let i = 0; i < n; i++) copy[i] = kind === "u32" ? a[i & ma] >>> 0 : a[i & ma];
      fold(n, values, copy, -1, positions, sign, at);
    };
  }
}

type Values = Float32Array | Float64Array | Int32Array;
type Step = (
  n: number,
  o: Ints,
  a: Values,
  ma: number,
  b: Ints,
  mb: number,
  c: Ints,
  mc: number,
  d: Ints,
  at: number,
) => void;
type Fold = (
  n: number,
  into: Float64Array,
  a: Values,
  ma: number,
  positions: Int32Array,
  sign: number,
  at: number,
) => void;

const SUM: Record<"row" | "column", Fold> = {
  row: (n, into, a, ma) => {
    // Four chains: an addition need not wait for the one before it.
    let [p, q, r, s] = [0, 0, 0, 0];
    let i = 0;
    for (; i + 3 < n; i += 4) {
      p += a[i & ma];
      q += a[(i + 1) & ma];
      r += a[(i + 2) & ma];
      s += a[(i + 3) & ma];
    }
    for (; i < n; i++) p += a[i & ma];
    into[0] += (p + q) + (r + s);
  },
  column: (n, into, a, ma) => {
    for (let i = 0; i < n; i++) into[i] += a[i & ma];
  },
};

const MAX: Record<"row" | "column", Fold> = {
  row: (n, into, a, ma, _positions, sign) => {
    let best = into[0];
    for (let i = 0; i < n; i++) best = Math.max(best, sign * a[i & ma]);
    into[0] = best;
  },
  column: (n, into, a, ma, _positions, sign) => {
    for (let i = 0; i < n; i++) into[i] = Math.max(into[i], sign * a[i & ma]);
  },
};

/** First of equals: a later one must be greater. */
const BEST: Record<"row" | "column", Fold> = {
  row: (n, into, a, ma, positions, sign, at) => {
    let best = into[0];
    let position = positions[0];
    for (let i = 0; i < n; i++) {
      const x = sign * a[i & ma];
      if (x > best) {
        best = x;
        position = at + i;
      }
    }
    into[0] = best;
    positions[0] = position;
  },
  column: (n, into, a, ma, positions, sign, at) => {
    for (let i = 0; i < n; i++) {
      const x = sign * a[i & ma];
      if (x > into[i]) {
        into[i] = x;
        positions[i] = at;
      }
    }
  },
};
