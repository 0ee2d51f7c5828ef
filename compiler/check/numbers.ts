import type { Dim } from "../core/shape.ts";
import { addDim, divDim, eqDim, modDim, mulDim, subDim, symbolsOf } from "../core/shape.ts";
import type { BinaryOp } from "../syntax/ast.ts";
import { tooComplex } from "./limits.ts";
import type { NumberValue, Value } from "./values.ts";
import { float, int } from "./values.ts";

/** Arithmetic on numbers known when compiling. Dims stay exact; symbols stay symbols. */

/** Why two numbers have no result. */
export class NumberError extends Error {
  constructor(readonly code: "MPT0219" | "MPT0229" | "MPT0504", message: string, readonly help?: string) {
    super(message);
    this.name = "NumberError";
  }
}

/** The number, or undefined where it can only be had once symbols are bound and is no dim. Throws NumberError. */
export function arithmetic(op: BinaryOp, a: NumberValue, b: NumberValue): NumberValue | undefined {
  const ints = a.int && b.int;
  if (op === "/" || op === "%") {
    if ((b.value ?? b.exact) === 0) throw new NumberError("MPT0229", "this divides by 0");
  }
  const exact = exactly(op, a.exact, b.exact);
  const value = a.value !== undefined && b.value !== undefined ? plainly(op, a.value, b.value) : undefined;
  if (value === undefined && exact === undefined) return undefined;
  if (value !== undefined && !Number.isFinite(value)) {
    throw new NumberError("MPT0504", "this number is too large");
  }
  if (exact !== undefined && tooComplex(exact)) {
    throw new NumberError("MPT0504", "this dim is too complicated", "bind some of its symbols to numbers");
  }
  const stays = ints && op !== "/" && !(op === "**" && value !== undefined && !Number.isInteger(value));
  if (stays) {
    const d = exact ?? value!;
    if (typeof d === "number" && !Number.isSafeInteger(d)) {
      throw new NumberError("MPT0504", "this integer is beyond 2^53");
    }
    return int(d);
  }
  return { kind: "number", int: false, value, exact };
}

function plainly(op: BinaryOp, a: number, b: number): number {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a - b * Math.floor(a / b);
    default:
      return Math.pow(a, b);
  }
}

function exactly(op: BinaryOp, a: Dim | undefined, b: Dim | undefined): Dim | undefined {
  if (a === undefined || b === undefined) return undefined;
  switch (op) {
    case "+":
      return addDim(a, b);
    case "-":
      return subDim(a, b);
    case "*":
      if (typeof a !== "number" && typeof b !== "number" && a.terms.length * b.terms.length > 4096) {
        throw new NumberError("MPT0504", "this dim is too complicated");
      }
      return mulDim(a, b);
    case "/":
      return typeof a === "number" && typeof b === "number" && a % b !== 0 ? undefined : divDim(a, b);
    case "%":
      return modDim(a, b);
    case "**": {
      if (typeof b !== "number" || b < 0) return undefined;
      if (typeof a === "number") return Math.pow(a, b);
      if (b > 16) throw new NumberError("MPT0504", "this dim is too complicated");
      let out: Dim = 1;
      for (let i = 0; i < b; i++) {
        out = mulDim(out, a);
        if (tooComplex(out)) throw new NumberError("MPT0504", "this dim is too complicated");
      }
      return out;
    }
    default:
      return undefined;
  }
}

/** A comparison of compile-time values; undefined where they do not compare. Throws NumberError where symbols decide. */
export function comparison(op: BinaryOp, a: Value, b: Value): boolean | undefined {
  if (a.kind === "number" && b.kind === "number") {
    if (a.value !== undefined && b.value !== undefined) return decide(op, a.value - b.value);
    const x = a.exact ?? a.value!;
    const y = b.exact ?? b.value!;
    if (eqDim(x, y)) return decide(op, 0);
    const difference = subDim(x, y);
    if (typeof difference === "number") return decide(op, difference);
    throw new NumberError(
      "MPT0219",
      `this comparison depends on ${symbolsOf(difference).join(", ")}, bound when a batch is known`,
      "a condition is known when compiling; it may speak of formals, consts and numbers",
    );
  }
  const same = a.kind === b.kind && (a.kind === "bool" || a.kind === "string" || a.kind === "dtype");
  if (!same || (op !== "==" && op !== "!=")) return undefined;
  return (a.value === (b as typeof a).value) === (op === "==");
}

function decide(op: BinaryOp, d: number): boolean {
  switch (op) {
    case "==":
      return d === 0;
    case "!=":
      return d !== 0;
    case "<":
      return d < 0;
    case "<=":
      return d <= 0;
    case ">":
      return d > 0;
    default:
      return d >= 0;
  }
}

export function negate(a: NumberValue): NumberValue {
  const minus = arithmetic("-", int(0), a)!;
  return a.int ? minus : minus.value !== undefined ? float(minus.value) : { ...minus, int: false };
}

/** The functions of the library that give a number for numbers. */
export const FOLDS: Readonly<Record<string, (...x: number[]) => number>> = {
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  abs: Math.abs,
  sign: Math.sign,
  pow: Math.pow,
  min: Math.min,
  max: Math.max,
};

/** Folds that keep integers integers. */
export const INTEGER_FOLDS: ReadonlySet<string> = new Set(["abs", "sign", "min", "max"]);
