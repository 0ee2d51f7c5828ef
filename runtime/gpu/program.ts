import type { PreparedProgram, Program, Row, TensorView } from "../../compiler/core/program.ts";
import { byteSize } from "../../compiler/core/dtype.ts";
import { physicalBytes } from "../../compiler/core/kernel.ts";
import { decode } from "../../compiler/core/round.ts";
import { expectBytes, hostBytes, toDeviceLayout, toHostLayout } from "../layout.ts";
import { download } from "./download.ts";
import type { GpuMemory } from "./memory.ts";
import type { CompiledKernel } from "./pipeline.ts";
import { RowRing } from "./rows.ts";

/** The most runs in flight, and the bytes of inputs that may be queued with them. */
const DEPTH = 128;
const QUEUED_INPUT_BYTES = 64 * 2 ** 20;

/** One dispatch, ready to be encoded. */
export interface Launch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** A range of a buffer that is copied into each run's row. */
interface RowPart {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  readonly at: number;
}

/** A Program with its pipelines, bind groups and buffers: a run is one encoder, one pass, one submit. */
export class GpuProgram implements PreparedProgram {
  readonly program: Program;
  /** One for each of `program.dispatches`; for the profiler. */
  readonly launches: readonly Launch[];
  /** Rejects later runs and tells why; set by the executor when the device reports an error. */
  #failure: Error | undefined;
  readonly #gpu: GPUDevice;
  readonly #memory: GpuMemory;
  readonly #buffers: readonly GPUBuffer[];
  readonly #parts: readonly RowPart[];
  readonly #scalars: readonly { readonly tensor: TensorView; readonly at: number }[];
  readonly #rows: RowRing;
  readonly #inputs: ReadonlyMap<string, TensorView>;
  #onDestroy: (() => void) | undefined;

  /**
   * @param buffers one for each of `program.buffers`
   * @param kernels one for each of `program.kernels`
   * @param onDestroy gives the buffers back to where they came from
   */
  constructor(
    gpu: GPUDevice,
    memory: GpuMemory,
    program: Program,
    buffers: readonly GPUBuffer[],
    kernels: readonly CompiledKernel[],
    onDestroy: () => void,
  ) {
    this.program = program;
    this.#gpu = gpu;
    this.#memory = memory;
    this.#buffers = buffers;
    this.#onDestroy = onDestroy;
    this.launches = launchesOf(gpu, program, buffers, kernels);
    this.#inputs = new Map(program.inputs.map((t) => [t.name, t]));
    const { parts, scalars, bytes } = rowLayout(program, buffers);
    this.#parts = parts;
    this.#scalars = scalars;
    const inputBytes = program.inputs.reduce((n, t) => n + hostBytes(t.shape, t.dtype), 0);
    const depth = Math.min(DEPTH, Math.max(2, Math.floor(QUEUED_INPUT_BYTES / Math.max(1, inputBytes))));
    this.#rows = new RowRing(memory, bytes, depth);
  }

