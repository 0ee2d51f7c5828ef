/**
 * The devices that tests run on. A Vulkan driver is chosen by the environment a process starts with, so there is one
 * test process for each device: `tools/run_tests.ts` starts it with {@linkcode deviceEnv}, and inside it
 * {@linkcode testDevice} says which device it is for. A process started by hand (`deno test`) is for the CPU.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

/** How WebGPU is reached: Deno's own `navigator.gpu`, npm `webgpu` (Dawn), or not at all. */
export type GpuApi = "none" | "deno" | "dawn";

/** A device that a test process can be for. */
export interface TestDevice {
  readonly name: "cpu" | "lavapipe" | "swiftshader" | "hardware";
  readonly api: GpuApi;
  /** The Vulkan driver manifests it may be found by, the first that exists; none: the system's own choice. */
  readonly drivers: readonly string[];
  /** What to install where it is missing. */
  readonly install: string;
}

/** All of them, in the order in which they are tested. */
export const TEST_DEVICES: readonly TestDevice[] = [
  { name: "cpu", api: "none", drivers: [], install: "" },
  {
    // Native f16, no subgroups. Dawn refuses it (missing uniform-array dynamic indexing), so: Deno's own WebGPU.
    name: "lavapipe",
    api: "deno",
    drivers: ["x86_64.json", "aarch64.json", "json"].map((end) => `/usr/share/vulkan/icd.d/lvp_icd.${end}`),
    install: "apt-get install mesa-vulkan-drivers libvulkan1",
  },
  {
    // No f16 (so packed f16 is tested here), subgroups of 4, at most 256 invocations a workgroup.
    name: "swiftshader",
    api: "dawn",
    drivers: ["/usr/lib/chromium", "/opt/google/chrome"].map((dir) => `${dir}/vk_swiftshader_icd.json`),
    install: "apt-get install chromium libvulkan1",
  },
  { name: "hardware", api: "dawn", drivers: [], install: "a GPU with a Vulkan, Metal or D3D12 driver" },
];

/** The WebGPU devices among {@linkcode TEST_DEVICES}. */
export function gpuDevices(): readonly TestDevice[] {
  return TEST_DEVICES.filter((device) => device.api !== "none");
}

/**
 * The device this process is for: `MPT_TEST_DEVICE`, or the CPU.
 * @throws Error if the variable names none of them
 */
export function testDevice(): TestDevice {
  return deviceNamed(process.env.MPT_TEST_DEVICE || "cpu");
}

/** The device of that name. @throws Error if there is none */
export function deviceNamed(name: string): TestDevice {
  const found = TEST_DEVICES.find((device) => device.name === name);
  if (found) return found;
  throw new Error(
    `no test device '${name}'; there are: ${TEST_DEVICES.map((device) => device.name).join(", ")}`,
  );
}

/** The names in `MPT_REQUIRE`: devices (and programs) whose absence is a failure rather than a skip. */
export function requiredNames(): ReadonlySet<string> {
  return new Set((process.env.MPT_REQUIRE ?? "").split(",").map((name) => name.trim()).filter(Boolean));
}

/**
 * For `ignore:` of a test that needs a program (`bun`, `chromium`): true if it is absent and may be.
 * @throws Error if it is absent and `MPT_REQUIRE` names it
 */
export function skipWithout(name: string, present: boolean): boolean {
  if (!present && requiredNames().has(name)) throw new Error(`${name} is missing, and MPT_REQUIRE names it`);
  return !present;
}

/** The environment, beside what is inherited, that a process for `device` starts with. */
export function deviceEnv(device: TestDevice): Record<string, string> {
  const env: Record<string, string> = {
    MPT_TEST_DEVICE: device.name,
    // The Vulkan loader prints an error to stderr where this is unset.
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR || tmpdir(),
  };
  // What a test opens without naming a device is the executor its process is for.
  if (device.api === "none") env.MPT_DEVICE = "cpu";
  const driver = device.drivers.find((path) => existsSync(path));
  // The loader reads the second name first; the first is for loaders that do not know the second.
  if (driver) env.VK_ICD_FILENAMES = env.VK_DRIVER_FILES = driver;
  return env;
}

/** Whether a device can be used here: what it calls itself, or why not. */
export type Probe = { available: true; adapter: string } | { available: false; reason: string };

/** Finds out by opening the device in a process of its own and running a kernel on it. */
export async function probeDevice(device: TestDevice): Promise<Probe> {
  if (device.api === "none") return { available: true, adapter: "this machine's processor" };
  if (device.drivers.length > 0 && !device.drivers.some((path) => existsSync(path))) {
    return { available: false, reason: `no driver at ${device.drivers[0]}; ${device.install}` };
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fileURLToPath(new URL("./probe.ts", import.meta.url))],
    env: deviceEnv(device),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  });
  const { success, signal, stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(success ? stdout : stderr).trim();
  if (success) return { available: true, adapter: said };
  return {
    available: false,
    reason: signal ? `the probe ended by ${signal}` : said.split("\n").at(-1) || "no adapter",
  };
}
