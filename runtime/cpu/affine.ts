import type { Expr } from "../../compiler/core/expr.ts";

/** `constant + Σ coefs[axis] · coord(axis)`, which never leaves the i32 range. */
export interface Affine {
  readonly constant: number;
  readonly coefs: readonly number[];
}

/** Evaluates an affine form at the first lane of a tile. */
export class Address {
  readonly #axes: number[] = [];
  readonly #coefs: number[] = [];

  constructor(readonly form: Affine) {
    form.coefs.forEach((c, axis) => {
      if (c !== 0) {
        this.#axes.push(axis);
        this.#coefs.push(c);
      }
    });
  }

  at(coords: Int32Array): number {
    let sum = this.form.constant;
    for (let i = 0; i < this.#axes.length; i++) sum += this.#coefs[i] * coords[this.#axes[i]];
    return sum;
  }
}

/**
 * Recognises index arithmetic that is affine in the coordinates, given the axes' extents. A quotient or remainder by a
 * constant is affine where the coordinates split cleanly, as they do after a reshape that only merges or splits axes.
 */
export class AffineAnalysis {
  readonly #memo = new Map<Expr, Affine | null>();

  constructor(readonly extents: readonly number[]) {}

  of(x: Expr): Affine | null {
    if (x.kind !== "i32") return null;
    let form = this.#memo.get(x);
    if (form === undefined) {
      form = this.#derive(x);
      if (form && !this.#fits(form)) form = null;
      this.#memo.set(x, form);
    }
    return form;
  }

  constant(value: number): Affine {
    return { constant: value, coefs: this.extents.map(() => 0) };
  }

  #derive(x: Expr): Affine | null {
    if (x.e === "const") return this.constant(x.value | 0);
    if (x.e === "coord") {
      // An axis of extent 1 has the one coordinate 0.
      return { constant: 0, coefs: this.extents.map((n, axis) => axis === x.axis && n > 1 ? 1 : 0) };
    }
    if (x.e !== "prim") return null;
    const a = x.args.length > 0 ? this.of(x.args[0]) : null;
    if (!a) return null;
    if (x.fn === "neg") return scale(a, -1);
    const b = x.args.length > 1 ? this.of(x.args[1]) : null;
    if (!b) return null;
    switch (x.fn) {
      case "add":
        return add(a, b);
      case "sub":
        return add(a, scale(b, -1));
      case "mul":
        return isConstant(b) ? scale(a, b.constant) : isConstant(a) ? scale(b, a.constant) : null;
      case "quo":
      case "mod":
        return isConstant(b) && b.constant > 0 ? this.#divide(a, b.constant, x.fn) : null;
      default:
        return null;
    }
  }

  /** Splits `a` into multiples of `by` and a rest that stays in 0…by−1. */
  #divide(a: Affine, by: number, want: "quo" | "mod"): Affine | null {
    const whole = {
      constant: Math.floor(a.constant / by),
      coefs: a.coefs.map((c) => c % by === 0 ? c / by : 0),
    };
    const rest = add(a, scale(whole, -by));
    const [low, high] = this.range(rest);
    if (low < 0 || high >= by || this.range(a)[0] < 0) return null;
    return want === "quo" ? whole : rest;
  }

  /** Least and greatest value over the iteration space. */
  range(a: Affine): [number, number] {
    let low = a.constant;
    let high = a.constant;
    a.coefs.forEach((c, axis) => {
      const reach = c * Math.max(0, this.extents[axis] - 1);
      if (reach < 0) low += reach;
      else high += reach;
    });
    return [low, high];
  }

  #fits(a: Affine): boolean {
    const [low, high] = this.range(a);
    return low >= -(2 ** 31) && high < 2 ** 31;
  }
}

function isConstant(a: Affine): boolean {
  return a.coefs.every((c) => c === 0);
}

function add(a: Affine, b: Affine): Affine {
  return { constant: a.constant + b.constant, coefs: a.coefs.map((c, i) => c + b.coefs[i]) };
}

function scale(a: Affine, by: number): Affine {
  // `+ 0` turns −0 into 0.
  return { constant: a.constant * by + 0, coefs: a.coefs.map((c) => c * by + 0) };
}
