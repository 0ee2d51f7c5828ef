/** Registers of float values: Float32Array, or Float64Array where the executor's precision is "f64". */
export type Floats = Float32Array;
/** Registers of i32, u32 (as its bits) and bool (0 or 1) values. */
export type Ints = Int32Array;

/** What stands in an instruction's operand: a register, a constant pattern, a table, or a binding's elements. */
export type Slot = Floats | Ints | Float64Array | Uint16Array | Uint8Array | Int8Array;

/**
 * One vector instruction: `n` lanes of output `o` from operands a, b, c. Lane i of an operand is at `i & mask`: mask −1
 * for a vector, 0 for a value that all lanes share. `d` and `at` are what else an instruction needs: a table, and the
 * flat index of the tile's first lane. Each instruction declares the arrays it takes; whoever makes a step puts those.
 */
export type Op = (
  n: number,
  o: never,
  a: never,
  ma: number,
  b: never,
  mb: number,
  c: never,
  mc: number,
  d: never,
  at: number,
) => void;

export type FloatOp = (
  n: number,
  o: Floats,
  a: Floats,
  ma: number,
  b: Floats,
  mb: number,
) => void;

export type IntOp = (n: number, o: Ints, a: Ints, ma: number, b: Ints, mb: number) => void;
export type FloatTest = (n: number, o: Ints, a: Floats, ma: number, b: Floats, mb: number) => void;
