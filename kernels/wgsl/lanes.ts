import type { Expr, Load } from "../../compiler/core/expr.ts";

/**
 * How expressions vary over a group of `size` consecutive coordinates of one axis that starts at a multiple of `size`.
 * It decides what is computed once for a group, and which loads of a group are one load of whole words.
 */
export class LaneAnalysis {
  readonly #memo = new WeakMap<Expr, Variation>();

  /**
   * @param axis the axis of the group, or −1 for none
   * @param size coordinates in a group, a power of two
   * @param aligned false where the last group may be cut short: then a lane's coordinate is not start + lane
   * @param accUniform whether accumulators are the same for every lane
   */
  constructor(
    readonly axis: number,
    readonly size: number,
    readonly aligned: boolean,
    readonly accUniform: boolean,
  ) {}

  /** Whether every lane of a group has the same value. */
  isUniform(x: Expr): boolean {
    return this.#of(x).step === 0;
  }

  /**
   * Whether the lanes' elements stand side by side, from the start of a word.
   *
   * @param perWord elements in a word of the binding
   */
  isTogether(load: Load, perWord: number): boolean {
    const v = this.#of(load.index);
    return this.size > 1 && v.step === 1 && v.align % Math.max(this.size, perWord) === 0 &&
      (!load.guard || this.isUniform(load.guard));
  }

  /** Lane j's value minus lane 0's, over j, where that is one number. */
  step(x: Expr): number | undefined {
    return this.#of(x).step;
  }

  #of(x: Expr): Variation {
    let v = this.#memo.get(x);
    if (!v) this.#memo.set(x, v = this.#analyse(x));
    return v;
  }

  #analyse(x: Expr): Variation {
    switch (x.e) {
      case "const":
        return { step: 0, align: x.kind === "i32" ? factorOf(x.value) : 1 };
      case "coord":
        if (x.axis !== this.axis) return UNIFORM;
        return this.aligned ? { step: 1, align: this.size } : UNKNOWN;
      case "input":
        return UNKNOWN;
      case "acc":
        return this.accUniform ? UNIFORM : UNKNOWN;
      case "round":
        return this.#of(x.arg).step === 0 ? UNIFORM : UNKNOWN;
      case "load":
        return this.#of(x.index).step === 0 && (!x.guard || this.#of(x.guard).step === 0) ? UNIFORM : UNKNOWN;
      case "prim":
        return this.#prim(x);
    }
  }

  #prim(x: Expr & { e: "prim" }): Variation {
    const args = x.args.map((a) => this.#of(a));
    const [a, b] = args;
    const integer = x.kind === "i32";
    const uniform = args.every((v) => v.step === 0);
    switch (x.fn) {
      case "add":
      case "sub":
        if (integer && a.step !== undefined && b.step !== undefined) {
          return {
            step: x.fn === "add" ? a.step + b.step : a.step - b.step,
            align: Math.min(a.align, b.align),
          };
        }
        break;
      case "mul":
        if (integer && a.step !== undefined && b.step !== undefined) {
          const align = Math.min(MAX_ALIGN, a.align * b.align);
          const [factor, other] = x.args[0].e === "const" ? [x.args[0], b] : [x.args[1], a];
          if (factor.e === "const") return { step: factor.value * other.step!, align };
          if (uniform) return { step: 0, align };
        }
        break;
      case "min":
      case "max":
        if (integer && uniform) return { step: 0, align: Math.min(a.align, b.align) };
        break;
      case "quo":
      case "mod": {
        const by = x.args[1];
        if (by.e !== "const") break;
        const whole = a.step === 1 && a.align % this.size === 0 && by.value % this.size === 0;
        if (x.fn === "mod" && (whole || a.step === 0)) {
          return { step: a.step, align: Math.min(a.align, factorOf(by.value)) };
        }
        // A group lies between two multiples of `by`.
        if (whole) return UNIFORM;
        break;
      }
      case "lt":
      case "ge":
        if (
          a.step === 1 && a.align % this.size === 0 && b.step === 0 && b.align % this.size === 0 &&
          x.args[0].kind === "i32"
        ) return UNIFORM;
        break;
    }
    return uniform ? UNIFORM : UNKNOWN;
  }
}

interface Variation {
  readonly step: number | undefined;
  /** A power of two that divides the first lane's value. */
  readonly align: number;
}

const MAX_ALIGN = 64;
const UNIFORM: Variation = { step: 0, align: 1 };
const UNKNOWN: Variation = { step: undefined, align: 1 };

/** The largest power of two, at most MAX_ALIGN, that divides a number. */
function factorOf(value: number): number {
  return value === 0 ? MAX_ALIGN : Math.min(MAX_ALIGN, value & -value);
}
