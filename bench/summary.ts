import type { DType } from "../compiler/core/dtype.ts";
import type { Limits } from "./limits.ts";
import { detailsOf } from "./trace.ts";
import type { StepCounts, TimedDispatch, Variant, VariantChoice } from "./variant.ts";

/** What was measured of one variant; every figure is of one step, an update with all its micro-batches. */
export interface VariantReport extends VariantChoice {
  readonly name: string;
  /** Why the variant did not run; the rest is then absent. */
  readonly failed?: string;
  readonly measured?: Measured;
}

export interface Measured {
  readonly narrow: readonly DType[];
  /** Wall time of queued steps. */
  readonly milliseconds: number;
  readonly rounds: readonly { readonly milliseconds: number; readonly steps: number }[];
  /** (slowest − fastest round) / median. */
  readonly spread: number;
  readonly compileMilliseconds: number;
  readonly lastLoss: number;
  /** By the wrapper around the device; absent on the CPU. */
  readonly counts?: StepCounts;
  readonly peakBytes?: number;
  /** In which the host hands a step over: inputs, commands, submit; absent on the CPU. */
  readonly hostMilliseconds?: number;
  /** By timestamps, each dispatch in a pass of its own; absent where the device has none. */
  readonly device?: DeviceFigures;
}

export interface DeviceFigures {
  readonly milliseconds: number;
  readonly bytes: number;
  readonly gigabytesPerSecond: number;
  readonly flops: number;
  readonly teraflopsPerSecond: number;
  /** Of the copy that was measured in this run. */
  readonly ofCopy: number;
  /** Of the matrix products measured in this run, each contraction against that of its operands. */
  readonly ofMatmul: number;
  /** What the step would take if every dispatch ran at the nearer of its two limits, over what it takes. */
  readonly ofBoth: number;
  /** The dispatches, the longest first. */
  readonly dispatches: readonly DispatchReport[];
}

export type DispatchReport = ReturnType<typeof detailsOf> & { readonly kernel: string };

/** How much better the first is than the second; above 1 is better. */
export interface Ratio {
  readonly subject: string;
  readonly reference: string;
  /** How many times as fast. */
  readonly speed: number;
  /** Its peak memory over the other's; absent on the CPU. */
  readonly memory?: number;
  readonly dispatches?: number;
  readonly bytes?: number;
}

export function failed(name: string, choice: VariantChoice, why: string): VariantReport {
  return { name, ...choice, failed: why };
}

export function reportVariant(
  name: string,
  variant: Variant,
  hostMilliseconds: number | undefined,
  dispatches: readonly TimedDispatch[] | undefined,
  limits: Limits,
): VariantReport {
  const each = variant.rounds.map((r) => r.milliseconds / r.steps);
  return {
    name,
    ...variant.choice,
    measured: {
      narrow: variant.narrow,
      milliseconds: variant.milliseconds,
      rounds: variant.rounds,
      spread: (Math.max(...each) - Math.min(...each)) / variant.milliseconds,
      compileMilliseconds: variant.compileMilliseconds,
      lastLoss: variant.lastLoss,
      counts: variant.counts,
      peakBytes: variant.peakBytes,
      hostMilliseconds,
      device: dispatches && figuresOf(dispatches, limits),
    },
  };
}

function figuresOf(dispatches: readonly TimedDispatch[], limits: Limits): DeviceFigures {
  const sum = (f: (d: TimedDispatch) => number) => dispatches.reduce((s, d) => s + f(d) * d.times, 0);
  const rate = new Map(limits.matmul.map((m) => [m.operand, m.tflops]));
  /** Microseconds that the contraction would take at the limit. */
  const products = (d: TimedDispatch) => d.operand ? d.flops / ((rate.get(d.operand) ?? Infinity) * 1e6) : 0;
  const copies = (d: TimedDispatch) => d.bytes / (limits.copyGBs * 1000);
  const microseconds = sum((d) => d.microseconds);
  const bytes = sum((d) => d.bytes), flops = sum((d) => d.flops);
  return {
    milliseconds: microseconds / 1000,
    bytes,
    gigabytesPerSecond: bytes / (microseconds * 1000),
    flops,
    teraflopsPerSecond: flops / (microseconds * 1e6),
    ofCopy: sum(copies) / microseconds,
    ofMatmul: sum(products) / microseconds,
    ofBoth: sum((d) => Math.max(copies(d), products(d))) / microseconds,
    dispatches: dispatches.toSorted((a, b) => b.microseconds * b.times - a.microseconds * a.times)
      .map((d) => ({ kernel: d.kernel.name, ...detailsOf(d) })),
  };
}

/** Mixed against f32, and fused against unfused, wherever both were measured. */
export function ratiosOf(reports: readonly VariantReport[]): Ratio[] {
  const by = new Map(reports.map((r) => [r.name, r.measured]));
  const pairs = [
    ["mixed fused", "f32 fused"],
    ["mixed fused", "mixed unfused"],
    ["f32 fused", "f32 unfused"],
    ["mixed fused", "f32 unfused"],
  ];
  return pairs.flatMap(([subject, reference]): Ratio[] => {
    const [a, b] = [by.get(subject), by.get(reference)];
    if (!a || !b) return [];
    return [{
      subject,
      reference,
      speed: b.milliseconds / a.milliseconds,
      ...(a.peakBytes && b.peakBytes ? { memory: a.peakBytes / b.peakBytes } : {}),
      ...(a.counts && b.counts
        ? {
          dispatches: a.counts.dispatches / b.counts.dispatches,
          bytes: a.counts.bytesBound / b.counts.bytesBound,
        }
        : {}),
    }];
  });
}
