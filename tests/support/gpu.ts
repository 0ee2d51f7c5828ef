/**
 * Opens the WebGPU device that this test process is for, with nothing of the runtime in between. Tests of the runtime
 * go through its own providers; this is for tests of kernels and of WebGPU itself.
 *
 * @module
 */
import { type TestDevice, testDevice } from "./devices.ts";

/** An open device. */
export interface TestGpu {
  readonly adapter: GPUAdapter;
  readonly device: GPUDevice;
  /** Destroys the device. */
  close(): void;
}

/** Dawn hides f16 on NVIDIA and subgroup matrices everywhere unless asked. */
const DAWN_OPTIONS = ["enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis"];

// Dawn's instance must stay reachable as long as anything made from it.
let dawn: GPU | undefined;

/** `navigator.gpu` of the API by which `target` is reached; undefined where there is none. */
export async function gpuOf(target: TestDevice = testDevice()): Promise<GPU | undefined> {
  if (target.api === "deno") return navigator.gpu;
  if (target.api === "none") return undefined;
  if (!dawn) {
    const webgpu = await import("webgpu");
    Object.assign(globalThis, webgpu.globals);
    dawn = webgpu.create(DAWN_OPTIONS);
  }
  return dawn;
}

/**
 * Opens the device with all features and limits of its adapter.
 * @throws Error if there is no such adapter here, or it is not the one that `target` names
 */
export async function openTestGpu(target: TestDevice = testDevice()): Promise<TestGpu> {
  const adapter = await (await gpuOf(target))?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error(`no WebGPU adapter for ${target.name}`);
  const name = describeAdapter(adapter);
  const software = /llvmpipe/i.test(name)
    ? "lavapipe"
    : /swiftshader/i.test(name)
    ? "swiftshader"
    : "hardware";
  if (software !== target.name) throw new Error(`asked for ${target.name}, found ${name}`);
  const device = await adapter.requestDevice({
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
    requiredLimits: limitsOf(adapter.limits),
  });
  return { adapter, device, close: () => device.destroy() };
}

/** What the adapter calls itself, in one line. */
export function describeAdapter({ info }: GPUAdapter): string {
  return [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" ");
}

function limitsOf(limits: GPUSupportedLimits): Record<string, number> {
  const all: Record<string, number> = {};
  // The limits are accessors of the prototype, in Dawn and in Deno.
  for (const name in limits) {
    const value = limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number" && value > 0) all[name] = value;
  }
  return all;
}
