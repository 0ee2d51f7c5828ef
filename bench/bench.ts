import type { DType } from "../compiler/core/dtype.ts";
import type { Interface } from "../compiler/core/program.ts";
import type { OnStage } from "../compiler/core/stage.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { load } from "../host.ts";
import type { Batch } from "../runtime/batch.ts";
import { dimsOf } from "../runtime/batch.ts";
import type { Device } from "../runtime/device.ts";
import { messageOf } from "../runtime/gpu/pipeline.ts";
import type { Agreement } from "./agreement.ts";
import { compare, repeats } from "./agreement.ts";
import { boundsOf, chooseDims, randomBatch } from "./inputs.ts";
import type { Limits } from "./limits.ts";
import { measureLimits } from "./limits.ts";
import type { Ratio, VariantReport } from "./summary.ts";
import { failed, ratiosOf, reportVariant } from "./summary.ts";
import type { TraceStep } from "./trace.ts";
import type { VariantChoice } from "./variant.ts";
import { entriesOf, Variant } from "./variant.ts";
import { narrowFloats, workOf } from "./work.ts";

export interface BenchOptions {
  readonly dims: Readonly<Record<string, number>>;
  /** One batch to train on; random ones of the program's dims unless given. */
  readonly batch?: (specs: Interface["batch"]) => Batch;
  /** At least 5. */
  readonly rounds: number;
  /** Steps a round; as many as take about half a second unless given. */
  readonly steps?: number;
  readonly seed: number;
  /** Bytes that a fused variant may take with its State; parts of its forward pass are computed again where it must. */
  readonly memory?: number;
  /** Which variants to measure, by name; all unless given. */
  readonly variants?: readonly string[];
  /** Told of the stages in which the program, as it is written, is compiled. */
  readonly onStage?: OnStage;
  /** Told what is being done, for a user who waits. */
  readonly progress?: (doing: string) => void;
}

export interface BenchResult {
  readonly file: string;
  readonly model: string;
  readonly device: { readonly name: string; readonly provider: string; readonly software: boolean };
  readonly dims: Readonly<Record<string, number>>;
  /** Symbols that were not given. */
  readonly assumed: readonly string[];
  readonly data: "random" | "given";
  readonly rounds: number;
  readonly ratios: readonly Ratio[];
  readonly variants: readonly VariantReport[];
  readonly limits: Limits;
  readonly agreements: readonly (Agreement & { readonly subject: string; readonly reference: string })[];
  readonly repeats: readonly { readonly variant: string; readonly identical: boolean }[];
  /** What is wrong with the outputs, or kept a variant from running; empty where all is well. */
  readonly faults: readonly string[];
}

/** A program that cannot be measured as asked; the message says what to do. */
export class BenchError extends Error {
  override name = "BenchError";
}

/** The batch size of a program that leaves it open. */
const BATCH = 128;
/** Batches that the steps take in turn. */
const BATCHES = 4;
const ROUND_MS = 500;
const PROFILE_RUNS = 9;
const HOST_BURSTS = 9;

/** Measures a program's training step in all its variants, in one run. Throws BenchError, DiagnosticError, BatchError. */
export async function bench(
  file: string,
  device: Device,
  options: BenchOptions,
): Promise<{ result: BenchResult; trace: TraceStep[] }> {
  const say = options.progress ?? (() => {});
  const subject = inspect(file, device, options);
  const { narrow, operands, batches, dims } = subject;
  const choices = chooseVariants(narrow.length > 0, options.variants);
  say("what the device can do");
  const limits = await measureLimits(device, operands);

  const faults: string[] = [];
  const open = new Map<string, Variant>();
  const broken = new Map<string, VariantReport>();
  try {
    for (const { name, choice } of choices) {
      say(`compiling ${name}`);
      try {
        open.set(
          name,
          await Variant.open(choice, {
            file,
            device,
            dims,
            batches,
            seed: options.seed,
            memory: options.memory,
          }),
        );
      } catch (error) {
        faults.push(`${name} did not run: ${messageOf(error)}`);
        broken.set(name, failed(name, choice, messageOf(error)));
      }
    }
    const agreements: (Agreement & { subject: string; reference: string })[] = [];
    for (const [name, variant] of open) {
      const reference = `${name.split(" ")[0]} unfused`;
      if (!variant.choice.fused || !open.has(reference)) continue;
      say(`comparing ${name} with ${reference}`);
      const agreement = await compare(variant, open.get(reference)!);
      agreements.push({ subject: name, reference, ...agreement });
      if (agreement.fault) faults.push(`${name} and ${reference} disagree: ${agreement.fault}`);
    }
    await timeRounds(open, options, say);
    const trace: TraceStep[] = [];
    const reports: VariantReport[] = [];
    const repeated: { variant: string; identical: boolean }[] = [];
    for (const { name } of choices) {
      const variant = open.get(name);
      if (!variant) {
        reports.push(broken.get(name)!);
        continue;
      }
      say(`profiling ${name}`);
      const host = await variant.hostTime(HOST_BURSTS);
      const dispatches = await variant.profile(PROFILE_RUNS);
      reports.push(reportVariant(name, variant, host, dispatches, limits));
      if (dispatches) trace.push({ variant: name, dispatches });
      if (!Number.isFinite(variant.lastLoss)) faults.push(`the loss of ${name} is ${variant.lastLoss}`);
      if (!variant.choice.fused) continue;
      const identical = await repeats(variant);
      repeated.push({ variant: name, identical });
      if (!identical) faults.push(`${name} gives other weights when it is run again`);
    }
    const result: BenchResult = {
      file,
      model: subject.model,
      device: {
        name: device.name,
        provider: device.kind === "cpu" ? "cpu" : device.handle.provider,
        software: device.kind === "cpu" || device.handle.adapter.software,
      },
      dims,
      assumed: subject.assumed,
      data: options.batch ? "given" : "random",
      rounds: options.rounds,
      ratios: ratiosOf(reports),
      variants: reports,
      limits,
      agreements,
      repeats: repeated,
      faults,
    };
    return { result, trace };
  } finally {
    for (const variant of open.values()) await variant.destroy();
  }
}

