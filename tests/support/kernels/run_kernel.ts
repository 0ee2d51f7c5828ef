import { byteSize, type DType } from "../../../compiler/core/dtype.ts";
import { type Kernel, physicalBytes, rowLength } from "../../../compiler/core/kernel.ts";
import type { BufferDecl, Program, StateLayout, TensorView, View } from "../../../compiler/core/program.ts";
import { decode, encode } from "../../../compiler/core/round.ts";
import { assertEquals } from "../../assert.ts";
import { createCpuExecutor } from "../../../runtime/cpu/executor.ts";
import type { Result } from "./naive.ts";

/** Values as unpadded bytes. */
export function toBytes(values: readonly number[], dtype: DType): Uint8Array {
  const size = byteSize(dtype);
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  values.forEach((v, i) => {
    const code = encode(v, dtype);
    if (size === 1) view.setUint8(i, code);
    else if (size === 2) view.setUint16(2 * i, code, true);
    else view.setUint32(4 * i, code, true);
  });
  return bytes;
}

export function fromBytes(bytes: Uint8Array, dtype: DType): number[] {
  const size = byteSize(dtype);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / size }, (_, i) => {
    if (size === 1) return decode(view.getUint8(i), dtype);
    return decode(size === 2 ? view.getUint16(2 * i, true) : view.getUint32(4 * i, true), dtype);
  });
}

/**
 * Runs one kernel on the CPU executor, each binding in a state buffer of its own at an offset; what it only writes is
 * filled with 0xff before. Checks that padding was written as zeros.
 */
export async function runKernel(
  kernel: Kernel,
  tensors: readonly (readonly number[])[],
  precision: "f32" | "f64" = "f32",
): Promise<Result> {
  const offset = 256;
  const views: View[] = [];
  const buffers: BufferDecl[] = [];
  const raw: TensorView[] = [];
  const slots: StateLayout["slots"][number][] = [];
  kernel.bindings.forEach(({ shape, dtype }, i) => {
    const bytes = physicalBytes(shape, dtype);
    const view = { buffer: i, offset, bytes };
    views.push(view);
    buffers.push({ name: `b${i}`, bytes: offset + bytes, role: "state" });
    slots.push({ name: `b${i}`, dtype, shape, buffer: `b${i}`, offset, bytes });
    slots.push({ name: `raw${i}`, dtype: "u8", shape: [bytes], buffer: `b${i}`, offset, bytes });
    raw.push({ name: `raw${i}`, dtype: "u8", shape: [bytes], view });
  });
  const program: Program = {
    entry: "step",
    dims: {},
    buffers,
    kernels: [kernel],
    dispatches: [{ kernel: 0, views }],
    inputs: [],
    results: raw,
  };
  const executor = createCpuExecutor({ precision });
  const state = await executor.createState({ buffers, slots });
  const prepared = await executor.prepare(program, state);
  const outputs = new Map<number, number[]>();
  // Twice: a second run must not see what the first one left in registers.
  for (let turn = 0; turn < 2; turn++) {
    for (const [i, { access, shape, dtype }] of kernel.bindings.entries()) {
      const bytes = physicalBytes(shape, dtype);
      if (access === "write") state.write(`raw${i}`, new Uint8Array(bytes).fill(0xff));
      else state.write(`b${i}`, toBytes(i === kernel.flag ? [0] : tensors[i], dtype));
    }
    await prepared.run({});
  }
  for (const [i, { access, shape, dtype }] of kernel.bindings.entries()) {
    if (access === "read" || i === kernel.flag) continue;
    outputs.set(i, fromBytes(await state.read(`b${i}`), dtype));
    const all = fromBytes(await prepared.read(`raw${i}`), "u8");
    const length = rowLength(shape, dtype) * byteSize(dtype);
    const used = (shape.at(-1) ?? 1) * byteSize(dtype);
    const padding = all.filter((_, at) => at % length >= used);
    assertEquals(padding, padding.map(() => 0), `padding of ${kernel.bindings[i].name}`);
  }
  const flag = kernel.flag === undefined ? [0] : fromBytes(await state.read(`b${kernel.flag}`), "u32");
  executor.destroy();
  return { outputs, overflow: flag[0] !== 0 };
}
