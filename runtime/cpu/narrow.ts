import type { DType } from "../../compiler/core/dtype.ts";
import { encode, overflows, round } from "../../compiler/core/round.ts";
import type { Floats, Ints, Op } from "./op.ts";

/**
 * Rounding to narrow floats, and their codes. In f32 registers it is done on bits, integers only; `round.ts` says what
 * the results are, and the f64 instructions call it.
 */

export type NarrowFloat = "f16" | "bf16" | "f8e4m3" | "f8e5m2";

/** A format's fields as an instruction reads them. */
const DROP = 0; // f32 mantissa bits that it lacks
const LEAST_NORMAL = 1; // f32 bits of its least normal value
const LEAST_EXPONENT = 2; // log2 of its least subnormal
const OVERFLOW = 3; // f32 bits from which a flagged rounding overflows
const GREATEST = 4; // f32 bits of its greatest finite value
const REBIAS = 5; // difference of the exponent biases
const SIGN = 6; // bits to move the sign down by
const NAN = 7; // code of a NaN

function format(mantissa: number, bias: number, overflow: number, greatest: number, nan: number): Ints {
  return Int32Array.of(
    23 - mantissa,
    (128 - bias) << 23,
    1 - bias - mantissa,
    overflow,
    greatest,
    127 - bias,
    mantissa === 10 ? 16 : 24,
    nan,
  );
}

/** E4M3 saturates silently: it takes no part in loss scaling. */
const NEVER = 0x7fffffff;
const FORMATS: Record<Exclude<NarrowFloat, "bf16">, Ints> = {
  f16: format(10, 15, 0x477ff000, 0x477fe000, 0x7e00),
  f8e4m3: format(3, 7, NEVER, 0x43e00000, 0x7f),
  f8e5m2: format(2, 15, 0x47700000, 0x47600000, 0x7e),
};

const INFINITY = 0x7f800000;
const MAGNITUDE = 0x7fffffff;

/** Half to even at the lowest `drop` bits of `bits`, which become 0. */
function roundBits(bits: number, drop: number): number {
  return ((bits + ((1 << (drop - 1)) - 1) + ((bits >>> drop) & 1)) >>> drop) << drop;
}

/** |x| below the least normal value, in units of the least subnormal. */
function subnormalUnits(magnitude: number, leastExponent: number): number {
  const exponent = magnitude >>> 23;
  const shift = 150 + leastExponent - exponent;
  if (shift > 24) return 0;
  return roundBits((magnitude & 0x7fffff) | 0x800000, shift) >>> shift;
}

/** f32 bits of units · 2^leastExponent. */
function unitBits(units: number, leastExponent: number): number {
  if (units === 0) return 0;
  const top = 31 - Math.clz32(units);
  return ((top + leastExponent + 127) << 23) | ((units << (23 - top)) & 0x7fffff);
}

/** Rounds f32 bits to a format of `d`; an overflow sets b[0]. */
function roundNarrow(
  n: number,
  o: Ints,
  a: Ints,
  _ma: number,
  b: Ints,
  _mb: number,
  _c: Ints,
  _mc: number,
  d: Ints,
): void {
  const drop = d[DROP];
  const leastNormal = d[LEAST_NORMAL];
  const leastExponent = d[LEAST_EXPONENT];
  const overflow = d[OVERFLOW];
  const greatest = d[GREATEST];
  let raised = 0;
  for (let i = 0; i < n; i++) {
    const bits = a[i];
    const magnitude = bits & MAGNITUDE;
    if (magnitude >= overflow) raised = 1;
    let out = magnitude;
    if (magnitude < leastNormal) out = unitBits(subnormalUnits(magnitude, leastExponent), leastExponent);
    else if (magnitude <= INFINITY) out = Math.min(roundBits(magnitude, drop), greatest);
    o[i] = (bits & ~MAGNITUDE) | out;
  }
  b[0] |= raised;
}

function roundBf16(n: number, o: Ints, a: Ints): void {
  for (let i = 0; i < n; i++) {
    const bits = a[i];
    o[i] = (bits & MAGNITUDE) > INFINITY ? 0x7fc00000 : roundBits(bits, 16);
  }
}

type Codes = Uint16Array | Uint8Array;

/** Stores o[at + b[i]] = code of f32 bits a[i], rounded; an overflow sets c[0]. */
function storeNarrow(
  n: number,
  o: Codes,
  a: Ints,
  ma: number,
  b: Ints,
  mb: number,
  c: Ints,
  _mc: number,
  d: Ints,
  at: number,
): void {
  const drop = d[DROP];
  const leastNormal = d[LEAST_NORMAL];
  const leastExponent = d[LEAST_EXPONENT];
  const greatest = d[GREATEST];
  const overflow = d[OVERFLOW];
  const rebias = d[REBIAS] << 23;
  const signShift = d[SIGN];
  const signMask = 0x80000000 >>> signShift;
  const nan = d[NAN];
  let raised = 0;
  for (let i = 0; i < n; i++) {
    const bits = a[i & ma];
    const magnitude = bits & MAGNITUDE;
    if (magnitude >= overflow) raised = 1;
    let code = nan;
    if (magnitude < leastNormal) code = subnormalUnits(magnitude, leastExponent);
    else if (magnitude <= INFINITY) code = (Math.min(roundBits(magnitude, drop), greatest) - rebias) >>> drop;
    o[at + b[i & mb]] = code | ((bits >>> signShift) & signMask);
  }
  c[0] |= raised;
}

function storeBf16(
  n: number,
  o: Codes,
  a: Ints,
  ma: number,
  b: Ints,
  mb: number,
  _c: Ints,
  _mc: number,
  _d: Ints,
  at: number,
): void {
  for (let i = 0; i < n; i++) {
    const bits = a[i & ma];
    o[at + b[i & mb]] = (bits & MAGNITUDE) > INFINITY ? 0x7fc0 : roundBits(bits, 16) >>> 16;
  }
}

/** Instructions on f32 bits; `format` goes to operand d. */
export function narrowOps(dtype: NarrowFloat): { round: Op; store: Op; format: Ints } {
  if (dtype === "bf16") return { round: roundBf16, store: storeBf16, format: new Int32Array(8) };
  return { round: roundNarrow, store: storeNarrow, format: FORMATS[dtype] };
}

export function isNarrow(dtype: DType): dtype is NarrowFloat {
  return dtype === "f16" || dtype === "bf16" || dtype === "f8e4m3" || dtype === "f8e5m2";
}

/** The same two on f64 registers, for any float dtype. */
export function wideOps(dtype: DType): { round: Op; store: Op } {
  const roundWide = (n: number, o: Floats, a: Floats, _ma: number, b: Ints) => {
    for (let i = 0; i < n; i++) {
      if (overflows(a[i], dtype)) b[0] = 1;
      o[i] = round(a[i], dtype);
    }
  };
  const storeWide = (
    n: number,
    o: Codes,
    a: Floats,
    ma: number,
    b: Ints,
    mb: number,
    c: Ints,
    _mc: number,
    _d: Ints,
    at: number,
  ) => {
    for (let i = 0; i < n; i++) {
      const x = a[i & ma];
      if (overflows(x, dtype)) c[0] = 1;
      o[at + b[i & mb]] = encode(x, dtype);
    }
  };
  return { round: roundWide, store: storeWide };
}
