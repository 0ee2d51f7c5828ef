/**
 * What a training step costs the host: `deno run -A bench/host.ts [NET …] [--device]`, NET of `rivals/nets.json`, `mlp`
 * unless given. On Dawn's null device, which does nothing with what it is given, a step takes what the host takes. With
 * `--device`, on the device there is, also what it takes to submit a step's first launches over and over.
 *
 * @module
 */
import { compile } from "../compiler/compile.ts";
import { type Target, TARGET_H100_DAWN } from "../compiler/core/target.ts";
import { openDevice } from "../runtime/device.ts";
import { countCalls, type GpuCounters, resetCounters } from "../runtime/gpu/counter.ts";
import { GpuExecutor } from "../runtime/gpu/executor.ts";
import { encodeLaunches, GpuProgram, type Launch } from "../runtime/gpu/program.ts";
import { median } from "../runtime/profile.ts";
import type { DeviceHandle } from "../runtime/providers/provider.ts";
import { PollThrottle } from "../runtime/providers/throttle.ts";
import { Trainer } from "../runtime/trainer.ts";
import { isMlp, namedBatchOf, NETS, programOf } from "./rivals/nets.ts";

interface Host {
  readonly target: Target;
  readonly handle: Pick<DeviceHandle, "gpu" | "wait">;
  readonly counters: GpuCounters;
}

/** What a Program for an H100 may need more of than every device has. */
const LIMITS = [
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
] as const;

/** Dawn without a driver, as an H100 but for what it can bind. */
export async function openNull(): Promise<Host> {
  const { create } = await import("webgpu");
  const api = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]) as unknown as GPU;
  const adapter = await api.requestAdapter();
  if (!adapter) throw new Error("Dawn has no null backend here");
  const limits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const gpu = await adapter.requestDevice({
    requiredFeatures: [...adapter.features].filter((f) => /f16|subgroup/.test(f)) as GPUFeatureName[],
    requiredLimits: limits,
  });
  // Dawn's instance must stay reachable as long as anything made from it.
  (gpu as { instance?: GPU }).instance = api;
  const polls = new PollThrottle();
  const handle = { gpu, wait: <T>(promise: Promise<T>) => polls.wait(promise) };
  const target = { ...TARGET_H100_DAWN, limits: { ...TARGET_H100_DAWN.limits, ...limits } };
  return { target, handle, counters: countCalls(handle) };
}

export interface HostTime {
  /** Median over rounds of queued steps. */
  readonly microsecondsAStep: number;
  readonly dispatches: number;
  readonly submits: number;
  /** The launches of a step, for `submitTime`. */
  readonly launches: readonly Launch[];
}

/** Trains a rivals' net on random data, rounds of queued steps. */
export async function hostTime(host: Host, name: string, steps: number, rounds = 7): Promise<HostTime> {
  const net = NETS[name];
  if (!net) throw new Error(`there is no net ${name}; there are ${Object.keys(NETS).join(", ")}`);
  const { bundle } = compile({ file: `${name}.mpt`, text: programOf(net, "mixed_f16") }, {
    target: host.target,
  });
  const executor = new GpuExecutor(host);
  const trainer = await Trainer.create(bundle!, executor);
  const batch = namedBatchOf(net);
  function* batches() {
    while (true) yield batch;
  }
  await trainer.fit(batches(), { steps });
  const each: number[] = [];
  resetCounters(host.counters);
  for (let r = 0; r < rounds; r++) {
    const began = performance.now();
    await trainer.fit(batches(), { steps });
    each.push((performance.now() - began) / steps * 1000);
  }
  const { dispatches, submits } = host.counters;
  const prepared = await trainer.prepare("step", isMlp(net) ? { N: net.batch } : { B: net.batch });
  return {
    microsecondsAStep: median(each),
    dispatches: dispatches / (steps * rounds),
    submits: submits / (steps * rounds),
    launches: prepared instanceof GpuProgram ? prepared.launches : [],
  };
}

/** Median microseconds of a submit that makes these launches and nothing else, of many submitted one after another. */
export async function submitTime(
  gpu: GPUDevice,
  launches: readonly Launch[],
  submits = 2000,
): Promise<number> {
  const each: number[] = [];
  for (let r = 0; r < 5; r++) {
    const began = performance.now();
    for (let i = 0; i < submits; i++) {
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      encodeLaunches(pass, launches);
      pass.end();
      gpu.queue.submit([encoder.finish()]);
    }
    await gpu.queue.onSubmittedWorkDone();
    each.push((performance.now() - began) / submits * 1000);
  }
  return median(each);
}

if (import.meta.main) {
  const nets = Deno.args.filter((a) => !a.startsWith("--"));
  const device = Deno.args.includes("--device") ? await openDevice() : undefined;
  if (device?.kind === "cpu") {
    console.error("the host's time is of a GPU's steps, and there is none");
    Deno.exit(2);
  }
  const host = device ?? await openNull();
  console.log(device?.name ?? "Dawn's null device");
  for (const net of nets.length ? nets : ["mlp"]) {
    const { microsecondsAStep, dispatches, submits, launches } = await hostTime(host, net, 1000);
    console.log(
      `${net}: ${microsecondsAStep.toFixed(1)} µs a step of ${dispatches} dispatches and ${submits} submits`,
    );
    for (const count of device ? [1, Math.ceil(launches.length / 2), launches.length] : []) {
      const time = await submitTime(host.handle.gpu, launches.slice(0, count));
      console.log(`  ${count} launches by themselves: ${time.toFixed(1)} µs a submit`);
    }
  }
  Deno.exit(0);
}