/** What must be known of a program before it is measured. */
function inspect(file: string, device: Device, options: BenchOptions) {
  let graph: Graph | undefined;
  const bundle = load(file, {
    target: device.target,
    onStage: options.onStage,
    memory: options.memory,
    observe: (_stage, seen) => graph = seen,
  });
  const { batch: specs, model } = bundle.interface;
  if (specs.length === 0) throw new BenchError(`${file} has no train block: there is no step to measure`);
  const given = options.batch?.(specs);
  const chosen = given
    ? { dims: dimsOf(specs, given), assumed: [], missing: [] }
    : chooseDims(specs, options.dims, BATCH);
  if (chosen.missing.length > 0) {
    throw new BenchError(
      `say how large ${chosen.missing.join(", ")} ${chosen.missing.length > 1 ? "are" : "is"}: --dims ${
        chosen.missing.map((s) => `${s}=64`).join(",")
      }`,
    );
  }
  const programs = entriesOf(bundle).map(({ entry }) =>
    bundle.program(entry, entry === "apply" ? {} : chosen.dims)
  );
  // The graph of the entry that takes the batch is needed; it came first.
  if (programs.length > 1) bundle.program("eval", chosen.dims);
  const bounds = boundsOf(graph!);
  const batches = given
    ? [given]
    : Array.from({ length: BATCHES }, (_, i) => randomBatch(programs[0].inputs, bounds, options.seed + i));
  const operands = programs.flatMap((p) => workOf(p).flatMap((w) => w.operand ?? []));
  const narrow = [...new Set(programs.flatMap(narrowFloats))];
  return { ...chosen, model, batches, narrow, operands: [...new Set<DType>([...operands, "f32"])] };
}

/** The variants by name, those that are asked for. */
function chooseVariants(isMixed: boolean, asked: readonly string[] | undefined) {
  const precisions = isMixed ? (["own", "f32"] as const) : (["own"] as const);
  const all = precisions.flatMap((precision) =>
    [true, false].map((fused) => {
      const choice: VariantChoice = { precision, fused };
      const named = isMixed && precision === "own" ? "mixed" : "f32";
      return { name: `${named} ${fused ? "fused" : "unfused"}`, choice };
    })
  );
  const names = all.map((v) => v.name);
  const wanted = asked?.map((name) => name.replace("-", " "));
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown) {
    const known = names.map((n) => n.replace(" ", "-")).join(", ");
    throw new BenchError(`there is no variant ${unknown.replace(" ", "-")}; this program has ${known}`);
  }
  return all.filter((v) => !wanted || wanted.includes(v.name));
}

/** Rounds of all variants in turn, so that a drift of the device's clocks meets them all. */
async function timeRounds(
  open: ReadonlyMap<string, Variant>,
  options: BenchOptions,
  say: (doing: string) => void,
): Promise<void> {
  const steps = new Map<string, number>();
  for (const [name, variant] of open) {
    await variant.steps(3);
    const began = performance.now();
    await variant.steps(5);
    const each = (performance.now() - began) / 5;
    steps.set(name, options.steps ?? Math.min(2000, Math.max(5, Math.ceil(ROUND_MS / each))));
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const [name, variant] of open) {
      say(`round ${round + 1} of ${options.rounds}: ${name}`);
      await variant.round(steps.get(name)!);
    }
  }
}
