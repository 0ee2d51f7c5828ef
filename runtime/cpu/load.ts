import type { DType } from "../../compiler/core/dtype.ts";
import { decode } from "../../compiler/core/round.ts";
import type { Floats, Ints, Op } from "./op.ts";

/**
 * Vector loads: `o[i] = a[at + b[i]]`, where b holds each lane's offset, or its whole index and `at` is 0. The guarded
 * ones give 0 where c is false and read nothing there.
 */

/** What a binding's elements are on the CPU. */
export type Elements = Float32Array | Int32Array | Uint16Array | Int8Array | Uint8Array;

/** A view of `count` elements as stored. */
export function elements(buffer: ArrayBuffer, offset: number, count: number, dtype: DType): Elements {
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer, offset, count);
    case "i32":
    case "u32":
      return new Int32Array(buffer, offset, count);
    case "f16":
    case "bf16":
      return new Uint16Array(buffer, offset, count);
    case "i8":
      return new Int8Array(buffer, offset, count);
    default:
      return new Uint8Array(buffer, offset, count);
  }
}

const tables = new Map<DType, Float32Array>();

/** The values of every code of a narrow float; none for other dtypes. */
export function decodeTable(dtype: DType): Float32Array | undefined {
  const codes = dtype === "f16" || dtype === "bf16"
    ? 65536
    : dtype === "f8e4m3" || dtype === "f8e5m2"
    ? 256
    : 0;
  if (codes === 0) return undefined;
  let table = tables.get(dtype);
  if (!table) {
    table = Float32Array.from({ length: codes }, (_, code) => decode(code, dtype));
    tables.set(dtype, table);
  }
  return table;
}

/** Below this many lanes a loop is faster than making a view to copy from. */
const BULK = 24;

/** Lanes that lie one after another. */
export function loadRun(
  n: number,
  o: Floats | Ints,
  a: Floats | Ints,
  _ma: number,
  _b: Ints,
  _mb: number,
  _c: Ints,
  _mc: number,
  _d: Floats,
  at: number,
): void {
  if (n >= BULK) o.set(a.subarray(at, at + n));
  else for (let i = 0; i < n; i++) o[i] = a[at + i];
}

type Load<O, A> = (
  n: number,
  o: O,
  a: A,
  ma: number,
  b: Ints,
  mb: number,
  c: Ints,
  mc: number,
  d: Floats,
  at: number,
) => void;

const floats: Load<Floats, Float32Array> = (n, o, a, _ma, b, mb, _c, _mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = a[at + b[i & mb]];
};

const floatsGuarded: Load<Floats, Float32Array> = (n, o, a, _ma, b, mb, c, mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? a[at + b[i & mb]] : 0;
};

const words: Load<Ints, Int32Array> = (n, o, a, _ma, b, mb, _c, _mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = a[at + b[i & mb]];
};

const wordsGuarded: Load<Ints, Int32Array> = (n, o, a, _ma, b, mb, c, mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? a[at + b[i & mb]] : 0;
};

const signedBytes: Load<Ints, Int8Array> = (n, o, a, _ma, b, mb, _c, _mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = a[at + b[i & mb]];
};

const signedBytesGuarded: Load<Ints, Int8Array> = (n, o, a, _ma, b, mb, c, mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? a[at + b[i & mb]] : 0;
};

const unsignedBytes: Load<Ints, Uint8Array> = (n, o, a, _ma, b, mb, _c, _mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = a[at + b[i & mb]];
};

const unsignedBytesGuarded: Load<Ints, Uint8Array> = (n, o, a, _ma, b, mb, c, mc, _d, at) => {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? a[at + b[i & mb]] : 0;
};

const halves: Load<Floats, Uint16Array> = (n, o, a, _ma, b, mb, _c, _mc, d, at) => {
  for (let i = 0; i < n; i++) o[i] = d[a[at + b[i & mb]]];
};

const halvesGuarded: Load<Floats, Uint16Array> = (n, o, a, _ma, b, mb, c, mc, d, at) => {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? d[a[at + b[i & mb]]] : 0;
};

const quarters: Load<Floats, Uint8Array> = (n, o, a, _ma, b, mb, _c, _mc, d, at) => {
  for (let i = 0; i < n; i++) o[i] = d[a[at + b[i & mb]]];
};

const quartersGuarded: Load<Floats, Uint8Array> = (n, o, a, _ma, b, mb, c, mc, d, at) => {
  for (let i = 0; i < n; i++) o[i] = c[i & mc] !== 0 ? d[a[at + b[i & mb]]] : 0;
};

type Any = Load<never, never>;
const LOADS: Record<DType, readonly [Any, Any]> = {
  f32: [floats, floatsGuarded],
  f16: [halves, halvesGuarded],
  bf16: [halves, halvesGuarded],
  f8e4m3: [quarters, quartersGuarded],
  f8e5m2: [quarters, quartersGuarded],
  i8: [signedBytes, signedBytesGuarded],
  u8: [unsignedBytes, unsignedBytesGuarded],
  i32: [words, wordsGuarded],
  u32: [words, wordsGuarded],
  bool: [unsignedBytes, unsignedBytesGuarded],
};

export function loadOp(dtype: DType, guarded: boolean): Op {
  return LOADS[dtype][guarded ? 1 : 0];
}
