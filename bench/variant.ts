import { createHash } from "node:crypto";
import type { Bundle, HostTensor, PreparedProgram } from "../compiler/core/program.ts";
import type { DType } from "../compiler/core/dtype.ts";
import { load } from "../host.ts";
import type { Batch } from "../runtime/batch.ts";
import { toBytes } from "../runtime/batch.ts";
import { CpuProgram } from "../runtime/cpu/executor.ts";
import type { Device } from "../runtime/device.ts";
import type { GpuCounters } from "../runtime/gpu/counter.ts";
import { resetCounters } from "../runtime/gpu/counter.ts";
import { GpuExecutor } from "../runtime/gpu/executor.ts";
import { profile } from "../runtime/gpu/profile.ts";
import { GpuProgram } from "../runtime/gpu/program.ts";
import { executorOf } from "../runtime/executor.ts";
import type { DispatchTime } from "../runtime/profile.ts";
import { median } from "../runtime/profile.ts";
import type { StepRow } from "../runtime/trainer.ts";
import { Trainer } from "../runtime/trainer.ts";
import type { Work } from "./work.ts";
import { narrowFloats, workOf } from "./work.ts";

/** One way to compile the program under test. */
export interface VariantChoice {
  /** The program's own annotations, or f32 everywhere. */
  readonly precision: "own" | "f32";
  readonly fused: boolean;
}

/** Steps that are timed together. */
export interface Round {
  readonly milliseconds: number;
  readonly steps: number;
}

/** What the device was asked to do for one step, by its wrapper; absent on the CPU, which has none. */
export type StepCounts = Pick<
  GpuCounters,
  "dispatches" | "bytesBound" | "submits" | "maps" | "bytesUploaded" | "bytesDownloaded"
>;

/** One dispatch of a step with its time on the device. */
export interface TimedDispatch extends Work, Omit<DispatchTime, "kernel"> {
  readonly entry: string;
  /** How often a step runs it: the micro-batches of an update, else once. */
  readonly times: number;
}

export interface VariantOptions {
  readonly file: string;
  readonly device: Device;
  readonly dims: Readonly<Record<string, number>>;
  readonly batches: readonly Batch[];
  readonly seed: number;
  /** Bytes for a fused variant and its State; the others are there to compare with. */
  readonly memory?: number;
}

/** Steps that are handed over together where that is timed. */
const BURST = 8;

/** A compiled program in training, to be timed. */
export class Variant {
  /** Of compiling, from the source to pipelines that are ready. */
  compileMilliseconds = 0;
  /** Buffers made for this variant that lived at once; absent on the CPU. */
  peakBytes: number | undefined;
  counts: StepCounts | undefined;
  readonly rounds: Round[] = [];
  /** Low-precision floats that a step touches. */
  narrow: readonly DType[] = [];
  lastLoss = NaN;
  #programs: { readonly prepared: PreparedProgram; readonly times: number }[] = [];
  #next = 0;

  private constructor(
    readonly choice: VariantChoice,
    readonly trainer: Trainer,
    private readonly options: VariantOptions,
    private readonly close: () => Promise<void>,
  ) {}

