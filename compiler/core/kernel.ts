import type { DType } from "./dtype.ts";
import { byteSize } from "./dtype.ts";
import type { Expr } from "./expr.ts";

/**
 * Kernels as data. WGSL is one rendering of them; the CPU executor runs the same data.
 *
 * **Layout.** A tensor is row-major with its innermost extent padded to whole 4-byte words (`rowLength`); padding holds
 * zeros, and a write of a sub-word dtype writes whole words, so one invocation owns the elements of a word. A rank-0
 * tensor is one row of one element.
 */
export type Kernel = SingleKernel | GroupKernel;

/** What computes over one iteration space. */
export type SingleKernel = MapKernel | ReduceKernel | MatmulKernel;

/** A buffer range that a kernel reads or writes; a dispatch says which. */
export interface Binding {
  /** What stands there, for inspect: a graph value's or a state slot's name. */
  readonly name: string;
  readonly dtype: DType;
  readonly access: "read" | "write" | "read_write";
  /** Logical shape. */
  readonly shape: readonly number[];
}

interface KernelBase {
  /** Unique in its Program, stable from one compilation to the next: `k03_matmul_relu`. */
  readonly name: string;
  readonly bindings: readonly Binding[];
  /** The binding (u32[1], atomic on a GPU) to which an overflow in a flagged rounding ORs 1. */
  readonly flag?: number;
  /** The graph nodes computed here, for inspect: `["%12 matmul", "%13 add", …]`. */
  readonly fuses: readonly string[];
  /** Set when compiled for a GPU. */
  readonly shader?: Shader;
}

/** A WGSL module with one entry point, `main`, whose bindings are group 0 in the kernel's order. */
export interface Shader {
  readonly code: string;
  readonly workgroups: readonly [number, number, number];
  readonly workgroupSize: readonly [number, number, number];
  /** Which rendering was chosen, for inspect: "plain", "subgroup_matrix 16x16x16 f16". */
  readonly variant: string;
}

/** Writes `value` at the kernel's coordinates, to a tensor whose logical shape is the iteration space of the store. */
export interface Store {
  readonly binding: number;
  readonly value: Expr;
  /**
   * Where in a larger tensor it is written, which others fill as well. Offset and strides but the last, which is 1, are
   * multiples of four elements, unless a single one is stored, of four bytes; a contraction's last extent is one too. The
   * CPU executor's contractions store to no place.
   */
  readonly place?: Place;
}

/** The elements of a tensor at `offset` + Σ coordinate · stride. */
export interface Place {
  readonly offset: number;
  readonly strides: readonly number[];
}

/**
 * `out[c] = value(c)` for every coordinate c of `shape`. Axes of coords are those of `shape`; stores may use the
 * prelude's accumulators.
 */
export interface MapKernel extends KernelBase {
  readonly family: "map";
  readonly shape: readonly number[];
  readonly stores: readonly Store[];
  readonly prelude?: Prelude;
}

/**
 * Reductions over few terms whose results every element wants: on a GPU each workgroup makes them for itself, in one
 * order. Axes of coords are those of `inner`, which has nothing to do with the map's shape.
 */
export interface Prelude {
  readonly inner: readonly number[];
  readonly phases: readonly (readonly Accumulator[])[];
}

export type Combine = "sum" | "max" | "min" | "argmax" | "argmin" | "or";

/**
 * For every coordinate of `outer`, reductions over `inner`, phase after phase: a later phase and the stores may use the
 * accumulators of earlier ones. Coords: axes 0…outer.length−1 are outer, then inner. Sums accumulate in f32, identities
 * are 0, −∞ (as the least finite f32), +∞, 0; `argmax` gives the i32 position in row-major order of inner, first of
 * equals; `or` combines booleans.
 */
export interface ReduceKernel extends KernelBase {
  readonly family: "reduce";
  readonly outer: readonly number[];
  readonly inner: readonly number[];
  readonly phases: readonly (readonly Accumulator[])[];
  /** One value for each outer coordinate; tensor shape `outer`. No coord of inner occurs. */
  readonly rowStores: readonly Store[];
  /** One value for each outer and inner coordinate; tensor shape `[...outer, ...inner]`. */
  readonly elementStores: readonly Store[];
}

/** Accumulators are numbered through all phases, in order: `acc` expressions name them by that number. */
export interface Accumulator {
  readonly combine: Combine;
  readonly value: Expr;
}

/**
 * `acc0[b…, m, n] = Σ_k a(b…, m, k) · b(b…, k, n)`, then stores over `[...batch, m, n]`. `a` and `b` are of one kind,
 * which the sum has too: f32, or, where `operand` is i8 or u8, i32 or u32 (modulo 2³²).
 * Coords: axes 0…B−1 are batch, then m is axis B, n is axis B+1, k is axis B+2. `a` does not mention n, `b` not m;
 * stores may use acc 0 and the batch, m and n coords.
 */
export interface MatmulKernel extends KernelBase {
  readonly family: "matmul";
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Expr;
  readonly b: Expr;
  /** `a` and `b` hold values of this dtype exactly; a matrix unit may carry them in it. */
  readonly operand: DType;
  readonly stores: readonly Store[];
}

/**
 * Kernels that need nothing of one another, run by one dispatch: each has workgroups of its own. Every part's
 * `bindings` and `flag` are the group's, so that its expressions and stores name the group's bindings. What several
 * parts name, they read, or it is the flag.
 */
export interface GroupKernel extends KernelBase {
  readonly family: "group";
  readonly parts: readonly SingleKernel[];
}

/** The kernels that a dispatch runs. */
export function partsOf(kernel: Kernel): readonly SingleKernel[] {
  return kernel.family === "group" ? kernel.parts : [kernel];
}

/** Every store of a kernel. */
export function storesOf(kernel: SingleKernel): readonly Store[] {
  return kernel.family === "reduce" ? [...kernel.rowStores, ...kernel.elementStores] : kernel.stores;
}

/** Every expression of a kernel: what is reduced or contracted, then what is stored. */
export function valuesOf(kernel: SingleKernel): Expr[] {
  const stored = storesOf(kernel).map((s) => s.value);
  if (kernel.family === "matmul") return [kernel.a, kernel.b, ...stored];
  const phases = kernel.family === "reduce" ? kernel.phases : kernel.prelude?.phases ?? [];
  return [...phases.flat().map((a) => a.value), ...stored];
}

/** Workgroups of a map that each make its prelude, at most: enough to keep a GPU busy, each then with more elements. */
export const MOST_PRELUDES = 1024;

/** Elements from the start of one row to the next: the innermost extent, padded to whole words. */
export function rowLength(shape: readonly number[], dtype: DType): number {
  const lanes = 4 / byteSize(dtype);
  return Math.ceil((shape.at(-1) ?? 1) / lanes) * lanes;
}

/** Physical strides in elements. */
export function stridesOf(shape: readonly number[], dtype: DType): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= i === shape.length - 1 ? rowLength(shape, dtype) : shape[i];
  }
  return strides;
}

/** Bytes of a tensor in its padded layout, a multiple of 4. */
export function physicalBytes(shape: readonly number[], dtype: DType): number {
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  return rows * rowLength(shape, dtype) * byteSize(dtype);
}