  run(inputs: Readonly<Record<string, Uint8Array>>): Promise<Row> {
    try {
      this.#check();
      this.upload(inputs);
      const row = this.#submit().then((view) => this.#decode(view));
      // A caller that queues many runs may look at none of them; the failure shows at `ready`, `read` or the next run.
      row.catch(() => {});
      return row;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  ready(): Promise<void> {
    return this.#rows.ready();
  }

  async read(result: string): Promise<Uint8Array> {
    this.#check();
    const tensor = this.program.results.find((t) => t.name === result);
    if (!tensor) {
      const known = this.program.results.map((t) => t.name).join(", ");
      throw new RangeError(`${this.program.entry} has no result "${result}"; it has ${known || "none"}`);
    }
    const { shape, dtype, view } = tensor;
    const bytes = physicalBytes(shape, dtype);
    const data = await download(this.#gpu, this.#memory, this.#buffers[view.buffer], view.offset, bytes);
    return toHostLayout(data, shape, dtype);
  }

  /** Rejects what is in flight and every later run. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#rows.fail(error);
  }

  destroy(): void {
    if (!this.#onDestroy) return;
    this.#rows.release();
    this.#onDestroy();
    this.#onDestroy = undefined;
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (!this.#onDestroy) throw new Error(`the Program for ${this.program.entry} has been destroyed`);
  }

  /** Queues the writes of a run's inputs. Throws a RangeError for one that is missing or of the wrong length. */
  upload(inputs: Readonly<Record<string, Uint8Array>>): void {
    for (const [name, { shape, dtype, view }] of this.#inputs) {
      const data = inputs[name];
      if (!data) {
        const given = Object.keys(inputs).join(", ");
        throw new RangeError(
          `${this.program.entry} needs the input "${name}"; it was given ${given || "none"}`,
        );
      }
      expectBytes(name, data, shape, dtype);
      // writeBuffer copies at once and is ordered with the submits: the implementation's own ring of staging memory.
      const bytes = toDeviceLayout(data, shape, dtype) as Uint8Array<ArrayBuffer>;
      this.#gpu.queue.writeBuffer(this.#buffers[view.buffer], view.offset, bytes);
    }
  }

  #submit(): Promise<DataView> {
    const encoder = this.#gpu.createCommandEncoder({ label: this.program.entry });
    const pass = encoder.beginComputePass();
    encodeLaunches(pass, this.launches);
    pass.end();
    const row = this.#rows.reserve();
    for (const { buffer, offset, bytes, at } of this.#parts) {
      encoder.copyBufferToBuffer(buffer, offset, row.buffer, row.offset + at, bytes);
    }
    this.#gpu.queue.submit([encoder.finish()]);
    this.#rows.submitted();
    return row.bytes;
  }

  #decode(view: DataView): Row {
    const row: Record<string, number> = {};
    for (const { tensor: { name, dtype }, at } of this.#scalars) {
      const size = byteSize(dtype);
      const bits = size === 4
        ? view.getUint32(at, true)
        : size === 2
        ? view.getUint16(at, true)
        : view.getUint8(at);
      row[name] = decode(bits, dtype);
    }
    return row;
  }
}

/** Encodes launches, one after another. */
export function encodeLaunches(pass: GPUComputePassEncoder, launches: readonly Launch[]): void {
  let current: GPUComputePipeline | undefined;
  for (const { pipeline, group, workgroups: [x, y, z] } of launches) {
    if (pipeline !== current) pass.setPipeline(current = pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, y, z);
  }
}

function launchesOf(
  gpu: GPUDevice,
  program: Program,
  buffers: readonly GPUBuffer[],
  kernels: readonly CompiledKernel[],
): Launch[] {
  return program.dispatches.map(({ kernel: index, views }) => {
    const kernel = program.kernels[index];
    const { pipeline, layout } = kernels[index];
    const group = gpu.createBindGroup({
      label: kernel.name,
      layout,
      entries: views.map((view, binding) => ({
        binding,
        resource: { buffer: buffers[view.buffer], offset: view.offset, size: view.bytes },
      })),
    });
    return { pipeline, group, workgroups: kernel.shader!.workgroups };
  });
}

/** Scalars closer than this in a buffer are copied together. */
const NEAR = 256;

/** Scalar results, gathered into one row. */
function rowLayout(program: Program, buffers: readonly GPUBuffer[]) {
  const parts: RowPart[] = [];
  const scalars: { tensor: TensorView; at: number }[] = [];
  let bytes = 0;
  const tensors = program.results.filter((t) => t.shape.length === 0)
    .sort((a, b) => a.view.buffer - b.view.buffer || a.view.offset - b.view.offset);
  let open: { buffer: GPUBuffer; offset: number; bytes: number; at: number } | undefined;
  for (const tensor of tensors) {
    const buffer = buffers[tensor.view.buffer];
    // Copies are of whole words.
    const word = Math.floor(tensor.view.offset / 4) * 4;
    if (!open || open.buffer !== buffer || word - (open.offset + open.bytes) > NEAR) {
      open = { buffer, offset: word, bytes: 0, at: bytes };
      parts.push(open);
    }
    open.bytes = word + 4 - open.offset;
    bytes = open.at + open.bytes;
    scalars.push({ tensor, at: open.at + tensor.view.offset - open.offset });
  }
  return { parts, scalars, bytes };
}
