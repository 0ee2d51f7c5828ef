import type { Expr, Prim } from "./expr.ts";
import { bool, i32, operands, prim, primKind } from "./expr.ts";
import { Linear } from "./linear.ts";
import { gcd } from "./shape.ts";

/** The values an i32 expression can take, ends included; ±Infinity where nothing is known. */
export interface Range {
  readonly lo: number;
  readonly hi: number;
}

const ANY: Range = { lo: -Infinity, hi: Infinity };

/**
 * Hash-consing and simplification of one kernel's expressions: equal expressions become one object, and i32 arithmetic
 * takes one form: a sum of coefficients times atoms (coords, loads, quotients, remainders…). With the extents of the
 * coords known, linearizing and delinearizing cancel, so a chain of reshapes, permutations and slices ends as the plain
 * strided index that it is. Floats are left alone but for `select` on a known condition.
 */
export class Exprs {
  readonly #byKey = new Map<string, Expr>();
  /** Canonical expressions, numbered. */
  readonly #ids = new Map<Expr, number>();
  /** What expressions have become while one is simplified: most are never seen again. */
  readonly #done = new Map<Expr, Expr>();
  readonly #ranges = new Map<Expr, Range>();
  readonly #linear = new Map<Expr, Linear>();
  /** What i32 primitives of canonical operands have become. */
  readonly #known = new Map<string, Expr>();
  readonly #extents: number[];

  /** `extents[axis]`: how far the coord of that axis runs. */
  constructor(extents: readonly number[]) {
    this.#extents = [...extents];
  }

  /** A coord of its own for a value known to lie in [0, extent): an atom for simplification. */
  freshCoord(extent: number): Expr {
    this.#extents.push(extent);
    return this.simplify({ e: "coord", axis: this.#extents.length - 1, kind: "i32" });
  }

  /** Identifies a simplified expression. */
  id(e: Expr): number {
    return this.#ids.get(this.simplify(e))!;
  }

  /** The canonical form: equal forms are the same object. Without recursion over long chains of operands. */
  simplify(root: Expr): Expr {
    if (this.#ids.has(root)) return root;
    this.#done.clear();
    const stack: Expr[] = [root];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const size = stack.length;
      if (!this.#isDone(top)) { for (const a of operands(top)) if (!this.#isDone(a)) stack.push(a); }
      if (stack.length > size) continue;
      stack.pop();
      if (!this.#isDone(top)) this.#done.set(top, this.#canonical(top));
    }
    return this.#of(root);
  }

  #isDone(x: Expr): boolean {
    return this.#ids.has(x) || this.#done.has(x);
  }

  #of(x: Expr): Expr {
    return this.#done.get(x) ?? x;
  }

  range(e: Expr): Range {
    const x = this.simplify(e);
    let r = this.#ranges.get(x);
    if (!r) this.#ranges.set(x, r = this.#rangeOf(x));
    return r;
  }

  /** Whether a and b are provably the same value. */
  same(a: Expr, b: Expr): boolean {
    return this.simplify(a) === this.simplify(b);
  }

  #canonical(x: Expr): Expr {
    switch (x.e) {
      case "const":
        return this.#intern(x, `c ${x.kind} ${Object.is(x.value, -0) ? "-0" : x.value}`);
      case "coord":
        return this.#extents[x.axis] === 1 ? this.#const(0) : this.#intern(x, `@${x.axis}`);
      case "acc":
        return this.#intern(x, `acc ${x.kind} ${x.index}`);
      case "input":
        return this.#intern(x, `in ${x.kind} ${x.index}`);
      case "load": {
        const guard = x.guard && this.#of(x.guard);
        const always = guard?.e === "const" && guard.value !== 0;
        const load = { ...x, index: this.#of(x.index), guard: always ? undefined : guard };
        if (always) delete load.guard;
        const key = `load ${x.kind} ${x.binding} ${this.#ids.get(load.index)} ${
          load.guard ? this.#ids.get(load.guard) : ""
        }`;
        return this.#intern(load, key);
      }
      case "round":
        return this.#intern(
          { ...x, arg: this.#of(x.arg) },
          `round ${x.to} ${x.flag} ${this.#ids.get(this.#of(x.arg))}`,
        );
      case "prim":
        return this.#prim(x.fn, x.args.map((a) => this.#of(a)));
    }
  }

  #intern(x: Expr, key: string): Expr {
    const known = this.#byKey.get(key);
    if (known) return known;
    this.#byKey.set(key, x);
    this.#ids.set(x, this.#ids.size);
    return x;
  }

  #const(value: number): Expr {
    return this.#intern(i32(value), `c i32 ${value}`);
  }

