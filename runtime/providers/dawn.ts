import { hostRuntime, isGranted, readEnv } from "../environment.ts";
import type { DeviceHandle, Probe, Provider } from "./provider.ts";
import { reportOf, requestDevice } from "./provider.ts";
import { PollThrottle } from "./throttle.ts";

export interface DawnOptions {
  /** Keeps bounds checks and the zeroing of workgroup memory, as every test run does. Default: false. */
  readonly validate?: boolean;
  /** More toggles to enable, by Dawn's names; `skip_validation` aborts the process where it hides a mistake. */
  readonly toggles?: readonly string[];
}

/** Without these Dawn hides f16 on NVIDIA, and matrix units everywhere. */
const NEEDED = ["vulkan_enable_f16_on_nvidia", "allow_unsafe_apis"];

/** Kernels index in range by construction, write workgroup memory before they read it, and guard divisors. */
const FAST = ["disable_robustness", "disable_workgroup_init", "disable_polyfills_on_integer_div_and_mod"];

/** Dawn from npm `webgpu`, under Deno, Bun and Node. */
export function dawnProvider(options: DawnOptions = {}): Provider {
  let adapter: GPUAdapter | null = null;
  let throttle: PollThrottle | undefined;

  async function probe(): Promise<Probe> {
    if (!isGranted("ffi")) {
      return { ok: false, reason: "Deno may not load Dawn's native library; grant it with --allow-ffi" };
    }
    try {
      const gpu = await dawnInstance(options);
      throttle = gpu.throttle;
      adapter = await throttle.wait(gpu.api.requestAdapter({ powerPreference: "high-performance" }));
    } catch (error) {
      return { ok: false, reason: whyNotLoaded(error) };
    }
    if (!adapter) return { ok: false, reason: "Dawn found no adapter it can use" };
    return { ok: true, adapter: reportOf(adapter, "dawn") };
  }

  async function open(): Promise<DeviceHandle> {
    if (!adapter) {
      const probed = await probe();
      if (!probed.ok) throw new Error(probed.reason);
    }
    const own = adapter!;
    const polls = throttle!;
    // An adapter gives one device; the next open asks for another.
    adapter = null;
    const report = reportOf(own, "dawn");
    const gpu = await polls.wait(requestDevice(own, report));
    return {
      provider: "dawn",
      adapter: report,
      gpu,
      wait: (promise) => polls.wait(promise),
      close: () => gpu.destroy(),
    };
  }

  return { name: "dawn", probe, open };
}

/** Dawn itself, and what must be waited through. */
export interface DawnInstance {
  readonly api: GPU;
  readonly throttle: PollThrottle;
}

/**
 * One Dawn instance for each set of toggles, kept for the life of the process: Bun collects a `create()` result that
 * only its devices still need, and the next poll is then a segmentation fault.
 */
const instances = new Map<string, Promise<DawnInstance>>();

export function dawnInstance(options: DawnOptions = {}): Promise<DawnInstance> {
  const enabled = [...NEEDED, ...(options.validate ? [] : FAST), ...(options.toggles ?? [])];
  const flags = [
    `enable-dawn-features=${enabled.join(",")}`,
    // Otherwise timestamps come in steps of 65 µs.
    "disable-dawn-features=timestamp_quantization",
  ];
  const key = flags.join(" ");
  let made = instances.get(key);
  if (!made) {
    made = import("webgpu").then(({ create }) => ({
      api: create(flags) as unknown as GPU,
      throttle: new PollThrottle(),
    }));
    instances.set(key, made);
  }
  return made;
}

function whyNotLoaded(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).split("\n")[0];
  if (/cannot find (module|package)|not found|not a dependency|ERR_MODULE_NOT_FOUND/i.test(text)) {
    const install = hostRuntime === "deno"
      ? "deno install"
      : hostRuntime === "bun"
      ? "bun install"
      : "npm install";
    return `the npm package webgpu (Dawn) is not installed; run ${install}`;
  }
  return `Dawn did not load: ${text}`;
}

/** Validation is asked for by MPT_VALIDATE, and by every run of the tests. */
export function validateByEnvironment(): boolean {
  return readEnv("MPT_VALIDATE") !== undefined || readEnv("MPT_TEST_DEVICE") !== undefined;
}
