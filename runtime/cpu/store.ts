import type { DType } from "../../compiler/core/dtype.ts";
import { rowLength } from "../../compiler/core/kernel.ts";
import type { Elements } from "./load.ts";
import type { Floats, Ints, Op } from "./op.ts";

/** Vector stores: `o[at + b[i]] = a[i]`. Narrow floats are in narrow.ts. */

/** Below this many lanes a loop is faster than making a view to copy from. */
const BULK = 24;

/** Lanes that lie one after another, one element type for register and memory. */
export function storeRun(
  n: number,
  o: Floats | Ints,
  a: Floats | Ints,
  ma: number,
  _b: Ints,
  _mb: number,
  _c: Ints,
  _mc: number,
  _d: Ints,
  at: number,
): void {
  if (ma === 0) o.fill(a[0], at, at + n);
  else if (n >= BULK) o.set(n === a.length ? a : a.subarray(0, n), at);
  else for (let i = 0; i < n; i++) o[at + i] = a[i];
}

function storeFloats(
  n: number,
  o: Floats,
  a: Floats,
  ma: number,
  b: Ints,
  mb: number,
  _c: Ints,
  _mc: number,
  _d: Ints,
  at: number,
): void {
  for (let i = 0; i < n; i++) o[at + b[i & mb]] = a[i & ma];
}

function storeInts(
  n: number,
  o: Int32Array,
  a: Ints,
  ma: number,
  b: Ints,
  mb: number,
  _c: Ints,
  _mc: number,
  _d: Ints,
  at: number,
): void {
  for (let i = 0; i < n; i++) o[at + b[i & mb]] = a[i & ma];
}

/** Integers wrap. */
function storeBytes(
  n: number,
  o: Int8Array | Uint8Array,
  a: Ints,
  ma: number,
  b: Ints,
  mb: number,
  _c: Ints,
  _mc: number,
  _d: Ints,
  at: number,
): void {
  for (let i = 0; i < n; i++) o[at + b[i & mb]] = a[i & ma];
}

/** The store for dtypes that are not narrow floats. */
export function storeOp(dtype: DType): Op {
  if (dtype === "f32") return storeFloats;
  return (dtype === "i32" || dtype === "u32" ? storeInts : storeBytes);
}

/** Writes zeros from each row's end to the next row's start. */
export function clearPadding(view: Elements, shape: readonly number[], dtype: DType): void {
  const extent = shape.at(-1) ?? 1;
  const length = rowLength(shape, dtype);
  for (let row = 0; row < view.length; row += length) view.fill(0, row + extent, row + length);
}
