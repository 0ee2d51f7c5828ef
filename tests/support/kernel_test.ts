/**
 * Tests of single kernels on the WebGPU device that this process is for.
 *
 * @module
 */
import {
  type Target,
  TARGET_H100_DAWN,
  TARGET_LAVAPIPE,
  TARGET_SWIFTSHADER,
} from "../../compiler/core/target.ts";
import { testDevice } from "./devices.ts";
import { openTestGpu, type TestGpu } from "./gpu.ts";

export interface KernelTest {
  readonly device: GPUDevice;
  readonly target: Target;
}

const device = testDevice();

/** The targets that the device can stand for: what has native f16 runs packed f16 too. */
function targets(): Target[] {
  switch (device.name) {
    case "lavapipe":
      return [TARGET_LAVAPIPE, { ...TARGET_LAVAPIPE, name: "lavapipe-packed", f16: false }];
    case "swiftshader":
      return [TARGET_SWIFTSHADER];
    case "hardware":
      return [TARGET_H100_DAWN];
    default:
      return [];
  }
}

let gpu: Promise<TestGpu> | undefined;

/**
 * Declares a test for each target of the device; it is ignored in a process for the CPU.
 *
 * @param suits whether a target is one to test on; the test is ignored for others
 */
export function kernelTest(
  name: string,
  fn: (test: KernelTest) => Promise<void>,
  suits: (target: Target) => boolean = () => true,
): void {
  if (device.api === "none") {
    Deno.test({ name: `${name} (needs MPT_TEST_DEVICE)`, ignore: true, fn() {} });
    return;
  }
  for (const target of targets()) {
    Deno.test({
      name: `${target.name}: ${name}`,
      ignore: !suits(target),
      // The device is opened once for the process.
      sanitizeResources: false,
      sanitizeOps: false,
      async fn() {
        const { device } = await (gpu ??= openTestGpu());
        await fn({ device, target });
      },
    });
  }
}
