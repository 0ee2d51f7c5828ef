import { f32Bits, fromF32Bits } from "../../compiler/core/round.ts";
import type { Floats, Ints } from "./op.ts";

/** Instructions that look at a float's bits: on the bits of an f32 register, or on an f64 register rounded to f32. */

function finiteBits(n: number, o: Ints, a: Ints): void {
  for (let i = 0; i < n; i++) o[i] = (a[i] & 0x7f800000) !== 0x7f800000 ? 1 : 0;
}

function finiteWide(n: number, o: Ints, a: Floats): void {
  for (let i = 0; i < n; i++) o[i] = Number.isFinite(Math.fround(a[i])) ? 1 : 0;
}

function bitsOfWide(n: number, o: Ints, a: Floats): void {
  for (let i = 0; i < n; i++) o[i] = f32Bits(a[i]);
}

function wideOfBits(n: number, o: Floats, a: Ints): void {
  for (let i = 0; i < n; i++) o[i] = fromF32Bits(a[i]);
}

export const bitOps = {
  f32: { is_finite: finiteBits },
  f64: { is_finite: finiteWide, bits_of: bitsOfWide, f32_of_bits: wideOfBits },
};
