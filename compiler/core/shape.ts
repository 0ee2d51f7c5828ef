/**
 * Dims, symbolic or bound. A symbolic dim is a polynomial with rational coefficients over atoms; an atom is a symbol
 * (`N`, with any integer power, so `D / h` is a monomial) or an opaque quotient or remainder of two dims.
 * Division in dims is exact by the language's rule, so `h * (D / h)` is `D`.
 */
export type Dim = number | Poly;

/** Raised where dims cannot be what an operation needs; checks turn it into a diagnostic. */
export class DimError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DimError";
  }
}

interface Atom {
  readonly key: string;
  readonly eval: (env: DimEnv) => number;
}

interface Term {
  readonly key: string;
  /** Sorted by key; powers are non-zero integers. */
  readonly factors: readonly { readonly atom: Atom; readonly power: number }[];
  readonly num: number;
  readonly den: number;
}

export type DimEnv = ReadonlyMap<string, number>;

export class Poly {
  constructor(readonly terms: readonly Term[]) {}
  toString(): string {
    return showDim(this);
  }
}

/** The greatest common divisor, above 0. */
export function gcd(a: number, b: number): number {
  while (b) [a, b] = [b, a % b];
  return Math.abs(a) || 1;
}

function term(factors: Term["factors"], num: number, den: number): Term {
  const g = gcd(num, den) * (den < 0 ? -1 : 1);
  const key = factors.map((f) => f.power === 1 ? f.atom.key : `${f.atom.key}^${f.power}`).join("*");
  return { key, factors, num: num / g, den: den / g };
}

function termsOf(d: Dim): readonly Term[] {
  if (typeof d !== "number") return d.terms;
  return d === 0 ? [] : [term([], d, 1)];
}

function make(terms: readonly Term[]): Dim {
  const byKey = new Map<string, Term>();
  for (const t of terms) {
    const s = byKey.get(t.key);
    byKey.set(t.key, s ? term(t.factors, s.num * t.den + t.num * s.den, s.den * t.den) : t);
  }
  const kept = [...byKey.values()].filter((t) => t.num !== 0).sort((a, b) =>
    b.factors.length - a.factors.length || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  );
  if (kept.length === 0) return 0;
  if (kept.length === 1 && kept[0].factors.length === 0 && kept[0].den === 1) return kept[0].num;
  return new Poly(kept);
}

function mulTerms(a: Term, b: Term): Term {
  const powers = new Map<string, { atom: Atom; power: number }>();
  for (const f of [...a.factors, ...b.factors]) {
    const p = powers.get(f.atom.key);
    powers.set(f.atom.key, { atom: f.atom, power: (p?.power ?? 0) + f.power });
  }
  const factors = [...powers.values()].filter((f) => f.power !== 0)
    .sort((x, y) => x.atom.key < y.atom.key ? -1 : x.atom.key > y.atom.key ? 1 : 0);
  return term(factors, a.num * b.num, a.den * b.den);
}

/** A named symbol, such as the batch size `N`. */
export function symbol(name: string): Dim {
  const eval_ = (env: DimEnv) => {
    const value = env.get(name);
    if (value === undefined) throw new DimError(`the symbol ${name} is not bound`);
    return value;
  };
  return new Poly([term([{ atom: { key: name, eval: eval_ }, power: 1 }], 1, 1)]);
}

export function addDim(a: Dim, b: Dim): Dim {
  return typeof a === "number" && typeof b === "number" ? a + b : make([...termsOf(a), ...termsOf(b)]);
}

export function negDim(a: Dim): Dim {
  return typeof a === "number" ? -a : new Poly(a.terms.map((t) => ({ ...t, num: -t.num })));
}

export function subDim(a: Dim, b: Dim): Dim {
  return addDim(a, negDim(b));
}

/** A product of more terms than this is no size that anyone meant. */
const MOST_TERMS = 1 << 14;

/** Throws DimError where the product would have thousands of terms. */
export function mulDim(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  if (termsOf(a).length * termsOf(b).length > MOST_TERMS) throw new DimError("this size has too many terms");
  return make(termsOf(a).flatMap((x) => termsOf(b).map((y) => mulTerms(x, y))));
}

/** Exact quotient. Throws DimError where both are numbers and the quotient is not an integer, or b is 0. */
export function divDim(a: Dim, b: Dim): Dim {
  if (b === 0) throw new DimError("a dim is divided by 0");
  if (typeof a === "number" && typeof b === "number") {
    if (a % b !== 0) throw new DimError(`${a} / ${b} is not a whole number`);
    return a / b;
  }
  if (eqDim(a, b)) return 1;
  const divisor = termsOf(b);
  if (divisor.length === 1) {
    const d = divisor[0];
    const inverse = term(d.factors.map((f) => ({ atom: f.atom, power: -f.power })), d.den, d.num);
    return make(termsOf(a).map((t) => mulTerms(t, inverse)));
  }
  return opaque("/", a, b, (x, y) => x / y);
}

