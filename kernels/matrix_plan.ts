import type { DType } from "../compiler/core/dtype.ts";
import type { MatmulKernel } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";

/** A tiling for matrix units: a subgroup makes `subM` × `subN` of the result from fragments of 16 × 16 × 16. */
export interface MatrixPlan {
  readonly tileM: number;
  readonly tileN: number;
  readonly subM: number;
  readonly subN: number;
}

/** Rows and columns of a fragment. */
export const FRAGMENT = 16;
/** Of the sum, what stands in workgroup memory at a time. */
export const TILE_K = 32;
/** Invocations of a subgroup. */
export const SUBGROUP = 32;

export function matrixThreads(p: MatrixPlan): number {
  return (p.tileM / p.subM) * (p.tileN / p.subN) * SUBGROUP;
}

/** Dtypes whose every value f16 holds. */
const FITS_F16: ReadonlySet<DType> = new Set(["f16", "f8e4m3", "f8e5m2", "i8", "u8", "bool"]);

/** Whether the target's matrix units can make the kernel's product exactly as f32 arithmetic would. */
export function fitsMatrixUnits(kernel: MatmulKernel, target: Target): boolean {
  const { subgroups, subgroupMatrix, f16, limits } = target;
  return f16 && subgroups?.min === SUBGROUP && subgroups.max === SUBGROUP && FITS_F16.has(kernel.operand) &&
    limits.maxComputeWorkgroupStorageSize >= 20 * 1024 &&
    subgroupMatrix.some((s) =>
      s.component === "f16" && s.result === "f32" && s.M === FRAGMENT && s.N === FRAGMENT && s.K === FRAGMENT
    );
}
