import { compile } from "./compiler/compile.ts";
import type { CompileOptions } from "./compiler/compile.ts";
import { DiagnosticError } from "./compiler/core/diagnostic.ts";
import type { Bundle } from "./compiler/core/program.ts";
import type { Device } from "./runtime/device.ts";
import { executorOf } from "./runtime/executor.ts";
import { readSource, resolveBeside } from "./runtime/io/source.ts";
import { Trainer } from "./runtime/trainer.ts";
import type { TrainerOptions } from "./runtime/trainer.ts";

/** Compiles a file for a device; imports are found beside it. Throws FileError, and DiagnosticError for its faults. */
export function load(path: string, options: CompileOptions = {}): Bundle {
  const { bundle, diagnostics } = compile(readSource(path), { resolve: resolveBeside, ...options });
  if (!bundle) throw new DiagnosticError(diagnostics);
  return bundle;
}

export interface TrainOptions extends TrainerOptions {
  /** The most that a Program and its State may take, in bytes or as "2GiB". */
  readonly memory?: CompileOptions["memory"];
  /** Told when each stage of compiling begins and ends. */
  readonly onStage?: CompileOptions["onStage"];
}

/** A trainer for a file on an opened device, weights fresh from the seed. */
export async function train(path: string, device: Device, options: TrainOptions = {}): Promise<Trainer> {
  const { memory, onStage } = options;
  const bundle = load(path, { target: device.target, memory, onStage });
  return await Trainer.create(bundle, await executorOf(device), options);
}
