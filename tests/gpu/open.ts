import type { GpuDevice } from "../../runtime/device.ts";
import { openDevice } from "../../runtime/device.ts";
import { testDevice } from "../support/devices.ts";

/** For `ignore:`: this process is for the CPU and has no GPU to test. */
export const noGpu: boolean = testDevice().api === "none";

/** The device of this test process through the runtime's own provider. Close it after use. */
export async function openTestDevice(): Promise<GpuDevice> {
  const { api, name } = testDevice();
  if (api === "none") throw new Error("this test process is for the CPU");
  const device = await openDevice({ device: api });
  if (device.kind !== "gpu") throw new Error(`asked for ${name}, found ${device.name}`);
  return device;
}
