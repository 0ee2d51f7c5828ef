import { bound, isBound } from "../core/shape.ts";
import type { BoundType, Node, TensorType } from "./op.ts";

/** A node's type, whose dims are numbers. Throws DimError where one is not. */
export function boundType({ type }: Node): BoundType {
  return isBoundType(type) ? type : { dtype: type.dtype, shape: bound(type.shape) };
}

function isBoundType(t: TensorType): t is BoundType {
  for (const d of t.shape) if (!isBound(d)) return false;
  return true;
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
