import { hostRuntime } from "../environment.ts";
import type { DeviceHandle, Probe, Provider, ProviderName } from "./provider.ts";
import { reportOf, requestDevice } from "./provider.ts";

/** `navigator.gpu`: Deno's own WebGPU, or a browser's. */
export function nativeProvider(): Provider {
  const name: ProviderName = hostRuntime === "deno" ? "deno" : "browser";
  let adapter: GPUAdapter | null = null;

  async function probe(): Promise<Probe> {
    const gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
    if (!gpu) {
      const reason = hostRuntime === "browser"
        ? "this browser has no navigator.gpu; WebGPU needs a secure page (https or localhost) and a current browser"
        : `${hostRuntime} has no WebGPU of its own`;
      return { ok: false, reason };
    }
    try {
      adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    } catch (error) {
      return { ok: false, reason: `navigator.gpu failed: ${message(error)}` };
    }
    if (!adapter) return { ok: false, reason: "navigator.gpu found no adapter" };
    return { ok: true, adapter: reportOf(adapter, name) };
  }

  async function open(): Promise<DeviceHandle> {
    if (!adapter) {
      const probed = await probe();
      if (!probed.ok) throw new Error(probed.reason);
    }
    const own = adapter!;
    // An adapter gives one device; the next open asks for another.
    adapter = null;
    const report = reportOf(own, name);
    const gpu = await requestDevice(own, report);
    return {
      provider: name,
      adapter: report,
      gpu,
      wait: (promise) => promise,
      // Deno can hang in destroy() (denoland/deno#24798): there, dropping the last reference releases the device.
      close: () => name === "browser" && gpu.destroy(),
    };
  }

  return { name, probe, open };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
