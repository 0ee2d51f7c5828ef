import type { DType } from "./dtype.ts";

/** Bit-exact conversions between JS numbers and stored element types, on the CPU. */

const f32 = new Float32Array(1);
const bits = new Uint32Array(f32.buffer);

/** Bits of the nearest f32. */
export function f32Bits(x: number): number {
  f32[0] = x;
  return bits[0];
}

export function fromF32Bits(b: number): number {
  bits[0] = b;
  return f32[0];
}

interface Narrow {
  readonly mantissa: number;
  readonly bias: number;
  /** Largest finite code without the sign. */
  readonly maxCode: number;
  readonly nan: number;
  /** Width of the code without the sign. */
  readonly signShift: number;
}

const NARROW: Record<"f16" | "f8e4m3" | "f8e5m2", Narrow> = {
  f16: { mantissa: 10, bias: 15, maxCode: 0x7bff, nan: 0x7e00, signShift: 15 },
  f8e4m3: { mantissa: 3, bias: 7, maxCode: 0x7e, nan: 0x7f, signShift: 7 },
  f8e5m2: { mantissa: 2, bias: 15, maxCode: 0x7b, nan: 0x7e, signShift: 7 },
};

/** The code of the nearest value, ties to even, saturated to the largest finite one; NaN is kept. */
function encodeNarrow(x: number, f: Narrow): number {
  const b = f32Bits(x);
  const a = b & 0x7fffffff;
  const sign = (b >>> 31) << f.signShift;
  if (a > 0x7f800000) return f.nan | sign;
  const e = a >>> 23;
  const E = e - 127 + f.bias;
  const sig = (a & 0x7fffff) | (e > 0 ? 0x800000 : 0);
  const shift = Math.min(25, 23 - f.mantissa + Math.max(0, 1 - E));
  const rest = sig & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  let q = sig >>> shift;
  if (rest > half || (rest === half && (q & 1))) q++;
  const code = E < 1 ? q : ((E - 1) << f.mantissa) + q;
  return Math.min(code, f.maxCode) | sign;
}

function decodeNarrow(code: number, f: Narrow, hasInfinity: boolean): number {
  const mag = code & ((1 << f.signShift) - 1);
  const sign = (code >>> f.signShift) & 1 ? -1 : 1;
  const m = mag & ((1 << f.mantissa) - 1);
  const e = mag >>> f.mantissa;
  if (hasInfinity && e === (1 << (f.signShift - f.mantissa)) - 1) return m ? NaN : sign * Infinity;
  if (!hasInfinity && mag === f.nan) return NaN;
  return sign *
    (e === 0 ? m * 2 ** (1 - f.bias - f.mantissa) : (1 + m / (1 << f.mantissa)) * 2 ** (e - f.bias));
}

export const f16Bits = (x: number): number => encodeNarrow(x, NARROW.f16);
export const fromF16Bits = (h: number): number => decodeNarrow(h, NARROW.f16, true);

/** Ties to even; NaN gives the canonical 0x7fc0, infinity stays. */
export function bf16Bits(x: number): number {
  const b = f32Bits(x);
  if ((b & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return ((b + 0x7fff + ((b >>> 16) & 1)) >>> 16) & 0xffff;
}

export const fromBf16Bits = (h: number): number => fromF32Bits(h << 16);

/** The stored bits of a value; integers wrap, bools are 0 or 1. */
export function encode(x: number, dtype: DType): number {
  switch (dtype) {
    case "f32":
      return f32Bits(x);
    case "bf16":
      return bf16Bits(x);
    case "f16":
    case "f8e4m3":
    case "f8e5m2":
      return encodeNarrow(x, NARROW[dtype]);
    case "i8":
    case "u8":
      return x & 0xff;
    case "i32":
    case "u32":
      return x >>> 0;
    case "bool":
      return x ? 1 : 0;
  }
}

/** The value of stored bits. */
export function decode(code: number, dtype: DType): number {
  switch (dtype) {
    case "f32":
      return fromF32Bits(code);
    case "bf16":
      return fromBf16Bits(code);
    case "f16":
      return fromF16Bits(code);
    case "f8e4m3":
      return decodeNarrow(code, NARROW.f8e4m3, false);
    case "f8e5m2":
      return decodeNarrow(code, NARROW.f8e5m2, true);
    case "i8":
      return (code << 24) >> 24;
    case "i32":
      return code | 0;
    case "u8":
    case "u32":
    case "bool":
      return code;
  }
}

/** The nearest value that `dtype` holds; f16 and f8 saturate (see `overflows`). */
export function round(x: number, dtype: DType): number {
  if (dtype === "f32") return Math.fround(x);
  return decode(encode(x, dtype), dtype);
}

/** Whether storing x as f16 or f8e5m2 raises the overflow flag: round-to-nearest would give infinity, or x is NaN. */
export function overflows(x: number, dtype: DType): boolean {
  if (dtype === "f16") return !(Math.abs(Math.fround(x)) < 65520);
  if (dtype === "f8e5m2") return !(Math.abs(Math.fround(x)) < 61440);
  return false;
}
