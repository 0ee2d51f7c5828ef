import type { Prim } from "../../compiler/core/expr.ts";
import { erf, rint } from "./special.ts";
import type { FloatOp, Floats, FloatTest, Ints } from "./op.ts";

/**
 * Vector instructions on floats. Each is a function of its own, so that the compiler of the host specialises its loop;
 * a value is computed in f64 and rounded when the register stores it, which for + − × ÷ √ is the f32 operation.
 */
export const FLOAT_OPS: Partial<Record<Prim, FloatOp>> = {
  add: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] + b[i & mb];
  },
  sub: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] - b[i & mb];
  },
  mul: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] * b[i & mb];
  },
  div: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] / b[i & mb];
  },
  min: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.min(a[i & ma], b[i & mb]);
  },
  max: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.max(a[i & ma], b[i & mb]);
  },
  pow: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.pow(a[i & ma], b[i & mb]);
  },
  rem: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] % b[i & mb];
  },
  neg: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = -a[i];
  },
  abs: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.abs(a[i]);
  },
  sign: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.sign(a[i]);
  },
  exp: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.exp(a[i]);
  },
  expm1: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.expm1(a[i]);
  },
  log: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.log(a[i]);
  },
  log1p: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.log1p(a[i]);
  },
  sqrt: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.sqrt(a[i]);
  },
  rsqrt: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = 1 / Math.sqrt(a[i]);
  },
  sin: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.sin(a[i]);
  },
  cos: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.cos(a[i]);
  },
  tanh: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.tanh(a[i]);
  },
  erf: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = erf(a[i]);
  },
  floor: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.floor(a[i]);
  },
  ceil: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.ceil(a[i]);
  },
  rint: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = rint(a[i]);
  },
};

export const FLOAT_TESTS: Partial<Record<Prim, FloatTest>> = {
  eq: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] === b[i & mb] ? 1 : 0;
  },
  ne: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] !== b[i & mb] ? 1 : 0;
  },
  lt: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] < b[i & mb] ? 1 : 0;
  },
  le: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] <= b[i & mb] ? 1 : 0;
  },
  gt: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] > b[i & mb] ? 1 : 0;
  },
  ge: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] >= b[i & mb] ? 1 : 0;
  },
  to_bool: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = a[i] !== 0 ? 1 : 0;
  },
  to_i32: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.max(-2147483648, Math.min(2147483647, a[i]));
  },
  to_u32: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.max(0, Math.min(4294967295, a[i]));
  },
};

/** c ? a : b. */
export function selectFloat(
  n: number,
  o: Floats,
  a: Floats,
  ma: number,
  b: Floats,
  mb: number,
  c: Ints,
  mc: number,
): void {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? a[i & ma] : b[i & mb];
}
