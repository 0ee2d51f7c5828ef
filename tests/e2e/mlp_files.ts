/** The fixtures' network as a program, and their tensors as the files that `mpt step` takes. */
import type { HostTensor } from "../../compiler/core/program.ts";
import type { StoredTensor } from "../../runtime/io/safetensors.ts";
import { encodeSafetensors, numbersOf } from "../../runtime/io/safetensors.ts";
import type { Trajectory } from "../support/fixtures.ts";

export const program = (fields: string, precision = "f32"): string => `
model Mlp {
  precision ${precision}
  layer fc1 = Linear(13, 17)
  layer fc2 = Linear(17, 5)
  forward(x: float[N, 13]) -> f32[N, 5] { return x |> fc1 |> relu |> fc2 }
}
train Mlp {
  batch(x: f32[N, 13], label: i32[N])
  let logits = Mlp(x)
  loss = cross_entropy(logits, label)
  metric accuracy = mean(argmax(logits, axis: -1) == label)
  ${fields}
}
`;

export const f32 = (shape: readonly number[], data: ArrayLike<number>): HostTensor => ({
  dtype: "f32",
  shape,
  data: new Uint8Array(Float32Array.from(data).buffer),
});

export const i32 = (shape: readonly number[], data: ArrayLike<number>): HostTensor => ({
  dtype: "i32",
  shape,
  data: new Uint8Array(Int32Array.from(data).buffer),
});

/** A safetensors file. */
export const file = (tensors: Record<string, HostTensor>): Uint8Array =>
  encodeSafetensors(new Map(Object.entries(tensors)));

/** Weights by path. */
export const weightsFile = (weights: ReadonlyMap<string, StoredTensor>): Uint8Array =>
  encodeSafetensors(new Map([...weights].map(([path, w]) => [path, f32(w.shape, numbersOf(w))])));

/** The first `steps` batches: with a leading axis, or one without where it is undefined. */
export function batchesFile({ batches }: Trajectory, steps?: number): Uint8Array {
  const count = steps ?? 1, lead = steps === undefined ? [] : [steps];
  return file({
    x: f32([...lead, 8, 13], numbersOf(batches.x).subarray(0, count * 8 * 13)),
    label: i32([...lead, 8], numbersOf(batches.label).subarray(0, count * 8)),
  });
}