  /** Compiles, allocates and makes one update. Throws what compiling and allocating throw. */
  static async open(choice: VariantChoice, options: VariantOptions): Promise<Variant> {
    const { device, dims, file, seed } = options;
    const counters = device.kind === "gpu" ? device.counters : undefined;
    const before = counters?.liveBytes ?? 0;
    if (counters) resetCounters(counters);
    const began = performance.now();
    const bundle = load(file, {
      ...compileOptions(choice, device),
      ...(choice.fused ? { memory: options.memory } : {}),
    });
    const executor = await executorOf(device);
    const close = async () => {
      executor.destroy();
      if (executor instanceof GpuExecutor) await executor.idle();
    };
    try {
      const trainer = await Trainer.create(bundle, executor, { seed });
      const variant = new Variant(choice, trainer, options, async () => {
        await trainer.destroy();
        await close();
      });
      for (const { entry, times } of entriesOf(bundle)) {
        const prepared = await trainer.prepare(entry, entry === "apply" ? {} : dims);
        variant.#programs.push({ prepared, times });
      }
      variant.narrow = [...new Set(variant.#programs.flatMap((p) => narrowFloats(p.prepared.program)))];
      variant.compileMilliseconds = performance.now() - began;
      await variant.steps(2);
      if (counters) variant.peakBytes = counters.peakBytes - before;
      return variant;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Queues updates and waits until the device has finished the last; the rows in order. */
  async steps(count: number): Promise<StepRow[]> {
    const rows: StepRow[] = [];
    await this.trainer.fit(this.#source(), { steps: count, onStep: (row) => void rows.push(row) });
    this.lastLoss = rows.at(-1)?.loss ?? NaN;
    return rows;
  }

  *#source(): Generator<Batch> {
    const { batches } = this.options;
    while (true) yield batches[this.#next++ % batches.length];
  }

  /** Times updates that are queued one after another, a fence at the end. */
  async round(steps: number): Promise<void> {
    const { device } = this.options;
    const counters = device.kind === "gpu" ? device.counters : undefined;
    if (counters) resetCounters(counters);
    const began = performance.now();
    await this.steps(steps);
    this.rounds.push({ milliseconds: performance.now() - began, steps });
    if (counters) this.counts = each(counters, steps);
  }

  /** Median milliseconds a step. */
  get milliseconds(): number {
    return median(this.rounds.map((r) => r.milliseconds / r.steps));
  }

  /**
   * From the seed: the weights at first, the rows of `count` updates and the weights after them. `change` gives other
   * weights to start from.
   */
  async replay(count: number, change?: (first: Weights) => Weights): Promise<Replay> {
    await this.trainer.reset(this.options.seed);
    let first: Weights = await this.trainer.weights();
    if (change) await this.trainer.load(first = change(first));
    this.#next = 0;
    const rows = await this.steps(count);
    return { first, rows, last: await this.trainer.weights() };
  }

  /**
   * Median milliseconds in which the host hands a step over, its inputs, its commands and the submit, of `BURST` steps
   * one after another. Undefined on the CPU, where handing over is computing.
   */
  async hostTime(bursts: number): Promise<number | undefined> {
    const { device, batches } = this.options;
    if (device.kind === "cpu") return undefined;
    const inputs = toBytes(this.trainer.bundle.interface.batch, batches[0]);
    const spent: number[] = [];
    for (let i = 0; i < bursts; i++) {
      const rows: Promise<unknown>[] = [];
      const began = performance.now();
      for (let step = 0; step < BURST; step++) {
        for (const { prepared, times } of this.#programs) {
          const own = prepared.program.inputs.length > 0 ? inputs : {};
          for (let run = 0; run < times; run++) rows.push(prepared.run(own));
        }
      }
      spent.push((performance.now() - began) / BURST);
      await Promise.all(rows);
    }
    return median(spent);
  }

  /** Times every dispatch of a step on the device; undefined where the device has no timestamps. */
  async profile(runs: number): Promise<TimedDispatch[] | undefined> {
    const { device, batches } = this.options;
    if (device.kind === "gpu" && !device.handle.gpu.features.has("timestamp-query")) return undefined;
    const inputs = toBytes(this.trainer.bundle.interface.batch, batches[0]);
    const out: TimedDispatch[] = [];
    for (const { prepared, times } of this.#programs) {
      const found = await profileOf(device, prepared, inputs, runs);
      const work = workOf(prepared.program);
      out.push(...found.map((t, i) => ({ ...t, ...work[i], entry: prepared.program.entry, times })));
    }
    return out;
  }

  destroy(): Promise<void> {
    return this.close();
  }
}

export type Weights = ReadonlyMap<string, HostTensor>;

/** A training from its first weights to its last; a row a step. */
export interface Replay {
  readonly first: Weights;
  readonly rows: readonly StepRow[];
  readonly last: Weights;
}

export function compileOptions({ precision, fused }: VariantChoice, device: Device) {
  return { target: device.target, fuse: fused, ...(precision === "f32" ? { precision } : {}) };
}

/** The entries of one update and how often it runs each. */
export function entriesOf({ interface: { accumulate } }: Bundle) {
  if (accumulate === 1) return [{ entry: "step", times: 1 }] as const;
  return [{ entry: "micro", times: accumulate }, { entry: "apply", times: 1 }] as const;
}

function each(counters: GpuCounters, steps: number): StepCounts {
  const { dispatches, bytesBound, submits, maps, bytesUploaded, bytesDownloaded } = counters;
  const of = (n: number) => n / steps;
  return {
    dispatches: of(dispatches),
    bytesBound: of(bytesBound),
    submits: of(submits),
    maps: of(maps),
    bytesUploaded: of(bytesUploaded),
    bytesDownloaded: of(bytesDownloaded),
  };
}

/** Times each dispatch of a prepared Program on its device; on a GPU `repeats` times over, as `profile` says. */
export function profileOf(
  device: Device,
  prepared: PreparedProgram,
  inputs: Readonly<Record<string, Uint8Array>>,
  runs: number,
  repeats = 1,
): Promise<DispatchTime[]> {
  if (device.kind === "gpu" && prepared instanceof GpuProgram) {
    return profile(device.handle.gpu, prepared, inputs, runs, repeats);
  }
  if (prepared instanceof CpuProgram) return prepared.profile(inputs, runs);
  throw new Error("only Programs of mpt's own executors can be profiled");
}

/** Equal for weights that are equal in every bit. */
export function fingerprint(weights: Weights): string {
  const hash = createHash("sha256");
  for (const [path, { data }] of weights) hash.update(path).update(data);
  return hash.digest("hex");
}
