import type { DType, Kind } from "../compiler/core/dtype.ts";
import type { MatmulKernel } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";

/** A tiling for matrix units: a subgroup makes `subM` × `subN` of the result. */
export interface MatrixTile {
  readonly tileM: number;
  readonly tileN: number;
  readonly subM: number;
  readonly subN: number;
}

/** A kind of matrix unit: it multiplies fragments of `FRAGMENT` × `depth` by `depth` × `FRAGMENT`. */
export interface MatrixUnit {
  readonly component: "f16" | "i8" | "u8";
  readonly result: Kind & ("f32" | "i32" | "u32");
  readonly depth: number;
  /** Components in a vec4<u32>, in which operands are staged. */
  readonly chunk: number;
  /** Of the sum, what stands in workgroup memory at a time: 64 bytes. */
  readonly tileK: number;
  /** Multiply-adds in the time of one of f16. */
  readonly rate: number;
}

export interface MatrixPlan extends MatrixTile {
  readonly unit: MatrixUnit;
}

/** Rows and columns of a fragment of the result. */
export const FRAGMENT = 16;
/** Invocations of a subgroup. */
export const SUBGROUP = 32;

export const MATRIX_UNITS: Readonly<Record<MatrixUnit["component"], MatrixUnit>> = {
  f16: { component: "f16", result: "f32", depth: 16, chunk: 8, tileK: 32, rate: 1 },
  i8: { component: "i8", result: "i32", depth: 32, chunk: 16, tileK: 64, rate: 1.85 },
  u8: { component: "u8", result: "u32", depth: 32, chunk: 16, tileK: 64, rate: 1.85 },
};

export function matrixThreads(p: MatrixTile): number {
  return (p.tileM / p.subM) * (p.tileN / p.subN) * SUBGROUP;
}

/** Floats whose every value f16 holds. */
const FITS_F16: ReadonlySet<DType> = new Set(["f16", "f8e4m3", "f8e5m2"]);

/** The target's matrix unit that makes the kernel's product exactly as plain arithmetic would, if it has one. */
export function matrixUnit({ a, operand }: MatmulKernel, target: Target): MatrixUnit | undefined {
  const { subgroups, subgroupMatrix, f16, limits } = target;
  const unit = a.kind !== "f32"
    ? MATRIX_UNITS[operand as "i8" | "u8"]
    : f16 && FITS_F16.has(operand)
    ? MATRIX_UNITS.f16
    : undefined;
  const usable = subgroups?.min === SUBGROUP && subgroups.max === SUBGROUP &&
    limits.maxComputeWorkgroupStorageSize >= 20 * 1024;
  const has = subgroupMatrix.some((s) =>
    s.component === unit?.component && s.result === unit.result && s.M === FRAGMENT && s.N === FRAGMENT &&
    s.K === unit.depth
  );
  return usable && has ? unit : undefined;
}
