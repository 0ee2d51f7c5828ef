/**
 * Reads what PyTorch computed, from `tests/fixtures/`. The scripts that made it are in `tests/fixtures/make/`, and say
 * what the files hold.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import type { DType } from "../../compiler/core/dtype.ts";
import {
  decodeSafetensors,
  numbersOf,
  type SafetensorsFile,
  type StoredTensor,
} from "../../runtime/io/safetensors.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** A tensor's type in the index. */
export interface FixtureType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One function, loss or layer, called in one way. */
export interface OpCase {
  /** Unique; `.bf16` at the end where PyTorch computed in bf16 throughout. */
  readonly id: string;
  readonly kind: "elementwise" | "reduction" | "shape" | "matrix" | "spatial" | "loss" | "layer";
  /** The library's name; `operator.…` for operators and slices. */
  readonly fn: string;
  /** An expression over the inputs; for a layer, what follows `layer l =`. */
  readonly call: string;
  /** In the order of the call; those called `weight:PATH` are a layer's weights. */
  readonly inputs: Readonly<Record<string, FixtureType>>;
  readonly outputs: readonly FixtureType[];
  /** The inputs that have gradients. */
  readonly grads: readonly string[];
  readonly file: string;
  /** A layer's buffers, whose new values are its last outputs. */
  readonly buffers?: readonly string[];
  /** True where the script spells the formula out, since that PyTorch has no such function. */
  readonly handwritten?: true;
}

/** The tensors of a case. */
export interface OpTensors {
  readonly inputs: ReadonlyMap<string, StoredTensor>;
  readonly outputs: readonly StoredTensor[];
  /** What the backward pass starts from, for each output; absent for those without a gradient. */
  readonly cotangents: readonly (StoredTensor | undefined)[];
  readonly grads: ReadonlyMap<string, StoredTensor>;
}

/** All cases, in the order in which they were made. */
export function opCases(): OpCase[] {
  return JSON.parse(readFileSync(new URL("ops/index.json", FIXTURES), "utf8"));
}

/** The tensors of one case. */
export function opTensors({ id, file, inputs, outputs, grads }: OpCase): OpTensors {
  const { tensors } = readFixture(`ops/${file}`);
  const named = (prefix: string, names: readonly string[]) =>
    new Map(names.map((name) => [name, need(tensors, `${id}/${prefix}.${name}`)]));
  return {
    inputs: named("in", Object.keys(inputs)),
    outputs: outputs.map((_, i) => need(tensors, `${id}/out.${i}`)),
    cotangents: outputs.map((_, i) => tensors.get(`${id}/cotangent.${i}`)),
    grads: named("grad", grads),
  };
}

/** One training run; weights under PyTorch's names (`fc1.weight`). */
export interface Trajectory {
  readonly name: string;
  /** The fields of a train block that say the same. */
  readonly program: string;
  readonly init: ReadonlyMap<string, StoredTensor>;
  /** `f32[steps, 8, 13]` and `i32[steps, 8]`. */
  readonly batches: { readonly x: StoredTensor; readonly label: StoredTensor };
  /** Of each update. */
  readonly lr: Float64Array;
  /** Of each step, from the runs in f32 and in f64. */
  readonly loss: Float64Array;
  readonly loss64: Float64Array;
  readonly final: ReadonlyMap<string, StoredTensor>;
  readonly final64: ReadonlyMap<string, StoredTensor>;
  /** Empty unless the run keeps averages. */
  readonly ema: ReadonlyMap<string, StoredTensor>;
  /** Of each update, before clipping; absent unless the run clips by norm. */
  readonly gradNorm?: Float64Array;
}

/** The names of all training runs. */
export function trajectoryNames(): string[] {
  const files = readdirSync(new URL("trajectories/", FIXTURES));
  return files.filter((file) => file.endsWith(".safetensors")).map((file) => file.replace(/\.\w+$/, ""))
    .sort();
}

/** One training run by its name. */
export function trajectory(name: string): Trajectory {
  const { tensors, metadata } = readFixture(`trajectories/${name}.safetensors`);
  const under = (prefix: string) =>
    new Map(
      [...tensors].filter(([key]) => key.startsWith(prefix)).map(([key, t]) => [key.slice(prefix.length), t]),
    );
  const gradNorm = tensors.get("grad_norm");
  return {
    name,
    program: metadata.get("program")!,
    init: under("init."),
    batches: { x: need(tensors, "batch.x"), label: need(tensors, "batch.label") },
    lr: numbersOf(need(tensors, "lr")),
    loss: numbersOf(need(tensors, "loss")),
    loss64: numbersOf(need(tensors, "loss64")),
    final: under("final."),
    final64: under("final64."),
    ema: under("ema."),
    gradNorm: gradNorm && numbersOf(gradNorm),
  };
}

const cache = new Map<string, SafetensorsFile>();

/** A file under `tests/fixtures/`, read once. */
export function readFixture(path: string): SafetensorsFile {
  let file = cache.get(path);
  if (!file) cache.set(path, file = decodeSafetensors(readFileSync(new URL(path, FIXTURES))));
  return file;
}

function need(tensors: ReadonlyMap<string, StoredTensor>, name: string): StoredTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the fixtures have no tensor ${name}: make them again`);
  return tensor;
}
