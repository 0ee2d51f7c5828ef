import type { DType } from "../core/dtype.ts";
import { isFloat, widest } from "../core/dtype.ts";
import { overflows, round } from "../core/round.ts";
import type { Dim } from "../core/shape.ts";
import { isBound } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { constNode } from "./leaf.ts";

const INTEGER_RANGE: Partial<Record<DType, readonly [number, number]>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
};

/** Whether a number keeps its meaning in `dtype`: integers exactly; floats neither overflow nor vanish. */
export function fits(value: number, dtype: DType): boolean {
  const range = INTEGER_RANGE[dtype];
  if (range) return Number.isInteger(value) && value >= range[0] && value <= range[1];
  if (dtype === "bool") return false;
  if (!Number.isFinite(value)) return true;
  const stored = round(value, dtype);
  return Number.isFinite(stored) && !overflows(value, dtype) && (stored !== 0 || value === 0) &&
    !(dtype === "f8e4m3" && Math.abs(value) > 464);
}

/** The dtype that operands of these dtypes meet in; i32 and u32 meet in i32, integers below 32 bits in i32. */
export function promote(dtypes: readonly DType[]): DType {
  const floats = dtypes.filter(isFloat);
  if (floats.length > 0) return floats.reduce(widest);
  const integers = dtypes.filter((d) => d !== "bool");
  if (integers.length === 0) return "bool";
  return integers.reduce((a, b) => a === b ? a : "i32");
}

/**
 * A number literal among operands of dtypes `others`: a rank-0 constant of the dtype that they meet in, or f32 where it
 * does not fit that (which widens the operation). An unbound dim is known to fit no narrower float than bf16.
 */
export function literal(b: Builder, value: Dim, others: readonly DType[]): Node {
  const met = others.length > 0 ? promote(others) : "f32";
  if (isBound(value)) return constNode(b, value, fits(value, met) ? met : "f32");
  return constNode(b, value, met === "i32" || met === "bf16" ? met : "f32");
}
