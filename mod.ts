/**
 * mpt: a small language for neural networks with precision written into it, compiled to a fused graph and trained on
 * WebGPU.
 *
 * ```ts
 * import { batches, openDevice, train } from "mpt";
 *
 * const device = await openDevice();
 * const trainer = await train("mlp.mpt", device);
 * await trainer.fit(batches({ image, label }, rows, { batchSize: 128, epochs: 5 }));
 * ```
 *
 * @module
 */
export { compile, type Compiled, type CompileOptions } from "./compiler/compile.ts";
export { type Diagnostic, DiagnosticError } from "./compiler/core/diagnostic.ts";
export { renderDiagnostics } from "./compiler/core/render_diagnostic.ts";
export type { DType } from "./compiler/core/dtype.ts";
export type { Bundle, Executor, HostTensor, Program } from "./compiler/core/program.ts";
export type { OnStage, StageEvent } from "./compiler/core/stage.ts";
export type { Target } from "./compiler/core/target.ts";
export {
  type Batch,
  type BatchArray,
  BatchError,
  batches,
  type BatchOptions,
  type Dataset,
  type ShapedArray,
} from "./runtime/batch.ts";
export { type Device, DeviceError, type DeviceOptions, openDevice } from "./runtime/device.ts";
export { doctor, renderDoctor } from "./runtime/doctor.ts";
export { executorOf } from "./runtime/executor.ts";
export { decodeSafetensors, encodeSafetensors } from "./runtime/io/safetensors.ts";
export { Progress } from "./runtime/progress.ts";
export {
  type FitOptions,
  type FitResult,
  type StepRow,
  Trainer,
  type TrainerOptions,
} from "./runtime/trainer.ts";
export { load, train, type TrainOptions } from "./host.ts";
