import type { DType } from "./dtype.ts";
import type { Expr, Prim } from "./expr.ts";
import { decode, overflows, round } from "./round.ts";

/**
 * Upper bounds on the magnitudes of expressions' values, where those are numbers: what a tensor of f16 holds is at most
 * 65504, half of it at most 32752, an error function at most 1.
 */
export class Magnitudes {
  readonly #known = new Map<Expr, number>();

  /** @param dtypeOf the dtype of a binding */
  constructor(private readonly dtypeOf: (binding: number) => DType) {}

  of(x: Expr): number {
    let bound = this.#known.get(x);
    if (bound === undefined) this.#known.set(x, bound = this.#measure(x));
    return bound;
  }

  /** Whether rounding the value to a dtype may overflow; if not, nothing need watch it. */
  mayOverflow(x: Expr, to: DType): boolean {
    return overflows(this.of(x), to);
  }

  #measure(x: Expr): number {
    switch (x.e) {
      case "const":
        return Math.abs(x.value);
      case "load":
        return LARGEST[this.dtypeOf(x.binding)] ?? Infinity;
      case "round":
        return Math.abs(round(this.of(x.arg), x.to));
      case "prim":
        return this.#ofPrim(x.fn, x.args);
      default:
        return Infinity;
    }
  }

  #ofPrim(fn: Prim, [a, b, c]: readonly Expr[]): number {
    switch (fn) {
      case "add":
      case "sub":
        return this.of(a) + this.of(b);
      case "mul": {
        const [p, q] = [this.of(a), this.of(b)];
        return p === 0 || q === 0 ? 0 : p * q;
      }
      case "neg":
      case "abs":
        return this.of(a);
      case "to_f32":
        return a.kind === "bool" ? 1 : this.of(a);
      case "min":
      case "max":
        return Math.max(this.of(a), this.of(b));
      case "select":
        return Math.max(this.of(b), this.of(c));
      case "sqrt":
        return Math.sqrt(this.of(a));
      case "sin":
      case "cos":
      case "tanh":
      case "erf":
      case "sign":
        return 1;
      default:
        return Infinity;
    }
  }
}

/** The largest magnitudes that narrow dtypes hold. */
const LARGEST: Partial<Record<DType, number>> = {
  f16: decode(0x7bff, "f16"),
  f8e4m3: decode(0x7e, "f8e4m3"),
  f8e5m2: decode(0x7b, "f8e5m2"),
  i8: 128,
  u8: 255,
  bool: 1,
};
