import { numbersOf } from "../runtime/io/safetensors.ts";
import { nudge } from "./nudge.ts";
import type { Replay, Variant, Weights } from "./variant.ts";
import { fingerprint } from "./variant.ts";

/** How far two variants of one program are apart after the same steps on the same batches from the same seed. */
export interface Agreement {
  readonly steps: number;
  /** Last losses, in the order of the variants. */
  readonly losses: readonly [number, number];
  /** The largest difference of a step's losses, over the loss where that is above 1. */
  readonly lossDifference: number;
  /** ‖difference of the weights‖ over ‖what the steps changed in them‖. */
  readonly weightDifference: number;
  readonly tolerance: Tolerance;
  /**
   * The same two numbers for the reference against itself, trained from weights that differ by about an f32 rounding;
   * present where the variants were further apart than the tolerance, and it had to be known how much of that is the
   * program's own.
   */
  readonly sensitivity?: Tolerance;
  /** Why they do not agree; absent where they do. */
  readonly fault?: string;
}

/** What is compared: a variant, by what it gives when it is trained from its seed. */
export type Trained = Pick<Variant, "narrow" | "replay">;

export interface Tolerance {
  readonly loss: number;
  readonly weights: number;
}

/**
 * Fusion keeps every rounding of the program, so what differs is the order of f32 sums. In f32 that is all; with narrow
 * floats a last bit of f32 now and then turns the rounding of a narrow one, and an optimizer that divides by a
 * gradient's own size makes a whole step of the noise in a gradient near zero. One relu of a wide net whose input turns
 * from just below zero to just above comes to 3% of the weights' change after eight steps of Adam, in f32 as well.
 */
const EXACT: Tolerance = { loss: 1e-4, weights: 0.05 };
const NARROW: Tolerance = { loss: 1e-2, weights: 0.1 };

const STEPS = 8;
/** While every step is skipped, as a loss scale settles, the comparison goes on. */
const MOST_STEPS = 40;

/**
 * Where a step is so large that training is chaotic, any two orders of a sum part for good after a few steps. Variants
 * may therefore be this many times as far apart as trainings of the reference from nudged weights are a step later.
 */
const TIMES_SENSITIVITY = 4;
const NUDGES = [1, 2, 3];

/** Trains both variants from the seed and compares losses and weights. `reference` decides how many steps it takes. */
export async function compare(subject: Trained, reference: Trained): Promise<Agreement> {
  let steps = STEPS;
  let expected = await reference.replay(steps);
  while (distance(expected.last, expected.first) === 0 && steps < MOST_STEPS) {
    expected = await reference.replay(steps = Math.min(MOST_STEPS, 2 * steps));
  }
  const found = await subject.replay(steps);
  const tolerance = reference.narrow.length > 0 || subject.narrow.length > 0 ? NARROW : EXACT;
  const apart = difference(found, expected);
  const result = {
    steps,
    losses: [found.rows.at(-1)!.loss, expected.rows.at(-1)!.loss] as const,
    lossDifference: Math.max(...apart.losses),
    weightDifference: apart.weights,
    tolerance,
  };
  if (distance(expected.last, expected.first) === 0) {
    return { ...result, fault: `no weight changed in ${steps} steps` };
  }
  if (!faultOf(apart, tolerance)) return result;

  const own = await sensitivityOf(reference, expected);
  const sensitivity = { loss: own.losses.at(-1)!, weights: own.weights };
  const fault = faultOf(apart, tolerance, own) ?? await firstUpdate(subject, reference, expected, tolerance);
  return { ...result, sensitivity, ...(fault ? { fault } : {}) };
}

/**
 * Chaos takes steps to grow: over the first update alone little is forgiven, so that a wrong gradient cannot hide in
 * what later steps make of it.
 */
async function firstUpdate(
  subject: Trained,
  reference: Trained,
  { rows }: Replay,
  tolerance: Tolerance,
): Promise<string | undefined> {
  const steps = rows.findIndex((row) => !row.skipped) + 1;
  const expected = await reference.replay(steps);
  const apart = difference(await subject.replay(steps), expected);
  if (!faultOf(apart, tolerance)) return undefined;
  const fault = faultOf(apart, tolerance, await sensitivityOf(reference, expected));
  return fault && `after the first update, ${fault}`;
}

/** How two trainings of as many steps differ. */
interface Difference {
  /** Step by step. */
  readonly losses: readonly number[];
  readonly weights: number;
}

function difference(found: Replay, expected: Replay): Difference {
  const losses = expected.rows.map(({ loss }, i) =>
    Math.abs(loss - found.rows[i].loss) / Math.max(1, Math.abs(loss))
  );
  return { losses, weights: distance(found.last, expected.last) / distance(expected.last, expected.first) };
}

/** How far trainings from nudged weights are from the one that is given; of losses, the farthest up to a step later. */
async function sensitivityOf(variant: Trained, expected: Replay): Promise<Difference> {
  const losses = expected.rows.map(() => 0);
  let weights = 0;
  for (const seed of NUDGES) {
    const apart = difference(await variant.replay(expected.rows.length, (w) => nudge(w, seed)), expected);
    losses.forEach((x, i) => losses[i] = Math.max(x, ...apart.losses.slice(0, i + 2)));
    weights = Math.max(weights, apart.weights);
  }
  return { losses, weights };
}

/** What is further apart than the tolerance and, where it is given, than some times the reference's own sensitivity. */
function faultOf(apart: Difference, tolerance: Tolerance, own?: Difference): string | undefined {
  const besides = (x: number, show: (x: number) => string) =>
    own
      ? ` and than ${TIMES_SENSITIVITY} times the ${show(x)} that an f32 rounding of the first weights makes`
      : "";
  const scientific = (x: number) => x.toExponential(1);
  const step = apart.losses.findIndex((x, i) =>
    !(x <= Math.max(tolerance.loss, TIMES_SENSITIVITY * (own?.losses[i] ?? 0)))
  );
  if (step >= 0) {
    return `losses of step ${step + 1} differ by ${
      scientific(apart.losses[step])
    }, more than ${tolerance.loss}${besides(own?.losses[step] ?? 0, scientific)}`;
  }
  if (!(apart.weights <= Math.max(tolerance.weights, TIMES_SENSITIVITY * (own?.weights ?? 0)))) {
    return `weights differ by ${percent(apart.weights)} of what the steps changed, more than ${
      percent(tolerance.weights)
    }${besides(own?.weights ?? 0, percent)}`;
  }
}

/** Whether a variant, trained from its seed twice, gives the same weights to the bit. */
export async function repeats(variant: Variant): Promise<boolean> {
  const first = fingerprint((await variant.replay(STEPS)).last);
  return first === fingerprint((await variant.replay(STEPS)).last);
}

function distance(a: Weights, b: Weights): number {
  let sum = 0;
  for (const [path, tensor] of a) {
    const x = numbersOf(tensor), y = numbersOf(b.get(path)!);
    for (let i = 0; i < x.length; i++) sum += (x[i] - y[i]) ** 2;
  }
  return Math.sqrt(sum);
}

const percent = (x: number) => `${(100 * x).toFixed(1)}%`;
