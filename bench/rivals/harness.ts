import type { GpuCounters } from "../../runtime/gpu/counter.ts";
import { resetCounters } from "../../runtime/gpu/counter.ts";
import { median } from "../../runtime/profile.ts";

/** One implementation training one net. */
export interface Subject {
  /** Queues a step. An implementation that can only run one at a time waits in here. */
  step(): void | Promise<void>;
  /** The loss of the latest step, once the device has finished everything queued. */
  loss(): Promise<number>;
  /** Updates left out so far because a gradient overflowed, where the loss is scaled. */
  skipped?(): number;
  /** Of the device it runs on, by mpt's wrapper. */
  readonly counters?: GpuCounters;
}

/** One line of a run's results. */
export interface Measurement {
  readonly implementation: string;
  readonly version: string;
  readonly net: string;
  readonly precision: string;
  readonly device: string;
  /** Median over the rounds. */
  readonly milliseconds: number;
  readonly rounds: readonly number[];
  readonly steps: number;
  readonly firstLoss: number;
  /** After six steps: it hangs on every gradient and on the optimizer, and must agree among implementations. */
  readonly sixthLoss: number;
  /** How many of those six were skipped by loss scaling: that many steps of training are missing in the loss. */
  readonly skipped?: number;
  readonly lastLoss: number;
  /** A step's, where a GPUDevice was counted. */
  readonly dispatches?: number;
  readonly submits?: number;
  readonly peakBytes?: number;
  readonly failed?: string;
}

const ROUNDS = 5;
const ROUND_MS = 500;
/** A whole measurement's rounds take no longer than this, if five single steps do not. */
const BUDGET_MS = 15_000;

/** Times a subject: rounds of queued steps, the last loss read in each. Prints one line of JSON. */
export async function measure(
  what: Pick<Measurement, "implementation" | "version" | "net" | "precision" | "device">,
  subject: Subject,
): Promise<void> {
  const { counters } = subject;
  await subject.step();
  const firstLoss = await subject.loss();
  const run = async (steps: number) => {
    const began = performance.now();
    for (let i = 0; i < steps; i++) await subject.step();
    const loss = await subject.loss();
    return { each: (performance.now() - began) / steps, loss };
  };
  await run(2);
  const { each, loss: sixthLoss } = await run(3);
  const skipped = subject.skipped?.();
  const most = Math.max(1, Math.floor(BUDGET_MS / ROUNDS / each));
  const steps = Math.min(1000, most, Math.max(5, Math.ceil(ROUND_MS / each)));
  const rounds: number[] = [];
  let lastLoss = NaN;
  let counted = {};
  for (let r = 0; r < ROUNDS; r++) {
    const peak = counters?.peakBytes ?? 0;
    if (counters) resetCounters(counters);
    const round = await run(steps);
    rounds.push(round.each);
    lastLoss = round.loss;
    if (counters) {
      counters.peakBytes = Math.max(counters.peakBytes, peak);
      counted = {
        dispatches: counters.dispatches / steps,
        submits: counters.submits / steps,
        peakBytes: counters.peakBytes,
      };
    }
  }
  const losses = { firstLoss, sixthLoss, lastLoss, skipped };
  print({ ...what, milliseconds: median(rounds), rounds, steps, ...losses, ...counted });
}

function print(m: Measurement): void {
  console.log(JSON.stringify(m));
}

/** `mpt.ts NET PRECISION`. */
export function args(): { net: string; precision: string } {
  const [net, precision] = Deno.args;
  if (!net || !precision) {
    console.error("usage: NET PRECISION, as in `mlp f32`");
    Deno.exit(2);
  }
  return { net, precision };
}
