import type { Kind } from "../core/dtype.ts";
import type { Prim } from "../core/expr.ts";
import { f32Bits, fromF32Bits } from "../core/round.ts";

/** The primitives of scalar expressions on JS numbers: floats in f64, integers exactly and wrapped to 32 bits. */

type Binary = (x: number, y: number) => number;
type Unary = (x: number) => number;

const BINARY: Partial<Record<Prim, Binary>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  rem: (x, y) => x % y,
  quo: (x, y) => Math.floor(x / y),
  mod: (x, y) => x % y,
  min: Math.min,
  max: Math.max,
  pow: Math.pow,
  eq: (x, y) => +(x === y),
  ne: (x, y) => +(x !== y),
  lt: (x, y) => +(x < y),
  le: (x, y) => +(x <= y),
  gt: (x, y) => +(x > y),
  ge: (x, y) => +(x >= y),
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  bitand: (x, y) => (x & y) >>> 0,
  bitor: (x, y) => (x | y) >>> 0,
  bitxor: (x, y) => (x ^ y) >>> 0,
  shl: (x, y) => (x << y) >>> 0,
  shr: (x, y) => x >>> y,
  mulhi: (x, y) => Number((BigInt(x) * BigInt(y)) >> 32n),
};

/** Where arithmetic in f64 would not do for integers. */
const INTEGER: Partial<Record<Prim, Binary>> = {
  mul: Math.imul,
  div: (x, y) => y === 0 ? 0 : Math.trunc(x / y),
  rem: (x, y) => y === 0 ? 0 : x % y,
};

const UNARY: Partial<Record<Prim, Unary>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf,
  floor: Math.floor,
  ceil: Math.ceil,
  rint,
  not: (x) => x ? 0 : 1,
  to_f32: (x) => x,
  to_i32: (x) => Number.isNaN(x) ? 0 : Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), Math.trunc(x))),
  to_u32: (x) => Number.isNaN(x) ? 0 : Math.min(2 ** 32 - 1, Math.max(0, Math.trunc(x))),
  to_bool: (x) => x === 0 ? 0 : 1,
  bits_of: f32Bits,
  f32_of_bits: fromF32Bits,
  is_finite: (x) => Number.isFinite(x) ? 1 : 0,
};

/** Primitives whose integer results wrap. */
const WRAPS = new Set<Prim>(["add", "sub", "mul", "div", "rem", "neg", "abs"]);

/** A primitive of two operands of one kind. */
export function binary(fn: Prim, kind: Kind): Binary {
  const integer = kind === "i32" || kind === "u32";
  const f = (integer ? INTEGER[fn] : undefined) ?? BINARY[fn];
  if (!f) throw new Error(`${fn} is not a binary primitive`);
  if (!integer || !WRAPS.has(fn)) return f;
  return kind === "i32" ? (x, y) => f(x, y) | 0 : (x, y) => f(x, y) >>> 0;
}

/** A primitive of one operand of this kind. */
export function unary(fn: Prim, kind: Kind): Unary {
  // Between integers a conversion keeps the bits.
  if (fn === "to_u32" && kind === "i32") return (x) => x >>> 0;
  if (fn === "to_i32" && kind === "u32") return (x) => x | 0;
  const f = UNARY[fn];
  if (!f) throw new Error(`${fn} is not a unary primitive`);
  return WRAPS.has(fn) && kind === "i32" ? (x) => f(x) | 0 : f;
}

function rint(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

/**
 * The error function to f64 precision: its series where |x| < 3, and the continued fraction of erfc beyond
 * (Abramowitz and Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  const scale = Math.exp(-a * a) / Math.sqrt(Math.PI);
  if (a < 3) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 * scale * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - scale / (a + fraction));
}
