/** Opens the device that MPT_DEVICE names, runs a few steps, and ends without closing anything. */
import { openDevice } from "../../../runtime/device.ts";
import { GpuExecutor } from "../../../runtime/gpu/executor.ts";
import { accumulate, LAYOUT } from "../programs.ts";

const device = await openDevice();
if (device.kind !== "gpu") throw new Error(`opened ${device.name}`);
const executor = new GpuExecutor(device);
const state = await executor.createState(LAYOUT);
const step = await executor.prepare(accumulate(), state);
const rows = Array.from({ length: 100 }, (_, i) => step.run({ x: new Uint8Array(12).fill(i) }));
const { loss, runs } = (await Promise.all(rows)).at(-1)!;
const echo = await step.read("echo");
// One more is left in flight.
step.run({ x: new Uint8Array(12) });
console.log(JSON.stringify({ loss, runs, echo: [...echo] }));
