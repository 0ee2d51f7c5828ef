import type { Kind } from "../compiler/core/dtype.ts";
import type { Prim } from "../compiler/core/expr.ts";
import { f32Bits, fromF32Bits } from "../compiler/core/round.ts";

/**
 * What each primitive means on numbers: constants are folded by it, and the test evaluator runs it. Floats are rounded
 * to f32 after every primitive; i32 and u32 wrap.
 *
 * @param kind the kind of the first argument (of the second for `select`)
 */
export function applyPrim(fn: Prim, kind: Kind, args: readonly number[]): number {
  const [a, b, c] = args;
  switch (fn) {
    case "select":
      return a ? b : c;
    case "and":
      return a && b ? 1 : 0;
    case "or":
      return a || b ? 1 : 0;
    case "not":
      return a ? 0 : 1;
    case "eq":
      return a === b ? 1 : 0;
    case "ne":
      return a !== b ? 1 : 0;
    case "lt":
      return a < b ? 1 : 0;
    case "le":
      return a <= b ? 1 : 0;
    case "gt":
      return a > b ? 1 : 0;
    case "ge":
      return a >= b ? 1 : 0;
    case "to_bool":
      return a !== 0 ? 1 : 0;
    case "to_f32":
      return Math.fround(a);
    case "to_i32":
      return kind === "f32" ? saturate(a, -2147483648, 2147483647) : a | 0;
    case "to_u32":
      return kind === "f32" ? saturate(a, 0, 4294967295) : a >>> 0;
    case "bits_of":
      return kind === "f32" ? f32Bits(a) : a >>> 0;
    case "f32_of_bits":
      return fromF32Bits(a);
    case "is_finite":
      return Number.isFinite(a) ? 1 : 0;
    case "quo":
      return Math.trunc(a / b);
    case "mod":
      return a % b;
    case "mulhi":
      return Number((BigInt(a) * BigInt(b)) >> 32n);
    case "bitand":
      return (a & b) >>> 0;
    case "bitor":
      return (a | b) >>> 0;
    case "bitxor":
      return (a ^ b) >>> 0;
    case "shl":
      return (a << b) >>> 0;
    case "shr":
      return a >>> b;
    default:
      return kind === "f32" ? Math.fround(float(fn, a, b)) : wrap(integer(fn, a, b), kind);
  }
}

function wrap(x: number, kind: Kind): number {
  return kind === "u32" ? x >>> 0 : x | 0;
}

function saturate(x: number, low: number, high: number): number {
  return Number.isNaN(x) ? 0 : Math.min(high, Math.max(low, Math.trunc(x)));
}

function integer(fn: Prim, a: number, b: number): number {
  switch (fn) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return Math.imul(a, b);
    case "div":
      return b === 0 ? 0 : Math.trunc(a / b);
    case "rem":
      return b === 0 ? 0 : a % b;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "neg":
      return -a;
    case "abs":
      return Math.abs(a);
    case "sign":
      return Math.sign(a);
    default:
      throw new Error(`${fn} is not defined on integers`);
  }
}

function float(fn: Prim, a: number, b: number): number {
  switch (fn) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "div":
      return a / b;
    case "rem":
      return a - b * Math.trunc(a / b);
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "neg":
      return -a;
    case "abs":
      return Math.abs(a);
    case "sign":
      return Math.sign(a);
    case "exp":
      return Math.exp(a);
    case "expm1":
      return Math.expm1(a);
    case "log":
      return Math.log(a);
    case "log1p":
      return Math.log1p(a);
    case "sqrt":
      return Math.sqrt(a);
    case "rsqrt":
      return 1 / Math.sqrt(a);
    case "sin":
      return Math.sin(a);
    case "cos":
      return Math.cos(a);
    case "tanh":
      return Math.tanh(a);
    case "erf":
      return erf(a);
    case "floor":
      return Math.floor(a);
    case "ceil":
      return Math.ceil(a);
    case "rint":
      return rint(a);
    case "pow":
      return Math.pow(a, b);
    default:
      throw new Error(`${fn} is not defined on floats`);
  }
}

function rint(x: number): number {
  const low = Math.floor(x), rest = x - low;
  if (rest < 0.5 || (rest === 0.5 && low % 2 === 0)) return low;
  return low + 1;
}

/** To about 1e-15: the Maclaurin series near 0, the continued fraction of erfc beyond. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(a)) return NaN;
  if (a < 2.5) {
    let term = a, sum = a;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++) {
      term *= -a * a / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * sum * 2 / Math.sqrt(Math.PI);
  }
  if (a > 7) return Math.sign(x);
  let fraction = a;
  for (let n = 80; n >= 1; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / fraction / Math.sqrt(Math.PI));
}
