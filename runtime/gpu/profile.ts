import type { DispatchTime, Span } from "../profile.ts";
import { summarize } from "../profile.ts";
import type { GpuProgram } from "./program.ts";
import { MapMode, Usage } from "./usage.ts";

/** Dispatches whose two timestamps fit one query set: WebGPU allows 4096 queries. */
const PER_SET = 2048;

/**
 * Times every dispatch of a Program on the GPU, each in a pass of its own. The runs are real: they change the State as
 * `run` does. Passes of their own cost time between dispatches, so the sum is more than a run takes.
 * With `repeats` a dispatch is made so many times over and its time is their mean, which leaves out how a device starts
 * and ends a pass: for Programs that may be run so, as those without State.
 * Throws an Error where the device has no timestamps.
 */
export async function profile(
  gpu: GPUDevice,
  prepared: GpuProgram,
  inputs: Readonly<Record<string, Uint8Array>>,
  runs = 10,
  repeats = 1,
): Promise<DispatchTime[]> {
  if (!gpu.features.has("timestamp-query")) {
    throw new Error("this device has no timestamps (timestamp-query)");
  }
  const { program, launches } = prepared;
  const count = launches.length;
  const sets: GPUQuerySet[] = [];
  for (let from = 0; from < count; from += PER_SET) {
    sets.push(gpu.createQuerySet({ type: "timestamp", count: 2 * Math.min(PER_SET, count - from) }));
  }
  const bytes = 16 * PER_SET * sets.length;
  const resolved = gpu.createBuffer({ size: bytes, usage: Usage.QUERY_RESOLVE | Usage.COPY_SRC });
  const readback = gpu.createBuffer({ size: bytes, usage: Usage.MAP_READ | Usage.COPY_DST });
  const samples: Span[][] = [];
  try {
    for (let run = 0; run < runs; run++) {
      prepared.upload(inputs);
      const encoder = gpu.createCommandEncoder({ label: "profile" });
      launches.forEach(({ pipeline, group, workgroups: [x, y, z] }, i) => {
        const at = 2 * (i % PER_SET);
        const pass = encoder.beginComputePass({
          timestampWrites: {
            querySet: sets[Math.floor(i / PER_SET)],
            beginningOfPassWriteIndex: at,
            endOfPassWriteIndex: at + 1,
          },
        });
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        for (let r = 0; r < repeats; r++) pass.dispatchWorkgroups(x, y, z);
        pass.end();
      });
      sets.forEach((set, i) => encoder.resolveQuerySet(set, 0, set.count, resolved, 16 * PER_SET * i));
      encoder.copyBufferToBuffer(resolved, 0, readback, 0, bytes);
      gpu.queue.submit([encoder.finish()]);
      await readback.mapAsync(MapMode.READ);
      const times = new BigUint64Array(readback.getMappedRange().slice(0));
      readback.unmap();
      // Nanoseconds.
      const at = (k: number) => Number(times[k] - times[0]) / 1000;
      samples.push(launches.map((_, i) => {
        const start = at(2 * i);
        return { start, end: start + (at(2 * i + 1) - start) / repeats };
      }));
    }
  } finally {
    for (const set of sets) set.destroy();
    resolved.destroy();
    readback.destroy();
  }
  return summarize(program, samples);
}
