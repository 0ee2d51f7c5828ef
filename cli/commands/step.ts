import process from "node:process";
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import type { Bundle, HostTensor } from "../../compiler/core/program.ts";
import { train } from "../../host.ts";
import { dimsOf } from "../../runtime/batch.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import { openDevice } from "../../runtime/device.ts";
import type { StoredTensor } from "../../runtime/io/safetensors.ts";
import { encodeSafetensors } from "../../runtime/io/safetensors.ts";
import { readTensors } from "../../runtime/io/tensors.ts";
import { FileError } from "../../runtime/io/source.ts";
import type { StepRow } from "../../runtime/trainer.ts";
import type { Trainer } from "../../runtime/trainer.ts";
import { batchAt, toDType } from "../data.ts";
import { collect, deviceOption, knownDims, memoryOption, parseCount, parseDims } from "../options.ts";
import { UsageError } from "../report.ts";
import { Timings, timingsOption } from "../timings.ts";

interface StepOptions {
  readonly dims?: string[];
  readonly weights?: string;
  readonly data: string;
  readonly steps: number;
  readonly device?: DeviceChoice;
  readonly memory?: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly out?: string;
  readonly timings?: boolean;
}

/** The doors for outside checks: exact steps and predictions on tensors from files. */
export function stepCommands(cli: Command): void {
  const shared = (name: string) =>
    cli.command(name)
      .argument("<file>", "a .mpt program")
      .option("--dims <dims>", "symbols of the batch, as N=8; the data's shapes tell them otherwise", collect)
      .option("--weights <file>", "safetensors by parameter path (fc1.weight); the others from the seed")
      .requiredOption("--data <file>", "safetensors by input name")
      .addOption(deviceOption())
      .addOption(memoryOption())
      .option("--seed <n>", "seed of the initial weights and of random bits", parseCount("seed", 0), 0)
      .addOption(timingsOption());

  shared("step")
    .description("make exact training steps on given data, for checking against another implementation")
    .option("--steps <k>", "batches; the data then has a leading axis of k", parseCount("steps", 1), 1)
    .option("--json", "print one JSON object: {steps: [{loss, scale, skipped, …}]}")
    .option("--out <file>", "weights after the last step, and the last update's gradients as grad/PATH")
    .action(runSteps);

  shared("predict")
    .description("run the model on given data and write its outputs")
    .option("--json", "print the outputs' names, dtypes and shapes as JSON")
    .requiredOption("--out <file>", "where the outputs go, as safetensors")
    .action(runPredict);
}

async function openTrainer(
  file: string,
  options: Omit<StepOptions, "steps">,
  use: (trainer: Trainer, timed: () => object) => Promise<void>,
) {
  const timings = options.timings ? new Timings() : undefined;
  const device = await openDevice({ device: options.device });
  try {
    const trainer = await train(file, device, { ...options, onStage: timings?.onStage });
    if (options.weights) await trainer.load(weightsFor(trainer.bundle, readTensors(options.weights)));
    await use(trainer, () => {
      timings?.device(device);
      return timings ? { timings: timings.toJson() } : {};
    });
    if (!options.json) {
      timings?.device(device);
      timings?.show();
    }
    await trainer.destroy();
  } finally {
    device.close();
  }
}

async function runSteps(file: string, options: StepOptions): Promise<void> {
  const data = readTensors(options.data);
  await openTrainer(file, options, async (trainer, timed) => {
    const { batch: specs, accumulate } = trainer.bundle.interface;
    if (specs.length === 0) throw new UsageError(`${file} has no train block: there is no step to make`);
    const given = knownDims(parseDims(options.dims), trainer.bundle.interface);
    const grads = options.out !== undefined;
    const rows: StepRow[] = [];
    let dims: Record<string, number> = {};
    for (let k = 0; k < options.steps; k++) {
      const batch = batchAt(specs, data, k, options.steps);
      dims = agree(dimsOf(specs, batch), given);
      rows.push(await trainer.step(batch, { grads }));
    }
    if (options.out) {
      const out = new Map<string, HostTensor>(await trainer.weights());
      if (options.steps >= accumulate) {
        for (const [path, tensor] of await trainer.grads(dims)) out.set(`grad/${path}`, tensor);
      }
      writeTensors(options.out, out);
    }
    if (options.json) {
      const steps = rows.map((row) => ({ ...row, scale: row.scale ?? 1, skipped: Boolean(row.skipped) }));
      process.stdout.write(JSON.stringify({ steps, ...timed() }) + "\n");
    } else {
      rows.forEach((row, k) => {
        const fields = Object.entries(row).map(([name, value]) => `${name} ${value}`);
        process.stdout.write(`batch ${k}  ${fields.join("  ")}\n`);
      });
    }
  });
}

async function runPredict(file: string, options: StepOptions & { out: string }): Promise<void> {
  const data = readTensors(options.data);
  await openTrainer(file, options, async (trainer, timed) => {
    const { inputs, batch } = trainer.bundle.interface;
    const own = inputs.every((s) => data.has(s.name));
    const specs = (own ? inputs : batch).filter((s) => data.has(s.name));
    const outputs = await trainer.predict(batchAt(specs, data, 0, 1));
    writeTensors(options.out, new Map(Object.entries(outputs)));
    const listed = Object.entries(outputs).map(([name, t]) => ({ name, dtype: t.dtype, shape: t.shape }));
    if (options.json) process.stdout.write(JSON.stringify({ outputs: listed, ...timed() }) + "\n");
    else for (const t of listed) process.stdout.write(`${t.name}: ${t.dtype}[${t.shape.join(", ")}]\n`);
  });
}

/** Weights in the program's dtypes; `grad/…` entries of an earlier `--out` are passed over. */
function weightsFor(bundle: Bundle, tensors: ReadonlyMap<string, StoredTensor>): Map<string, HostTensor> {
  const dtypes = new Map(bundle.interface.params.map((p) => [p.path, p.dtype]));
  const out = new Map<string, HostTensor>();
  for (const [path, tensor] of tensors) {
    if (!path.startsWith("grad/")) out.set(path, toDType(tensor, dtypes.get(path) ?? "f32"));
  }
  return out;
}

function agree(found: Record<string, number>, given: Record<string, number>): Record<string, number> {
  for (const [name, value] of Object.entries(given)) {
    if (name in found && found[name] !== value) {
      throw new UsageError(`--dims says ${name}=${value}, the data has ${name}=${found[name]}`);
    }
  }
  return found;
}

function writeTensors(path: string, tensors: ReadonlyMap<string, HostTensor>): void {
  try {
    writeFileSync(path, encodeSafetensors(tensors));
  } catch (error) {
    throw new FileError(path, "write", error);
  }
}
