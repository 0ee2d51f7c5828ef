/** Element types as a program names them. `bool` is stored as one byte. */
export type DType = "f32" | "f16" | "bf16" | "f8e4m3" | "f8e5m2" | "i8" | "u8" | "i32" | "u32" | "bool";

/** What a value is while it is in a register: every float is computed in f32, every small integer in 32 bits. */
export type Kind = "f32" | "i32" | "u32" | "bool";

export const DTYPES: readonly DType[] = [
  "f32",
  "f16",
  "bf16",
  "f8e4m3",
  "f8e5m2",
  "i8",
  "u8",
  "i32",
  "u32",
  "bool",
];

const BYTES: Record<DType, 1 | 2 | 4> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  f8e4m3: 1,
  f8e5m2: 1,
  i8: 1,
  u8: 1,
  i32: 4,
  u32: 4,
  bool: 1,
};

const KINDS: Record<DType, Kind> = {
  f32: "f32",
  f16: "f32",
  bf16: "f32",
  f8e4m3: "f32",
  f8e5m2: "f32",
  i8: "i32",
  u8: "u32",
  i32: "i32",
  u32: "u32",
  bool: "bool",
};

export function byteSize(dtype: DType): 1 | 2 | 4 {
  return BYTES[dtype];
}

export function kindOf(dtype: DType): Kind {
  return KINDS[dtype];
}

export function isFloat(dtype: DType): boolean {
  return KINDS[dtype] === "f32";
}

export function isDType(name: string): name is DType {
  return (DTYPES as readonly string[]).includes(name);
}

/** An edge of this dtype can overflow where f32 does not: it takes part in the overflow flag and in loss scaling. */
export function isNarrowRange(dtype: DType): boolean {
  return dtype === "f16" || dtype === "f8e5m2";
}

/** The narrowest float that holds both exactly: f16 ∨ bf16 is f32. */
export function widest(a: DType, b: DType): DType {
  if (a === b) return a;
  if (BYTES[a] === BYTES[b]) return BYTES[a] === 1 ? "f16" : "f32";
  const [wide, narrow] = BYTES[a] > BYTES[b] ? [a, b] : [b, a];
  // e5m2's exponents do fit f16, and every f8 value is a bf16 value.
  return BYTES[narrow] === 1 || wide === "f32" ? wide : "f32";
}
