import type { GpuCounters } from "../../runtime/gpu/counter.ts";
import { countCalls } from "../../runtime/gpu/counter.ts";
import { readEnv } from "../../runtime/environment.ts";
import { dawnInstance } from "../../runtime/providers/dawn.ts";

/** What a rival's device was asked to do; there once it has asked for one. */
export interface Offered {
  counters?: GpuCounters;
  /** The adapter's own words. */
  device: string;
}

/**
 * Gives libraries that look for `navigator.gpu` the Dawn that mpt uses: the same library, toggles and throttle of its
 * polling, and the same counters around its device. With MPT_DEVICE=deno they get Deno's own WebGPU instead.
 */
export async function offerGpu(): Promise<Offered> {
  const offered: Offered = { device: "" };
  const native = readEnv("MPT_DEVICE") === "deno";
  const dawn = native ? undefined : await dawnInstance();
  if (!native) {
    const { globals } = await import("webgpu");
    for (const [name, value] of Object.entries(globals)) define(globalThis, name, value);
  }
  const gpu = dawn?.api ?? navigator.gpu;
  const wait = <T>(promise: Promise<T>) => dawn ? dawn.throttle.wait(promise) : promise;
  const requestAdapter = async (): Promise<GPUAdapter | null> => {
    const adapter = await wait(gpu.requestAdapter({ powerPreference: "high-performance" }));
    if (!adapter) return null;
    const { description, vendor, architecture } = adapter.info;
    offered.device = description || `${vendor} ${architecture}`;
    const requestDevice = adapter.requestDevice.bind(adapter);
    define(adapter, "requestDevice", async (descriptor?: GPUDeviceDescriptor) => {
      const device = await wait(requestDevice(descriptor));
      offered.counters = countCalls({ gpu: device, wait });
      return device;
    });
    return adapter;
  };
  const getPreferredCanvasFormat = () => "bgra8unorm";
  define(navigator, "gpu", { requestAdapter, getPreferredCanvasFormat, wgslLanguageFeatures: new Set() });
  return offered;
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { configurable: true, writable: true, value });
}

/** The versions that vendor.sh has bundled. */
export function versionOf(library: "tfjs" | "jax-js"): string {
  const path = new URL("vendor/versions.json", import.meta.url);
  return JSON.parse(Deno.readTextFileSync(path))[library];
}
