import type { StateHandle, StateLayout, StateSlot } from "../../compiler/core/program.ts";
import { physicalBytes } from "../../compiler/core/kernel.ts";
import { expectBytes, toDeviceLayout, toHostLayout } from "../layout.ts";
import { download } from "./download.ts";
import type { GpuMemory } from "./memory.ts";
import { KERNEL_USAGE } from "./memory.ts";

/** The State of one Bundle on a GPU: its buffers by name. */
export class GpuState implements StateHandle {
  readonly #gpu: GPUDevice;
  readonly #memory: GpuMemory;
  readonly #slots: ReadonlyMap<string, StateSlot>;
  readonly #buffers: ReadonlyMap<string, GPUBuffer>;
  #onDestroy: (() => void) | undefined;

  private constructor(
    gpu: GPUDevice,
    memory: GpuMemory,
    layout: StateLayout,
    buffers: ReadonlyMap<string, GPUBuffer>,
    onDestroy: () => void,
  ) {
    this.#gpu = gpu;
    this.#memory = memory;
    this.#slots = new Map(layout.slots.map((s) => [s.name, s]));
    this.#buffers = buffers;
    this.#onDestroy = onDestroy;
  }

  /** Allocates the buffers, zeroed. Throws OutOfMemoryError. */
  static async create(
    gpu: GPUDevice,
    memory: GpuMemory,
    layout: StateLayout,
    onDestroy: () => void,
  ): Promise<GpuState> {
    const buffers = await memory.create(
      layout.buffers.map(({ name, bytes }) => ({ label: name, bytes, usage: KERNEL_USAGE })),
    );
    const byName = new Map(layout.buffers.map((b, i) => [b.name, buffers[i]]));
    return new GpuState(gpu, memory, layout, byName, onDestroy);
  }

  write(slot: string, data: Uint8Array): void {
    const { shape, dtype, buffer, offset } = this.#slot(slot);
    expectBytes(slot, data, shape, dtype);
    const bytes = toDeviceLayout(data, shape, dtype) as Uint8Array<ArrayBuffer>;
    this.#gpu.queue.writeBuffer(this.buffer(buffer), offset, bytes);
  }

  async read(slot: string): Promise<Uint8Array> {
    const { shape, dtype, buffer, offset } = this.#slot(slot);
    const bytes = physicalBytes(shape, dtype);
    return toHostLayout(
      await download(this.#gpu, this.#memory, this.buffer(buffer), offset, bytes),
      shape,
      dtype,
    );
  }

  /** The buffer of that name. Throws where the State has none: the Program belongs to another Bundle. */
  buffer(name: string): GPUBuffer {
    if (!this.#onDestroy) throw new Error("the State has been destroyed");
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new Error(`the State has no buffer "${name}"; the Program belongs to another Bundle`);
    return buffer;
  }

  destroy(): void {
    if (!this.#onDestroy) return;
    this.#onDestroy();
    this.#onDestroy = undefined;
    for (const buffer of this.#buffers.values()) this.#memory.release(buffer);
  }

  #slot(name: string): StateSlot {
    const slot = this.#slots.get(name);
    if (slot) return slot;
    throw new RangeError(`the State has no slot "${name}"; it has ${[...this.#slots.keys()].join(", ")}`);
  }
}
