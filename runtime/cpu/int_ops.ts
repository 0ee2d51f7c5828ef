import type { Kind } from "../../compiler/core/dtype.ts";
import type { Prim } from "../../compiler/core/expr.ts";
import type { Floats, IntOp, Ints } from "./op.ts";

/** Vector instructions on i32, u32 and bool registers. u32 values are held as their bits. */
const SHARED: Partial<Record<Prim, IntOp>> = {
  add: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] + b[i & mb];
  },
  sub: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] - b[i & mb];
  },
  mul: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.imul(a[i & ma], b[i & mb]);
  },
  eq: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] === b[i & mb] ? 1 : 0;
  },
  ne: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] !== b[i & mb] ? 1 : 0;
  },
  and: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] & b[i & mb];
  },
  or: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] | b[i & mb];
  },
  bitand: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] & b[i & mb];
  },
  bitor: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] | b[i & mb];
  },
  bitxor: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] ^ b[i & mb];
  },
  shl: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] << b[i & mb];
  },
  shr: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] >>> b[i & mb];
  },
  quo: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] / b[i & mb];
  },
  mod: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = a[i & ma] % b[i & mb];
  },
  mulhi: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) {
      const x = a[i & ma];
      const y = b[i & mb];
      const xl = x & 0xffff;
      const xh = x >>> 16;
      const yl = y & 0xffff;
      const yh = y >>> 16;
      // Every partial sum stays below 2^53.
      const middle = xh * yl + Math.floor((xl * yl) / 65536);
      o[i] = xh * yh + Math.floor((middle + xl * yh) / 65536);
    }
  },
  not: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = a[i] ^ 1;
  },
  neg: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = -a[i];
  },
  to_bool: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = a[i] !== 0 ? 1 : 0;
  },
};

const SIGNED: Partial<Record<Prim, IntOp>> = {
  min: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.min(a[i & ma], b[i & mb]);
  },
  max: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.max(a[i & ma], b[i & mb]);
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
  div: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) {
      const y = b[i & mb];
      o[i] = y === 0 ? 0 : a[i & ma] / y;
    }
  },
  rem: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) {
      const y = b[i & mb];
      o[i] = y === 0 ? 0 : a[i & ma] % y;
    }
  },
  abs: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.abs(a[i]);
  },
  sign: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = Math.sign(a[i]);
  },
};

const UNSIGNED: Partial<Record<Prim, IntOp>> = {
  min: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.min(a[i & ma] >>> 0, b[i & mb] >>> 0);
  },
  max: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = Math.max(a[i & ma] >>> 0, b[i & mb] >>> 0);
  },
  lt: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = (a[i & ma] >>> 0) < (b[i & mb] >>> 0) ? 1 : 0;
  },
  le: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = (a[i & ma] >>> 0) <= (b[i & mb] >>> 0) ? 1 : 0;
  },
  gt: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = (a[i & ma] >>> 0) > (b[i & mb] >>> 0) ? 1 : 0;
  },
  ge: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) o[i] = (a[i & ma] >>> 0) >= (b[i & mb] >>> 0) ? 1 : 0;
  },
  div: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) {
      const y = b[i & mb] >>> 0;
      o[i] = y === 0 ? 0 : (a[i & ma] >>> 0) / y;
    }
  },
  rem: (n, o, a, ma, b, mb) => {
    for (let i = 0; i < n; i++) {
      const y = b[i & mb] >>> 0;
      o[i] = y === 0 ? 0 : (a[i & ma] >>> 0) % y;
    }
  },
  abs: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = a[i];
  },
  sign: (n, o, a) => {
    for (let i = 0; i < n; i++) o[i] = a[i] !== 0 ? 1 : 0;
  },
};

/** The instruction for a primitive whose operands are all of one integer or bool kind. */
export function intOp(fn: Prim, kind: Kind): IntOp | undefined {
  return SHARED[fn] ?? (kind === "u32" ? UNSIGNED : SIGNED)[fn];
}

export function copyInts(n: number, o: Ints, a: Ints): void {
  for (let i = 0; i < n; i++) o[i] = a[i];
}

export function signedToFloat(n: number, o: Floats, a: Ints): void {
  for (let i = 0; i < n; i++) o[i] = a[i];
}

export function unsignedToFloat(n: number, o: Floats, a: Ints): void {
  for (let i = 0; i < n; i++) o[i] = a[i] >>> 0;
}

/** A linear form of the coordinates: its value at the first lane, and each lane's difference. */
export function affine(
  n: number,
  o: Ints,
  a: Ints,
  ma: number,
  _b: Ints,
  _mb: number,
  _c: Ints,
  _mc: number,
  _d: Ints,
  at: number,
): void {
  for (let i = 0; i < n; i++) o[i] = at + a[i & ma];
}

/** c ? a : b. */
export function selectInt(
  n: number,
  o: Ints,
  a: Ints,
  ma: number,
  b: Ints,
  mb: number,
  c: Ints,
  mc: number,
): void {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? a[i & ma] : b[i & mb];
}
