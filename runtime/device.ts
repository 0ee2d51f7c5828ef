import { type Target, TARGET_CPU } from "../compiler/core/target.ts";
import { targetOf } from "./capabilities.ts";
import { hostRuntime, readEnv } from "./environment.ts";
import type { GpuCounters } from "./gpu/counter.ts";
import { countCalls, resetCounters } from "./gpu/counter.ts";
import { messageOf } from "./gpu/pipeline.ts";
import { nativeProvider } from "./providers/native.ts";
import type { AdapterReport, DeviceHandle, Provider, ProviderName } from "./providers/provider.ts";
import type { Check } from "./self_test/run.ts";
import { selfTest } from "./self_test/run.ts";

/** What a caller asks for. `deno` and `browser` both mean `navigator.gpu`. */
export type DeviceChoice = "auto" | "dawn" | "deno" | "browser" | "cpu";

const CHOICES: readonly DeviceChoice[] = ["auto", "dawn", "deno", "browser", "cpu"];

/** What became of one provider. */
export interface ProbeRecord {
  readonly provider: ProviderName | "cpu";
  readonly outcome: "chosen" | "passed over" | "unavailable" | "refused";
  /** One sentence without a full stop. */
  readonly reason: string;
  readonly adapter?: AdapterReport;
  /** Where the device was opened and tested. */
  readonly checks?: readonly Check[];
  readonly selfTestMilliseconds?: number;
}

interface DeviceBase {
  /** One line for people: "NVIDIA H100 80GB HBM3 (dawn)". */
  readonly name: string;
  readonly target: Target;
  /** Every provider and why it was taken or not, in order. */
  readonly probes: readonly ProbeRecord[];
  close(): void;
}

export interface CpuDevice extends DeviceBase {
  readonly kind: "cpu";
}

export interface GpuDevice extends DeviceBase {
  readonly kind: "gpu";
  readonly handle: DeviceHandle;
  /** What the device was asked to do since it was opened, the self-test left out. */
  readonly counters: GpuCounters;
  readonly checks: readonly Check[];
}

export type Device = CpuDevice | GpuDevice;

export interface DeviceOptions {
  /** Default: MPT_DEVICE, else "auto". */
  readonly device?: DeviceChoice;
  /** Keeps Dawn's bounds checks. Default: whether MPT_VALIDATE or MPT_TEST_DEVICE is set. */
  readonly validate?: boolean;
  /** More Dawn toggles to enable. */
  readonly toggles?: readonly string[];
}

/** No device of the asked kind can be used; the message says why and what to do. */
export class DeviceError extends Error {
  constructor(message: string, readonly probes: readonly ProbeRecord[]) {
    super(message);
    this.name = "DeviceError";
  }
}

/**
 * Opens the best device. `auto` takes Dawn on a hardware GPU, else `navigator.gpu` on one, else the CPU executor, which
 * gives the same bits on every machine. Software adapters are taken only when asked for by name; some (Mesa's) are
 * faster than the CPU executor.
 *
 * Throws DeviceError where a device was asked for by name and cannot be used; `auto` and `cpu` never throw.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const choice = options.device === undefined
    ? choiceOf(readEnv("MPT_DEVICE") ?? "auto", "MPT_DEVICE")
    : choiceOf(options.device, "device");
  const probes: ProbeRecord[] = [];
  if (choice !== "cpu") {
    const missing = choice === "auto" ? await missingGpu() : undefined;
    for (const provider of await providersFor(choice, options)) {
      if (missing) {
        probes.push({ provider: provider.name, outcome: "unavailable", reason: missing });
        continue;
      }
      const opened = await tryProvider(provider, choice === "auto");
      probes.push(opened.record);
      if (opened.device) return { ...opened.device, probes };
    }
    if (choice !== "auto") {
      const reason = probes.at(-1)?.reason ?? "Dawn does not run in a page";
      throw new DeviceError(`MPT cannot use ${choice}: ${reason}`, probes);
    }
  }
  probes.push({
    provider: "cpu",
    outcome: "chosen",
    reason: choice === "cpu" ? "asked for" : "no hardware GPU can be used; training is slower and as right",
  });
  return { kind: "cpu", name: "CPU", target: TARGET_CPU, probes, close: () => {} };
}

function choiceOf(asked: string, source: string): DeviceChoice {
  const choice = CHOICES.find((c) => c === asked);
  if (!choice) throw new DeviceError(`${source} is "${asked}"; it must be one of ${CHOICES.join(", ")}`, []);
  return choice;
}

/** Why it is no use to look for a GPU here, where that can be known without loading anything. */
async function missingGpu(): Promise<string | undefined> {
  if (hostRuntime === "browser") return undefined;
  const { missingHardware } = await import("./providers/linux.ts");
  return missingHardware();
}

/** The providers to try, in order. Dawn is loaded only where it can run. */
async function providersFor(choice: DeviceChoice, options: DeviceOptions): Promise<Provider[]> {
  const list: Provider[] = [];
  if (hostRuntime !== "browser" && (choice === "auto" || choice === "dawn")) {
    const { dawnProvider, validateByEnvironment } = await import("./providers/dawn.ts");
    list.push(
      dawnProvider({ validate: options.validate ?? validateByEnvironment(), toggles: options.toggles }),
    );
  }
  // Bun and Node have no WebGPU of their own: there it is tried only to say so.
  const native = hostRuntime === "deno" || hostRuntime === "browser" || choice === "deno" ||
    choice === "browser";
  if (native && choice !== "dawn") list.push(nativeProvider());
  return list;
}

type Opened = { readonly record: ProbeRecord; readonly device?: Omit<GpuDevice, "probes"> };

async function tryProvider(provider: Provider, hardwareOnly: boolean): Promise<Opened> {
  const { name } = provider;
  const probe = await provider.probe();
  if (!probe.ok) return { record: { provider: name, outcome: "unavailable", reason: probe.reason } };
  const { adapter } = probe;
  if (hardwareOnly && adapter.software) {
    const reason =
      `${adapter.description} runs on the CPU, where the CPU executor gives the same bits everywhere; ` +
      `MPT_DEVICE=${name} takes it and may be faster`;
    return { record: { provider: name, outcome: "passed over", reason, adapter } };
  }
  let handle: DeviceHandle;
  try {
    handle = await provider.open();
  } catch (error) {
    const reason = `${adapter.description} did not open: ${messageOf(error).split("\n")[0]}`;
    return { record: { provider: name, outcome: "refused", reason, adapter } };
  }
  const counters = countCalls(handle);
  const tested = await selfTest(handle.gpu, targetOf(handle.adapter));
  resetCounters(counters);
  const found = { adapter, checks: tested.checks, selfTestMilliseconds: tested.milliseconds };
  if (tested.refusal) {
    handle.close();
    return { record: { provider: name, outcome: "refused", reason: tested.refusal, ...found } };
  }
  const failed = tested.checks.filter((c) => !c.ok).length;
  return {
    record: {
      provider: name,
      outcome: "chosen",
      reason: failed
        ? `works, with ${failed} of ${tested.checks.length} checks worked around`
        : "passes every check",
      ...found,
    },
    device: {
      kind: "gpu",
      name: tested.target.name,
      target: tested.target,
      handle,
      counters,
      checks: tested.checks,
      close: () => handle.close(),
    },
  };
}
