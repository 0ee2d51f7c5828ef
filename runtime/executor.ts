import type { Executor } from "../compiler/core/program.ts";
import type { Device } from "./device.ts";

/** The executor of an opened device; the CPU's is loaded only where it is used. */
export async function executorOf(device: Device): Promise<Executor> {
  if (device.kind === "cpu") {
    const { createCpuExecutor } = await import("./cpu/executor.ts");
    return createCpuExecutor();
  }
  const { GpuExecutor } = await import("./gpu/executor.ts");
  return new GpuExecutor(device);
}
