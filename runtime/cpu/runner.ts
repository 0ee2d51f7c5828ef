import { type Expr, loadsOf } from "../../compiler/core/expr.ts";
import { type Place, stridesOf } from "../../compiler/core/kernel.ts";
import type { DType } from "../../compiler/core/dtype.ts";
import { type Affine, AffineAnalysis } from "./affine.ts";
import type { Elements } from "./load.ts";
import type { Precision } from "./registers.ts";

/** A kernel that is ready to run; its registers and scratch are allocated. */
export interface Runner {
  /** Runs it on these bindings, in the kernel's order. Padding of what it stores is left as it was. */
  run(bindings: readonly Elements[]): void;
}

export interface RunnerOptions {
  readonly precision: Precision;
  /** One word, set by a flagged rounding that overflows. */
  readonly overflow: Int32Array;
}

/** Where a store over `axes`, in that order, puts each coordinate of a space with these extents. */
export function storeIndex(
  extents: readonly number[],
  axes: readonly number[],
  dtype: DType,
  place?: Place,
): Affine {
  const strides = place?.strides ?? stridesOf(axes.map((axis) => extents[axis]), dtype);
  const coefs = extents.map(() => 0);
  axes.forEach((axis, i) => coefs[axis] = extents[axis] === 1 ? 0 : strides[i]);
  return { constant: place?.offset ?? 0, coefs };
}

/** The row-major number of a reduced coordinate. */
export function positionIndex(extents: readonly number[], inner: readonly number[]): Affine {
  const coefs = extents.map(() => 0);
  let stride = 1;
  for (const axis of inner.toReversed()) {
    coefs[axis] = extents[axis] === 1 ? 0 : stride;
    stride *= extents[axis];
  }
  return { constant: 0, coefs };
}

/** Whether every index is affine, so that uniform coordinates gain nothing. */
export function allAffine(roots: readonly Expr[], extents: readonly number[]): boolean {
  const affine = new AffineAnalysis(extents);
  return loadsOf(roots).every((x) => affine.of(x.index) !== null && !x.guard);
}

/** Elements from one lane to the next for each load, were the lanes to run along `axis`; NaN where it is no constant. */
export function strideAlong(roots: readonly Expr[], extents: readonly number[], axis: number): number[] {
  const affine = new AffineAnalysis(extents);
  return loadsOf(roots).map((x) => affine.of(x.index)?.coefs[axis] ?? NaN);
}

export function product(extents: readonly number[]): number {
  return extents.reduce((a, b) => a * b, 1);
}
