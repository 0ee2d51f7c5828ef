import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { load } from "../../host.ts";
import type { Dataset } from "../../runtime/batch.ts";
import { batches } from "../../runtime/batch.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import { openDevice } from "../../runtime/device.ts";
import { executorOf } from "../../runtime/executor.ts";
import { encodeSafetensors } from "../../runtime/io/safetensors.ts";
import { FileError } from "../../runtime/io/source.ts";
import { readTensors } from "../../runtime/io/tensors.ts";
import { Progress } from "../../runtime/progress.ts";
import { Trainer } from "../../runtime/trainer.ts";
import { datasetOf } from "../data.ts";
import { deviceOption, memoryOption, parseCount } from "../options.ts";
import { UsageError } from "../report.ts";
import { Timings, timingsOption } from "../timings.ts";

interface TrainOptions {
  readonly data: string;
  readonly batch: number;
  readonly steps?: number;
  readonly test?: string;
  readonly device?: DeviceChoice;
  readonly memory?: number;
  readonly seed: number;
  readonly out?: string;
  readonly timings?: boolean;
}

/** `mpt train`: whole data sets from safetensors files. */
export function trainCommands(cli: Command): void {
  cli.command("train").argument("<file>", "a .mpt program").description("train a program on a data set")
    .requiredOption("--data <file>", "safetensors by batch input name, one row an example")
    .option("--test <file>", "examples to evaluate on afterwards")
    .option("--batch <n>", "examples a batch", parseCount("batch", 1), 128)
    .option("--steps <n>", "batches; the schedule's total unless given", parseCount("steps", 1))
    .addOption(deviceOption())
    .addOption(memoryOption())
    .option("--seed <n>", "seed of weights, order and random bits", parseCount("seed", 0), 0)
    .option("--out <file>", "where the trained weights go, as safetensors")
    .addOption(timingsOption())
    .action(runTrain);
}

async function runTrain(file: string, options: TrainOptions): Promise<void> {
  const timings = options.timings ? new Timings() : undefined;
  const device = await openDevice({ device: options.device });
  try {
    console.log(`training on ${device.name}: ${device.probes.at(-1)?.reason}`);
    const { memory } = options;
    const bundle = load(file, { target: device.target, memory, onStage: timings?.onStage });
    const specs = bundle.interface.batch;
    if (specs.length === 0) throw new UsageError(`${file} has no train block: there is nothing to train`);
    const steps = options.steps ?? bundle.interface.totalSteps;
    if (steps === undefined) {
      throw new UsageError(`say how long with --steps: the schedule of ${file} has no total`);
    }
    const rowsOf = (path: string): [Dataset, number] => datasetOf(specs, readTensors(path), path);
    const [data, rows] = rowsOf(options.data);
    const trainer = await Trainer.create(bundle, await executorOf(device), options);
    const progress = new Progress({ steps, batchSize: options.batch });
    const order = { batchSize: options.batch, epochs: Infinity, seed: options.seed };
    await trainer.fit(batches(data, rows, order), {
      steps,
      onStep: (row, step) => progress.update(row, step),
    });
    progress.done();
    if (options.test) {
      const [test, count] = rowsOf(options.test);
      const means = await trainer.evaluate(
        batches(test, count, { batchSize: options.batch, shuffle: false }),
      );
      console.log(
        `test ${
          Object.entries(means).map(([k, v]) => `${k} ${v.toFixed(4)}`).join("  ")
        } on ${count} examples`,
      );
    }
    if (options.out) {
      try {
        writeFileSync(options.out, encodeSafetensors(await trainer.weights()));
      } catch (error) {
        throw new FileError(options.out, "write", error);
      }
    }
    await trainer.destroy();
    timings?.device(device);
    timings?.show();
  } finally {
    device.close();
  }
}
