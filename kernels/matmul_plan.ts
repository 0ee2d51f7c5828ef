import type { MatmulKernel } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { fitsMatrixUnits, type MatrixPlan, matrixThreads } from "./matrix_plan.ts";
import { powerAbove, product } from "./reduce_plan.ts";

/** A tiling of a contraction. A workgroup makes `tileM` × `tileN` of the result, `tileK` of the sum at a time. */
export interface MatmulPlan {
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  /** What one invocation accumulates, multiples of 4. */
  readonly perM: number;
  readonly perN: number;
  /** Invocations that share one piece of the result, each with its part of every `tileK`. */
  readonly slices: number;
}

export function threadsOf(p: MatmulPlan): number {
  return (p.tileM / p.perM) * (p.tileN / p.perN) * p.slices;
}

/** Vectors of four in workgroup memory: both panels, or what the slices hand over at the end. */
export function panelLengths(p: MatmulPlan): { a: number; b: number; total: number } {
  // One more for each row, so that a column of a panel is spread over the banks.
  const a = p.tileK * (p.tileM / 4 + 1), b = p.tileK * (p.tileN / 4 + 1);
  return { a, b, total: Math.max(a + b, (p.slices - 1) * p.tileM * p.tileN / 4) };
}

interface Candidate extends MatmulPlan {
  /** Multiply-adds for each value read from workgroup memory, against the best. */
  readonly efficiency: number;
}

/** The tilings that `planMatmul` chooses from. */
export const CANDIDATES: readonly Candidate[] = [
  { tileM: 128, tileN: 128, tileK: 16, perM: 8, perN: 8, slices: 1, efficiency: 1 },
  { tileM: 64, tileN: 64, tileK: 16, perM: 8, perN: 4, slices: 1, efficiency: 0.7 },
  { tileM: 64, tileN: 64, tileK: 16, perM: 4, perN: 4, slices: 1, efficiency: 0.6 },
  { tileM: 32, tileN: 32, tileK: 32, perM: 4, perN: 4, slices: 4, efficiency: 0.45 },
  { tileM: 16, tileN: 64, tileK: 32, perM: 4, perN: 4, slices: 4, efficiency: 0.4 },
  { tileM: 64, tileN: 16, tileK: 32, perM: 4, perN: 4, slices: 4, efficiency: 0.4 },
  { tileM: 16, tileN: 16, tileK: 64, perM: 4, perN: 4, slices: 8, efficiency: 0.3 },
];

/** Invocations from which a GPU's arithmetic is busy, and its matrix units. */
const BUSY = 65536;
const BUSY_MATRIX = 32768;

/** The tilings for matrix units; efficiencies are in those of plain arithmetic. */
export const MATRIX_CANDIDATES: readonly (MatrixPlan & { readonly efficiency: number })[] = [
  { tileM: 128, tileN: 128, subM: 64, subN: 64, efficiency: 9 },
  { tileM: 128, tileN: 64, subM: 64, subN: 64, efficiency: 6 },
  { tileM: 64, tileN: 64, subM: 32, subN: 32, efficiency: 5 },
];

interface Extents {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Multiply-adds, padding counted, at the speed that a tiling's registers and its grid allow. */
function costOf(c: Tiling, { batch, m, n, k }: Extents): number {
  const tiles = batch * Math.ceil(m / c.tileM) * Math.ceil(n / c.tileN);
  const busy = Math.min(1, tiles * c.threads / c.busy);
  return tiles * c.tileM * c.tileN * k / (c.efficiency * busy);
}

/** What the cost of a tiling follows from. */
interface Tiling {
  readonly tileM: number;
  readonly tileN: number;
  readonly threads: number;
  readonly busy: number;
  readonly efficiency: number;
}

interface Choice {
  readonly plan: { readonly plain: Candidate } | { readonly matrix: MatrixPlan };
  readonly cost: number;
}

function best(kernel: MatmulKernel, extents: Extents, target: Target): Choice {
  const { maxComputeInvocationsPerWorkgroup: invocations, maxComputeWorkgroupStorageSize: memory } =
    target.limits;
  const plain = CANDIDATES
    .filter((c) => threadsOf(c) <= invocations && panelLengths(c).total * 16 <= memory)
    .map((c): Choice => ({
      plan: { plain: c },
      cost: costOf({ ...c, threads: threadsOf(c), busy: BUSY }, extents),
    }));
  const matrix = !fitsMatrixUnits(kernel, target) ? [] : MATRIX_CANDIDATES.map((c): Choice => ({
    plan: { matrix: c },
    cost: costOf({ ...c, threads: matrixThreads(c), busy: BUSY_MATRIX }, extents),
  }));
  return [...plain, ...matrix].reduce((a, b) => b.cost < a.cost ? b : a);
}

function extentsOf({ batch, m, n, k }: MatmulKernel): Extents {
  return { batch: product(batch), m, n, k };
}

/** How a kernel is best tiled, for plain arithmetic or for matrix units. */
export function planMatmul(
  kernel: MatmulKernel,
  target: Target,
): { readonly plain: MatmulPlan } | { readonly matrix: MatrixPlan } {
  const { plan } = best(kernel, extentsOf(kernel), target);
  return "plain" in plan ? { plain: shortened(plan.plain, kernel.k) } : plan;
}

/** The least sum that is worth a kernel of its own. */
const SHORTEST = 128;
/** A partial sum written and read again, and a second dispatch, in multiply-adds of a busy GPU. */
const HANDING = 40;
const DISPATCH = 3e7;

/** Into how many parts the sum is best split, 1 being none. */
export function splitsOfMatmul(kernel: MatmulKernel, target: Target): number {
  const whole = extentsOf(kernel);
  const { batch, m, n, k } = whole;
  let parts = 1, least = best(kernel, whole, target).cost * 0.8;
  for (let p = 2; k / p >= SHORTEST; p *= 2) {
    const { cost } = best(kernel, { ...whole, batch: batch * p, k: k / p }, target);
    const total = cost + HANDING * p * batch * m * n + DISPATCH;
    if (total < least) [parts, least] = [p, total];
  }
  return parts;
}

/** A sum shorter than a panel takes a shorter panel. */
function shortened(plan: MatmulPlan, k: number): MatmulPlan {
  const tileK = Math.min(plan.tileK, Math.max(4, powerAbove(k)));
  return { ...plan, tileK, slices: Math.min(plan.slices, tileK / 4) };
}
