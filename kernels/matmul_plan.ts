import type { MatmulKernel } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { CORES, DISPATCH } from "./gpu.ts";
import { type MatrixPlan, matrixUnit } from "./matrix_plan.ts";
import { MATRIX_CANDIDATES, timeOnMatrixUnits } from "./matrix_speed.ts";
import { operandsOf, togetherAlongK } from "./matmul_operand.ts";
import { powerAbove, product } from "./reduce_plan.ts";

/**
 * A tiling of a contraction. A workgroup makes `tileM` × `tileN` of the result, `tileK` steps of the sum at a time; a
 * step is `termsOf` the kernel.
 */
export interface MatmulPlan {
  /** Where operands wait for their products: shared in workgroup memory, or loaded by each invocation for itself. */
  readonly operands: "panels" | "registers";
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  /** What one invocation accumulates, multiples of 4. */
  readonly perM: number;
  readonly perN: number;
  /** Invocations that share one piece of the result, each with its part of every `tileK`. */
  readonly slices: number;
}

/** Products that plain arithmetic adds at once: four of bytes, else one. */
export function termsOf({ a }: MatmulKernel): 1 | 4 {
  return a.kind === "f32" ? 1 : 4;
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

/**
 * What a tiling takes, measured on one large GPU (an H100 class card under Dawn); others rank tilings much alike, and a
 * wrong choice costs time only.
 */
export interface Speed {
  /** Multiply-adds a microsecond with the GPU full. */
  readonly rate: number;
  /** Microseconds that a workgroup takes for each `tileK` when it has the GPU to itself. */
  readonly step: number;
  /** The part of `rate` that is reached with one workgroup on each core. */
  readonly alone: number;
  /** Workgroups on each core from which the rate is full. */
  readonly full: number;
}

/** The tilings for plain arithmetic on a GPU that `planMatmul` chooses from. */
export const GPU_CANDIDATES: readonly (MatmulPlan & Speed)[] = [
  {
    operands: "panels",
    tileM: 128,
    tileN: 128,
    tileK: 16,
    perM: 8,
    perN: 8,
    slices: 1,
    rate: 20.5e6,
    step: 1.3,
    alone: 0.8,
    full: 2,
  },
  {
    operands: "panels",
    tileM: 64,
    tileN: 64,
    tileK: 16,
    perM: 8,
    perN: 4,
    slices: 1,
    rate: 18e6,
    step: 0.8,
    alone: 0.6,
    full: 4,
  },
  {
    operands: "panels",
    tileM: 64,
    tileN: 64,
    tileK: 16,
    perM: 4,
    perN: 4,
    slices: 1,
    rate: 16e6,
    step: 0.75,
    alone: 0.6,
    full: 4,
  },
  {
    operands: "panels",
    tileM: 32,
    tileN: 32,
    tileK: 32,
    perM: 4,
    perN: 4,
    slices: 4,
    rate: 12.6e6,
    step: 0.56,
    alone: 0.6,
    full: 4,
  },
  {
    operands: "panels",
    tileM: 16,
    tileN: 64,
    tileK: 32,
    perM: 4,
    perN: 4,
    slices: 4,
    rate: 12e6,
    step: 0.7,
    alone: 0.6,
    full: 4,
  },
  {
    operands: "panels",
    tileM: 64,
    tileN: 16,
    tileK: 32,
    perM: 4,
    perN: 4,
    slices: 4,
    rate: 11.3e6,
    step: 0.62,
    alone: 0.6,
    full: 4,
  },
  {
    operands: "panels",
    tileM: 16,
    tileN: 16,
    tileK: 64,
    perM: 4,
    perN: 4,
    slices: 8,
    rate: 8.5e6,
    step: 0.46,
    alone: 0.5,
    full: 4,
  },
];

/**
 * What a tiling takes on the two cores of a CPU, measured with f16 on an adapter whose vectors have eight lanes (llvmpipe);
 * one with vectors of four ranks them alike.
 */
export interface CpuSpeed {
  /** Multiply-adds a microsecond. */
  readonly rate: number;
  /** Milliseconds that it takes to compile. */
  readonly compile: number;
}

/** How the eight invocations of a workgroup, the lanes of a vector, can lie; all load as slowly. */
const GRIDS = [[1, 8], [8, 1], [2, 4]] as const;

function onCpu(perM: number, perN: number, tileK: number, speed: CpuSpeed): (MatmulPlan & CpuSpeed)[] {
  return GRIDS.map(([down, across]) => ({
    operands: "registers",
    tileM: perM * down,
    tileN: perN * across,
    tileK,
    perM,
    perN,
    slices: 1,
    ...speed,
  }));
}

/**
 * The tilings on a CPU: an operand in registers is read once for as many products as can be, and nobody waits. A step of
 * the sum is at most `tileK`.
 */
export const CPU_CANDIDATES: readonly (MatmulPlan & CpuSpeed)[] = [
  ...onCpu(8, 8, 8, { rate: 13500, compile: 350 }),
  ...onCpu(4, 8, 8, { rate: 11000, compile: 185 }),
  ...onCpu(8, 4, 8, { rate: 11000, compile: 185 }),
  ...onCpu(4, 4, 8, { rate: 8000, compile: 100 }),
];

/** Runs over which compiling a kernel is to be paid back. */
const RUNS = 1000;

function timeOnCpu(
  { tileM, tileN, rate, compile }: MatmulPlan & CpuSpeed,
  { batch, m, n, k }: Extents,
): number {
  const padded = batch * Math.ceil(m / tileM) * tileM * Math.ceil(n / tileN) * tileN;
  return padded * k / rate + compile * 1000 / RUNS;
}

interface Extents {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Microseconds, and sums that an invocation makes, up to which a contraction is in nobody's way. */
const BRIEF = 4 * DISPATCH;
const FEW_SUMS = 16;

interface Choice {
  readonly plan: { readonly plain: MatmulPlan } | { readonly matrix: MatrixPlan };
  /** Microseconds, more or less. */
  readonly time: number;
}

function timeOf(c: MatmulPlan & Speed, { batch, m, n, k }: Extents): number {
  const tiles = batch * Math.ceil(m / c.tileM) * Math.ceil(n / c.tileN);
  const each = tiles / CORES;
  const busy = each < 1 ? c.alone * each : Math.min(1, c.alone + (1 - c.alone) * (each - 1) / (c.full - 1));
  const work = tiles * c.tileM * c.tileN * k / (c.rate * busy);
  return DISPATCH + Math.max(work, Math.ceil(k / c.tileK) * c.step);
}

function best(kernel: MatmulKernel, target: Target): Choice {
  const extents = extentsOf(kernel);
  const plain = bestPlain(kernel, target, target.limits.maxComputeInvocationsPerWorkgroup);
  const unit = target.processor === "cpu" ? undefined : matrixUnit(kernel, target);
  const matrix = !unit ? [] : MATRIX_CANDIDATES.map((c): Choice => ({
    plan: { matrix: { ...c, unit } },
    time: timeOnMatrixUnits(c, unit, extents),
  }));
  return quickest([{ plan: { plain: plain.plan }, time: plain.time }, ...matrix]);
}

/** For plain arithmetic, in a workgroup of at most so many invocations. */
function bestPlain(kernel: MatmulKernel, { processor, limits }: Target, invocations: number) {
  const extents = extentsOf(kernel);
  const steps = { ...extents, k: Math.ceil(extents.k / termsOf(kernel)) };
  if (processor === "cpu") {
    return quickest(CPU_CANDIDATES.map((plan) => ({ plan, time: timeOnCpu(plan, steps) })));
  }
  return quickest(
    GPU_CANDIDATES
      .filter((c) =>
        threadsOf(fitted(c, kernel)) <= invocations &&
        panelLengths(c).total * 16 <= limits.maxComputeWorkgroupStorageSize
      )
      .map((plan) => ({ plan, time: timeOf(plan, steps) })),
  );
}

function quickest<T extends { readonly time: number }>(choices: readonly T[]): T {
  return choices.reduce((a, b) => b.time < a.time ? b : a);
}

function extentsOf({ batch, m, n, k }: MatmulKernel): Extents {
  return { batch: product(batch), m, n, k };
}

/** How a kernel is best tiled, for plain arithmetic or for matrix units. */
export function planMatmul(kernel: MatmulKernel, target: Target): Choice["plan"] {
  const { plan } = best(kernel, target);
  return "plain" in plan ? { plain: fitted(plan.plain, kernel) } : plan;
}

/**
 * How a kernel is tiled that shares its dispatch, and so the size of its workgroups, with others: by plain arithmetic,
 * the sum in as many slices as there are invocations for, which are no fewer than it takes (`takenByPart`).
 */
export function planPart(kernel: MatmulKernel, target: Target, invocations: number): MatmulPlan {
  return sliced(fitted(bestPlain(kernel, target, invocations).plan, kernel), invocations);
}

function sliced(plan: MatmulPlan, invocations: number): MatmulPlan {
  if (plan.operands === "registers") return plan;
  const more = powerAbove(Math.floor(invocations / (threadsOf(plan) / plan.slices)) + 1) / 2;
  return { ...plan, slices: Math.max(plan.slices, Math.min(more, plan.tileK / 4)) };
}

/**
 * What a kernel takes that shares a dispatch: the invocations that it needs, and bytes of workgroup memory where it has
 * `most`.
 */
export function takenByPart(kernel: MatmulKernel, target: Target, most: number) {
  const plan = fitted(bestPlain(kernel, target, most).plan, kernel);
  const bytes = plan.operands === "panels" ? panelLengths(sliced(plan, most)).total * 16 : 0;
  return { invocations: threadsOf(plan), bytes };
}

/**
 * Whether a contraction is over in the time of a few launches, and takes few registers: others in its dispatch then cost
 * it, and it costs them, less than a launch. A longer one wants its registers and its cores for itself.
 */
export function isBrief(kernel: MatmulKernel, target: Target): boolean {
  const { plan, time } = best(kernel, target);
  if (target.processor !== "gpu" || !("plain" in plan)) return false;
  return time <= BRIEF && plan.plain.perM * plan.plain.perN <= FEW_SUMS;
}

/** A tiling as a kernel takes it: its steps are no longer than what the kernel has to fill them. */
export function fitted(plan: MatmulPlan, kernel: MatmulKernel): MatmulPlan {
  if (plan.operands === "registers") return { ...plan, tileK: Math.min(plan.tileK, stepOf(kernel, plan)) };
  // A sum shorter than a panel takes a shorter panel.
  const tileK = Math.min(plan.tileK, Math.max(4, powerAbove(Math.ceil(kernel.k / termsOf(kernel)))));
  return { ...plan, tileK, slices: Math.min(plan.slices, tileK / 4) };
}

/** Rows of a block: what is loaded together along k, else few, since all of them are written out. */
function stepOf(kernel: MatmulKernel, plan: MatmulPlan): number {
  const { a, b } = operandsOf(kernel, plan);
  return Math.max(
    2,
    togetherAlongK(kernel, a) / termsOf(kernel),
    togetherAlongK(kernel, b) / termsOf(kernel),
  );
}
