import type { GpuMemory } from "./memory.ts";
import { MapMode, Usage } from "./usage.ts";

/** Reads a range of a buffer after everything queued before; offset and length are multiples of 4. */
export async function download(
  gpu: GPUDevice,
  memory: GpuMemory,
  source: GPUBuffer,
  offset: number,
  bytes: number,
): Promise<Uint8Array> {
  const staging = memory.lend(bytes, Usage.MAP_READ | Usage.COPY_DST);
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(source, offset, staging, 0, bytes);
  gpu.queue.submit([encoder.finish()]);
  try {
    await staging.mapAsync(MapMode.READ, 0, bytes);
    const copy = new Uint8Array(staging.getMappedRange(0, bytes).slice(0));
    staging.unmap();
    return copy;
  } finally {
    memory.release(staging);
  }
}
