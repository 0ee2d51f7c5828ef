import { numbersOf } from "../runtime/io/safetensors.ts";
import type { Variant, Weights } from "./variant.ts";
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
  /** Why they do not agree; absent where they do. */
  readonly fault?: string;
}

export interface Tolerance {
  readonly loss: number;
  readonly weights: number;
}

/**
 * Fusion keeps every rounding of the program, so what differs is the order of f32 sums. In f32 that is all; with narrow
 * floats a last bit of f32 now and then turns the rounding of a narrow one, and an optimizer that divides by a
 * gradient's own size makes a whole step of the noise in a gradient near zero.
 */
const EXACT: Tolerance = { loss: 1e-4, weights: 0.02 };
const NARROW: Tolerance = { loss: 1e-2, weights: 0.1 };

const STEPS = 8;
/** While every step is skipped, as a loss scale settles, the comparison goes on. */
const MOST_STEPS = 40;

/** Trains both variants from the seed and compares losses and weights. `reference` decides how many steps it takes. */
export async function compare(subject: Variant, reference: Variant): Promise<Agreement> {
  let steps = STEPS;
  let expected = await reference.replay(steps);
  while (distance(expected.last, expected.first) === 0 && steps < MOST_STEPS) {
    expected = await reference.replay(steps = Math.min(MOST_STEPS, 2 * steps));
  }
  const found = await subject.replay(steps);
  const change = distance(expected.last, expected.first);
  const lossDifference = Math.max(
    ...expected.rows.map((row, i) =>
      Math.abs(row.loss - found.rows[i].loss) / Math.max(1, Math.abs(row.loss))
    ),
  );
  const weightDifference = distance(found.last, expected.last) / change;
  const tolerance = reference.narrow.length > 0 || subject.narrow.length > 0 ? NARROW : EXACT;
  const losses: [number, number] = [found.rows.at(-1)!.loss, expected.rows.at(-1)!.loss];
  const fault = change === 0
    ? `no weight changed in ${steps} steps`
    : !(lossDifference <= tolerance.loss)
    ? `losses differ by ${lossDifference.toExponential(1)}, more than ${tolerance.loss}`
    : !(weightDifference <= tolerance.weights)
    ? `weights differ by ${percent(weightDifference)} of what the steps changed, more than ${
      percent(tolerance.weights)
    }`
    : undefined;
  return { steps, losses, lossDifference, weightDifference, tolerance, ...(fault ? { fault } : {}) };
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