  #bool(value: boolean): Expr {
    return this.#intern(bool(value), `c bool ${value ? 1 : 0}`);
  }

  /** A primitive of canonical operands, as it stands. */
  #plain(fn: Prim, args: readonly Expr[]): Expr {
    const key = keyOf(fn, args, this.#ids);
    return this.#byKey.get(key) ?? this.#intern({ e: "prim", fn, args, kind: primKind(fn, args) }, key);
  }

  #prim(fn: Prim, args: readonly Expr[]): Expr {
    const [a, b] = args;
    switch (fn) {
      case "and":
        if (a.e === "const") return a.value ? b : a;
        if (b.e === "const") return b.value ? a : b;
        return a === b ? a : this.#plain(fn, args);
      case "or":
        if (a.e === "const") return a.value ? a : b;
        if (b.e === "const") return b.value ? b : a;
        return a === b ? a : this.#plain(fn, args);
      case "not":
        return a.e === "const" ? this.#bool(!a.value) : this.#plain(fn, args);
      case "select":
        if (a.e === "const") return args[a.value ? 1 : 2];
        return args[1] === args[2] ? args[1] : this.#plain(fn, args);
    }
    if (a.kind !== "i32") return this.#plain(fn, args);
    const key = keyOf(fn, args, this.#ids);
    let known = this.#known.get(key);
    if (!known) this.#known.set(key, known = this.#integer(fn, args));
    return known;
  }

  #integer(fn: Prim, args: readonly Expr[]): Expr {
    const [a, b] = args;
    switch (fn) {
      case "add":
        return this.#sum(this.linear(a).plus(this.linear(b), 1));
      case "sub":
        return this.#sum(this.linear(a).plus(this.linear(b), -1));
      case "neg":
        return this.#sum(this.linear(a).times(-1));
      case "mul":
        if (b.e === "const") return this.#sum(this.linear(a).times(b.value));
        if (a.e === "const") return this.#sum(this.linear(b).times(a.value));
        return this.#plain(fn, args);
      case "quo":
        return b.e === "const" && b.value > 0 ? this.#quo(this.linear(a), b.value) : this.#plain(fn, args);
      case "mod":
        return b.e === "const" && b.value > 0 ? this.#mod(this.linear(a), b.value) : this.#plain(fn, args);
      case "min":
      case "max": {
        const d = this.#difference(a, b);
        if (d.hi <= 0) return fn === "min" ? a : b;
        if (d.lo >= 0) return fn === "min" ? b : a;
        return this.#plain(fn, args);
      }
      case "lt":
      case "le":
      case "gt":
      case "ge":
      case "eq":
      case "ne":
        return this.#compare(fn, a, b);
      case "to_i32":
        return a;
    }
    return this.#plain(fn, args);
  }

  #compare(fn: "lt" | "le" | "gt" | "ge" | "eq" | "ne", a: Expr, b: Expr): Expr {
    const { lo, hi } = this.#difference(a, b);
    const [yes, no] = {
      lt: [hi < 0, lo >= 0],
      le: [hi <= 0, lo > 0],
      gt: [lo > 0, hi <= 0],
      ge: [lo >= 0, hi < 0],
      eq: [lo === 0 && hi === 0, lo > 0 || hi < 0],
      ne: [lo > 0 || hi < 0, lo === 0 && hi === 0],
    }[fn];
    return yes ? this.#bool(true) : no ? this.#bool(false) : this.#plain(fn, [a, b]);
  }

  /** The range of a − b; unknown where either side may wrap around. */
  #difference(a: Expr, b: Expr): Range {
    if (a === b) return { lo: 0, hi: 0 };
    const [ra, rb] = [this.range(a), this.range(b)];
    if (![ra.lo, ra.hi, rb.lo, rb.hi].every(Number.isFinite)) {
      return { lo: ra.lo - rb.hi, hi: ra.hi - rb.lo };
    }
    return this.#span(this.linear(a).plus(this.linear(b), -1));
  }

  /** A canonical i32 expression as a linear form. */
  linear(e: Expr): Linear {
    const x = this.simplify(e);
    return this.#linear.get(x) ?? (x.e === "const" ? Linear.constant(x.value) : Linear.atom(x));
  }

  #span(l: Linear): Range {
    let [lo, hi] = [l.constant, l.constant];
    for (const [atom, k] of l.terms) {
      const r = this.range(atom);
      lo += k > 0 ? k * r.lo : k * r.hi;
      hi += k > 0 ? k * r.hi : k * r.lo;
    }
    return { lo, hi };
  }

  /** The canonical expression of a linear form, once every `k·mod(y, c) + k·c·quo(y, c)` in it is `k·y` again. */
  #sum(form: Linear): Expr {
    let l = form;
    for (let again = true; again;) {
      again = false;
      for (const [atom, k] of l.terms) {
        if (atom.e !== "prim" || atom.fn !== "mod" || atom.args[1].e !== "const") continue;
        const c = atom.args[1].value;
        const quotient = this.linear(this.#quo(this.linear(atom.args[0]), c));
        if (![...quotient.terms].every(([q, n]) => l.terms.get(q) === n * k * c)) continue;
        l = l.plus(quotient, -k * c).plus(Linear.atom(atom), -k).plus(this.linear(atom.args[0]), k);
        again = true;
        break;
      }
    }
    return this.#write(l);
  }

  #write(l: Linear): Expr {
    // Large strides first reads like row-major; ties in order of appearance.
    const terms = [...l.terms].sort(([a, m], [b, n]) =>
      Math.sign(n) - Math.sign(m) || Math.abs(n) - Math.abs(m) || this.#ids.get(a)! - this.#ids.get(b)!
    );
    if (terms.length === 0) return this.#const(l.constant | 0);
    let out: Expr | undefined;
    for (const [atom, k] of terms) {
      const term = Math.abs(k) === 1 ? atom : this.#plain("mul", [atom, this.#const(Math.abs(k) | 0)]);
      if (!out) out = k > 0 ? term : this.#plain("neg", [term]);
      else out = this.#plain(k > 0 ? "add" : "sub", [out, term]);
    }
    if (l.constant > 0) out = this.#plain("add", [out!, this.#const(l.constant | 0)]);
    else if (l.constant < 0) out = this.#plain("sub", [out!, this.#const(-l.constant | 0)]);
    if (!(terms.length === 1 && terms[0][1] === 1 && l.constant === 0)) this.#linear.set(out!, l);
    return out!;
  }

  /** ⌊x / c⌋ of a non-negative x. */
  #quo(x: Linear, c: number): Expr {
    if (c === 1) return this.#write(x);
    const base = Math.floor(x.constant / c);
    // Coefficients are split as `mod` splits them, so that a quotient and its remainder meet again.
    let whole = x.map((k) => Math.floor(k / c)).withConstant(base);
    let rest = x.plus(whole, -c);
    if (!(this.#span(rest).lo >= 0)) {
      whole = x.split((k) => k % c === 0)[0].dividedBy(c).withConstant(base);
      rest = x.plus(whole, -c);
    }
    const { lo, hi } = this.#span(rest);
    const least = Math.floor(lo / c);
    if (least === Math.floor(hi / c)) return this.#sum(whole.plus(Linear.constant(least), 1));
    if (lo >= 0 && (whole.terms.size > 0 || base !== 0)) {
      return this.#sum(whole.plus(this.linear(this.#quo(rest, c)), 1));
    }
    if (lo < 0) return this.#plain("quo", [this.#write(x), this.#const(c)]);
    const factor = this.#commonFactor(rest, c);
    if (factor > 1) {
      const [big] = rest.split((k) => k % factor === 0);
      const y = big.dividedBy(factor).withConstant(Math.floor(rest.constant / factor));
      return this.#quo(y, c / factor);
    }
    const only = rest.onlyAtom();
    if (only?.e === "prim" && only.args[1]?.e === "const") {
      const d = only.args[1].value;
      if (only.fn === "quo") return this.#quo(this.linear(only.args[0]), d * c);
      if (only.fn === "mod" && d % c === 0) {
        return this.#mod(this.linear(this.#quo(this.linear(only.args[0]), c)), d / c);
      }
    }
    return this.#plain("quo", [this.#write(rest), this.#const(c)]);
  }

  /** x mod c of a non-negative x. */
  #mod(x: Linear, c: number): Expr {
    if (c === 1) return this.#const(0);
    const span = this.#span(x);
    const turn = Math.floor(span.lo / c);
    if (turn === Math.floor(span.hi / c)) return this.#sum(x.plus(Linear.constant(-turn * c), 1));
    const positive = (n: number) => ((n % c) + c) % c;
    let rest = x.map(positive).withConstant(positive(x.constant));
    if (!(this.#span(rest).lo >= 0)) {
      rest = x.split((k) => k % c === 0)[1].withConstant(positive(x.constant));
    }
    const { lo, hi } = this.#span(rest);
    const turns = Math.floor(lo / c);
    if (turns === Math.floor(hi / c)) return this.#sum(rest.plus(Linear.constant(-turns * c), 1));
    if (!(lo >= 0)) return this.#plain("mod", [this.#write(x), this.#const(c)]);
    const factor = this.#commonFactor(rest, c);
    if (factor > 1) {
      const [big, small] = rest.split((k) => k % factor === 0);
      const y = big.dividedBy(factor).withConstant(Math.floor(rest.constant / factor));
      const high = this.linear(this.#mod(y, c / factor)).times(factor);
      return this.#sum(high.plus(small.withConstant(rest.constant % factor), 1));
    }
    const only = rest.onlyAtom();
    if (
      only?.e === "prim" && only.fn === "mod" && only.args[1].e === "const" && only.args[1].value % c === 0
    ) {
      return this.#mod(this.linear(only.args[0]), c);
    }
    return this.#plain("mod", [this.#write(rest), this.#const(c)]);
  }

  /** The largest divisor f of c such that the terms f does not divide stay below f together; 1 where there is none. */
  #commonFactor(x: Linear, c: number): number {
    const candidates = new Set<number>();
    for (const k of x.terms.values()) candidates.add(gcd(k, c));
    for (const f of [...candidates].filter((f) => f > 1).sort((a, b) => b - a)) {
      const [, small] = x.split((k) => k % f === 0);
      const { lo, hi } = this.#span(small.withConstant(((x.constant % f) + f) % f));
      if (lo >= 0 && hi < f) return f;
    }
    return 1;
  }

  #rangeOf(x: Expr): Range {
    if (x.e === "const") return { lo: x.value, hi: x.value };
    if (x.e === "coord") return { lo: 0, hi: (this.#extents[x.axis] ?? Infinity) - 1 };
    const linear = this.#linear.get(x);
    if (linear) return this.#span(linear);
    if (x.e !== "prim" || x.kind !== "i32") return ANY;
    const [a, b, c] = x.args;
    switch (x.fn) {
      case "quo":
        if (b.e !== "const" || b.value <= 0) return ANY;
        return {
          lo: Math.max(0, Math.floor(this.range(a).lo / b.value)),
          hi: Math.floor(this.range(a).hi / b.value),
        };
      case "mod": {
        if (b.e !== "const" || b.value <= 0) return ANY;
        return { lo: 0, hi: Math.min(b.value - 1, Math.max(0, this.range(a).hi)) };
      }
      case "min":
        return {
          lo: Math.min(this.range(a).lo, this.range(b).lo),
          hi: Math.min(this.range(a).hi, this.range(b).hi),
        };
      case "max":
        return {
          lo: Math.max(this.range(a).lo, this.range(b).lo),
          hi: Math.max(this.range(a).hi, this.range(b).hi),
        };
      case "select":
        return {
          lo: Math.min(this.range(b).lo, this.range(c).lo),
          hi: Math.max(this.range(b).hi, this.range(c).hi),
        };
      default:
        return ANY;
    }
  }
}

function keyOf(fn: Prim, args: readonly Expr[], ids: ReadonlyMap<Expr, number>): string {
  let key: string = fn;
  for (const a of args) key += ` ${ids.get(a)}`;
  return key;
}

/** Row-major position of coordinates in a shape. */
export function linearIndex(coords: readonly Expr[], strides: readonly number[]): Expr {
  let index: Expr = i32(0);
  coords.forEach((c, i) => index = prim("add", index, prim("mul", c, i32(strides[i]))));
  return index;
}
