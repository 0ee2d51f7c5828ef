import { rowLength } from "../../compiler/core/kernel.ts";
import type { Program, StateLayout, TensorView } from "../../compiler/core/program.ts";
import { decode, encode } from "../../compiler/core/round.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import type { Words } from "../../kernels/testing/evaluate_kernel.ts";
import { evaluateKernel, getCode, setCode } from "../../kernels/testing/evaluate_kernel.ts";

/** What a run leaves behind: results and state slots by name. */
export interface RunOutput {
  readonly results: ReadonlyMap<string, RefTensor>;
  readonly state: ReadonlyMap<string, RefTensor>;
}

/** Runs a Program one scalar at a time, on values as the oracle takes them. Temps start as NaN bits. */
export function runProgram(
  program: Program,
  layout: StateLayout,
  inputs: ReadonlyMap<string, RefTensor>,
  state: ReadonlyMap<string, RefTensor>,
): RunOutput {
  const buffers = program.buffers.map((b): Words =>
    new Uint32Array(Math.ceil(b.bytes / 4)).fill(b.role === "temp" || b.role === "result" ? 0x7fc1ffff : 0)
  );
  const words = (v: { buffer: number; offset: number; bytes: number }) =>
    buffers[v.buffer].subarray(v.offset / 4, (v.offset + v.bytes) / 4) as Words;
  const slots = layout.slots.flatMap((s): TensorView[] => {
    const buffer = program.buffers.findIndex((b) => b.role === "state" && b.name === s.buffer);
    return buffer < 0 ? [] : [{ ...s, view: { buffer, offset: s.offset, bytes: s.bytes } }];
  });
  for (const s of slots) write(words(s.view), s, state.get(s.name)?.data);
  for (const t of program.inputs) write(words(t.view), t, inputs.get(t.name)?.data);
  for (const { kernel: index, views } of program.dispatches) {
    const kernel = program.kernels[index];
    checkAccess(program, index, views);
    const before = views.map((v) => words(v).slice() as Words);
    const after = evaluateKernel(kernel, before);
    kernel.bindings.forEach((b, i) => {
      if (b.access !== "read" && after[i].some((w, k) => w !== before[i][k])) words(views[i]).set(after[i]);
    });
  }
  return {
    results: new Map(program.results.map((t) => [t.name, read(words(t.view), t)])),
    state: new Map(slots.map((t) => [t.name, read(words(t.view), t)])),
  };
}

/** WebGPU's rules for one dispatch: no buffer both read and written by way of different bindings, no ranges that meet. */
function checkAccess(
  program: Program,
  kernel: number,
  views: readonly { buffer: number; offset: number; bytes: number }[],
) {
  const { name, bindings } = program.kernels[kernel];
  views.forEach((v, i) =>
    views.forEach((w, j) => {
      if (i >= j || v.buffer !== w.buffer) return;
      const readOnly = [i, j].filter((k) => bindings[k].access === "read").length;
      if (readOnly === 1) throw new Error(`${name} binds ${bindings[i].name} both to read and to write`);
      const meet = v.offset < w.offset + w.bytes && w.offset < v.offset + v.bytes;
      if (readOnly === 0 && meet) {
        throw new Error(`${name}: ${bindings[i].name} and ${bindings[j].name} overlap`);
      }
    })
  );
}

type Laid = Pick<TensorView, "dtype" | "shape">;

function write(words: Words, { dtype, shape }: Laid, data: ArrayLike<number> | undefined) {
  if (!data) return;
  each(shape, dtype, (i, at) => setCode(words, dtype, at, encode(data[i], dtype)));
}

function read(words: Words, { dtype, shape }: Laid): RefTensor {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  each(shape, dtype, (i, at) => data[i] = decode(getCode(words, dtype, at), dtype));
  return { dtype, shape, data };
}

/** Calls `visit` with each element's row-major position and its place in the padded layout. */
function each(shape: readonly number[], dtype: Laid["dtype"], visit: (i: number, at: number) => void) {
  const extent = shape.at(-1) ?? 1, row = rowLength(shape, dtype);
  const size = shape.reduce((a, b) => a * b, 1);
  for (let i = 0; i < size; i++) visit(i, Math.floor(i / extent) * row + i % extent);
}
