import type { DType } from "../core/dtype.ts";
import type { Attrs, Sample, SampleInput } from "../ir/op.ts";

/** Shorthand for an op's samples. */

/** A float input; `range` as in SampleInput. */
export function float(shape: readonly number[], range?: readonly [number, number]): SampleInput {
  return { dtype: "f32", shape, range };
}

/** Integers from `low` to `high`, both included. */
export function ints(shape: readonly number[], low: number, high: number, dtype: DType = "i32"): SampleInput {
  return { dtype, shape, range: [low, high] };
}

export function bools(shape: readonly number[]): SampleInput {
  return { dtype: "bool", shape };
}

export function sample(inputs: readonly SampleInput[], attrs: Attrs = {}): Sample {
  return { inputs, attrs };
}
