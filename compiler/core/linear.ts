import type { Expr } from "./expr.ts";

/** Σ kᵢ·atomᵢ + constant, with no zero coefficient; atoms are compared by identity. Immutable. */
export class Linear {
  private constructor(readonly terms: ReadonlyMap<Expr, number>, readonly constant: number) {}

  static constant(value: number): Linear {
    return new Linear(new Map(), value);
  }

  static atom(x: Expr): Linear {
    return new Linear(new Map([[x, 1]]), 0);
  }

  /** this + k·other. */
  plus(other: Linear, k: number): Linear {
    const terms = new Map(this.terms);
    for (const [atom, n] of other.terms) {
      const sum = (terms.get(atom) ?? 0) + k * n;
      if (sum === 0) terms.delete(atom);
      else terms.set(atom, sum);
    }
    return new Linear(terms, this.constant + k * other.constant);
  }

  times(k: number): Linear {
    return k === 1 ? this : Linear.constant(0).plus(this, k);
  }

  /** Every coefficient divided; the constant is dropped. */
  dividedBy(k: number): Linear {
    return this.map((n) => n / k).withConstant(0);
  }

  /** Coefficients mapped, zeros dropped; the constant stays. */
  map(f: (k: number) => number): Linear {
    const terms = [...this.terms].map(([a, k]) => [a, f(k)] as const).filter(([, k]) => k !== 0);
    return new Linear(new Map(terms), this.constant);
  }

  withConstant(constant: number): Linear {
    return constant === this.constant ? this : new Linear(this.terms, constant);
  }

  /** The terms whose coefficient fits and the others, both without the constant. */
  split(fits: (k: number) => boolean): [Linear, Linear] {
    const yes = [...this.terms].filter(([, k]) => fits(k));
    const no = [...this.terms].filter(([, k]) => !fits(k));
    return [new Linear(new Map(yes), 0), new Linear(new Map(no), 0)];
  }

  /** The atom that this form is, where it is one. */
  onlyAtom(): Expr | undefined {
    if (this.terms.size !== 1 || this.constant !== 0) return undefined;
    const [[atom, k]] = this.terms;
    return k === 1 ? atom : undefined;
  }
}
