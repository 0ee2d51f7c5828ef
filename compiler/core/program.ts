import type { DType } from "./dtype.ts";
import type { Kernel } from "./kernel.ts";
import type { Target } from "./target.ts";

/** The serialisable contract between compiler and runtime. Nothing here is a function. */

/** A range of a buffer. Offsets are multiples of 256 bytes where a binding starts. */
export interface View {
  /** Index into `Program.buffers`. */
  readonly buffer: number;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * - `state`: lives as long as the State and is shared by every Program of the Bundle, by name.
 * - `input`: the host writes it before a run.
 * - `temp`: belongs to one run; several tensors may share it at different times. Contents are undefined at the start.
 * - `result`: the host reads it after a run.
 */
export interface BufferDecl {
  readonly name: string;
  readonly bytes: number;
  readonly role: "state" | "input" | "temp" | "result";
}

/** Launches kernels in order; each sees the writes of those before it. */
export interface Dispatch {
  /** Index into `Program.kernels`; several dispatches may share a kernel. */
  readonly kernel: number;
  /** One view for each binding of the kernel. */
  readonly views: readonly View[];
}

export interface TensorView {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly view: View;
}

/** One entry point at one set of dims. */
export interface Program {
  readonly entry: Entry;
  readonly dims: Readonly<Record<string, number>>;
  readonly buffers: readonly BufferDecl[];
  readonly kernels: readonly Kernel[];
  readonly dispatches: readonly Dispatch[];
  readonly inputs: readonly TensorView[];
  /**
   * What the host may read. A training step has the scalars `loss`, `scale` (in force during the step), `skipped` (u32)
   * and each metric, packed into one result buffer; asked for, `grad/PATH` too. `predict` has `output` or `output.0`….
   */
  readonly results: readonly TensorView[];
  /** Segments whose inner values the backward pass computes again; none where it is absent. For inspect. */
  readonly recomputed?: readonly Recomputed[];
}

/** A segment of the forward pass of which the backward pass keeps only what flows in. */
export interface Recomputed {
  /** `2.5`: the fifth segment, inside the second; `auto3` was chosen for a memory limit. */
  readonly segment: string;
  readonly why: string;
  /** Products and reductions are kept: only what is elementwise between them is computed again. */
  readonly light: boolean;
}

/**
 * - `init`: fills the State from its seed.
 * - `sync`: derives low-precision copies from the masters, after weights were loaded.
 * - `step`: one whole training step. `micro` and `apply`: the same in two, for accumulation.
 * - `eval`: loss and metrics, state unchanged. `predict`: the model's outputs.
 */
export type Entry = "init" | "sync" | "step" | "micro" | "apply" | "eval" | "predict";

/**
 * One named tensor of the State: `param/fc1.weight` (the master), `copy.f16/fc1.weight`, `adam.m/fc1.weight`,
 * `scaler.scale`, `scaler.clean`, `step`, `seed` (u32[2]), `found_inf` (u32[1]).
 */
export interface StateSlot {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The state buffer it lives in, and where. */
  readonly buffer: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface StateLayout {
  readonly buffers: readonly { readonly name: string; readonly bytes: number }[];
  readonly slots: readonly StateSlot[];
}

/** A batch input or predict input as declared; dims are numbers or symbols' texts. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

/** What a host needs to know of a compiled train block (or of a bare model: then `batch` is empty). */
export interface Interface {
  readonly model: string;
  readonly batch: readonly InputSpec[];
  readonly inputs: readonly InputSpec[];
  readonly metrics: readonly string[];
  readonly accumulate: number;
  readonly lossScaling: "none" | "static" | "dynamic" | "adaptive";
  /** `total` of the schedule, where it has one. */
  readonly totalSteps?: number;
  readonly params: readonly {
    readonly path: string;
    readonly dtype: DType;
    readonly shape: readonly number[];
  }[];
}

/** What an executor needs to run one Bundle: the State's layout and the Programs, made when first asked for. */
export interface Bundle {
  readonly interface: Interface;
  readonly target: Target;
  readonly state: StateLayout;
  /** Throws DiagnosticError where the dims do not fit the program. */
  program(entry: Entry, dims: Readonly<Record<string, number>>, options?: ProgramOptions): Program;
}

export interface ProgramOptions {
  /** Adds `grad/PATH` results: unscaled, before clipping, f32. */
  readonly grads?: boolean;
  /** `predict` from the train block's batch inputs instead of the model's own. */
  readonly fromBatch?: boolean;
}

/** Bytes of a tensor on the host: unpadded, row-major, little-endian, in its dtype. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Scalars of one run that the host asked for, read late. */
export type Row = Readonly<Record<string, number>>;

/**
 * Runs Programs on one device. Every method but `read…` returns as soon as the work is queued; runs execute in order.
 * Implemented on GPUDevice (runtime/gpu) and on typed arrays (runtime/cpu).
 */
export interface Executor {
  readonly target: Target;
  /** Allocates the State (zeroed) and returns a handle. */
  createState(layout: StateLayout): Promise<StateHandle>;
  /** Compiles pipelines and allocates temps once; the same Program and State give the same handle back. */
  prepare(program: Program, state: StateHandle): Promise<PreparedProgram>;
  destroy(): void;
}

export interface StateHandle {
  /** Writes a slot from unpadded host bytes. */
  write(slot: string, data: Uint8Array): void;
  /** Reads a slot as unpadded host bytes, after everything queued before. */
  read(slot: string): Promise<Uint8Array>;
  destroy(): void;
}

export interface PreparedProgram {
  readonly program: Program;
  /**
   * Queues one run. `inputs` maps each input's name to unpadded host bytes (copied before returning). Resolves with
   * the scalar results when the device has finished that run; a caller need not wait before queueing the next.
   * A call waits (`ready`) only where more runs are in flight than the executor's rings hold.
   */
  run(inputs: Readonly<Record<string, Uint8Array>>): Promise<Row>;
  /** Resolves when another run may be queued without growing the rings. */
  ready(): Promise<void>;
  /** Reads a non-scalar result of the latest run, as unpadded host bytes. */
  read(result: string): Promise<Uint8Array>;
  destroy(): void;
}