/** Quotient rounded down. */
export function floorDivDim(a: Dim, b: Dim): Dim {
  if (b === 0) throw new DimError("a dim is divided by 0");
  return opaque("//", a, b, (x, y) => Math.floor(x / y));
}

export function modDim(a: Dim, b: Dim): Dim {
  if (b === 0) throw new DimError("a dim is divided by 0");
  return opaque("%", a, b, (x, y) => x - y * Math.floor(x / y));
}

function opaque(op: string, a: Dim, b: Dim, f: (x: number, y: number) => number): Dim {
  if (typeof a === "number" && typeof b === "number") return f(a, b);
  const key = `(${showDim(a)} ${op} ${showDim(b)})`;
  return new Poly([
    term([{ atom: { key, eval: (env) => f(evaluateDim(a, env), evaluateDim(b, env)) }, power: 1 }], 1, 1),
  ]);
}

/** The symbols that a dim mentions, those inside its quotients and remainders among them. */
export function symbolsOf(d: Dim): readonly string[] {
  return typeof d === "number" ? [] : [...new Set(showDim(d).match(/[A-Za-z_]\w*/g) ?? [])];
}

/** Equal for every value of the symbols. */
export function eqDim(a: Dim, b: Dim): boolean {
  return a === b || subDim(a, b) === 0;
}

export function isBound(d: Dim): d is number {
  return typeof d === "number";
}

/** The value of a dim as a plain number, whole or not, for use outside shapes. Throws DimError for an unbound symbol. */
export function evaluateDim(d: Dim, env: DimEnv): number {
  if (typeof d === "number") return d;
  let sum = 0;
  for (const t of d.terms) {
    sum += t.factors.reduce((p, f) => p * Math.pow(f.atom.eval(env), f.power), t.num) / t.den;
  }
  // Quotients that are whole may come out a rounding error away from it.
  return Math.abs(sum - Math.round(sum)) < 1e-9 ? Math.round(sum) : sum;
}

/** The value of a dim under `env`. Throws DimError for an unbound symbol or a quotient that is not whole. */
export function bindDim(d: Dim, env: DimEnv): number {
  const value = evaluateDim(d, env);
  if (!Number.isSafeInteger(value)) throw new DimError(`${showDim(d)} is ${value}, not a whole number`);
  return value;
}

/** Reads `2*N + D/h`. */
export function showDim(d: Dim): string {
  if (typeof d === "number") return String(d);
  return d.terms.map((t, i) => {
    const up = t.factors.filter((f) => f.power > 0).flatMap((f) => Array(f.power).fill(f.atom.key));
    const down = t.factors.filter((f) => f.power < 0).flatMap((f) => Array(-f.power).fill(f.atom.key));
    const size = Math.abs(t.num);
    const top = [...(size !== 1 || up.length === 0 ? [String(size)] : []), ...up].join("*");
    const text = [top, ...(t.den !== 1 ? [String(t.den)] : []), ...down].join("/");
    return i === 0 ? (t.num < 0 ? `-${text}` : text) : ` ${t.num < 0 ? "-" : "+"} ${text}`;
  }).join("");
}

export type Shape = readonly Dim[];

export function showShape(shape: Shape): string {
  return `[${shape.map(showDim).join(", ")}]`;
}

export function sizeOf(shape: Shape): Dim {
  return shape.reduce<Dim>(mulDim, 1);
}

export function eqShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => eqDim(d, b[i]));
}

/** The numbers of a bound shape. Throws DimError where a symbol is left. */
export function bound(shape: Shape): number[] {
  return shape.map((d) => {
    if (!isBound(d)) throw new DimError(`${showShape(shape)} has an unbound dim`);
    return d;
  });
}

/** NumPy broadcasting of two shapes; undefined where they do not fit. A symbol meets only itself or 1. */
export function broadcast(a: Shape, b: Shape): Shape | undefined {
  if (a === b || b.length === 0) return a;
  if (a.length === 0) return b;
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (eqDim(x, y) || y === 1) out.push(x);
    else if (x === 1) out.push(y);
    else return undefined;
  }
  return out;
}

/** `axis` counted from the front; undefined where it is out of range. */
export function normalizeAxis(axis: number, rank: number): number | undefined {
  const a = axis < 0 ? axis + rank : axis;
  return Number.isInteger(a) && a >= 0 && a < rank ? a : undefined;
}
