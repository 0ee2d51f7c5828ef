import process from "node:process";
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { bench, BenchError } from "../../bench/bench.ts";
import { renderBench } from "../../bench/render.ts";
import { chromeTrace } from "../../bench/trace.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import { openDevice } from "../../runtime/device.ts";
import { FileError } from "../../runtime/io/source.ts";
import { readTensors } from "../../runtime/io/tensors.ts";
import { batchAt } from "../data.ts";
import { collect, deviceOption, memoryOption, parseCount, parseDims } from "../options.ts";
import { UsageError } from "../report.ts";
import { Timings, timingsOption } from "../timings.ts";

interface BenchCommand {
  readonly dims?: string[];
  readonly data?: string;
  readonly device?: DeviceChoice;
  readonly memory?: number;
  readonly rounds: number;
  readonly steps?: number;
  readonly seed: number;
  readonly variants?: string[];
  readonly profile?: string | true;
  readonly json?: boolean;
  readonly timings?: boolean;
}

/** `mpt bench`: a training step, mixed and f32, fused and unfused. */
export function benchCommands(cli: Command): void {
  cli.command("bench").argument("<file>", "a .mpt program with a train block")
    .description(
      "measure a training step: mixed against f32, fused against unfused, against what the device can do",
    )
    .option("--dims <dims>", "symbols of the batch, as N=128 or N=8,T=16", collect)
    .option("--data <file>", "one batch, as safetensors by input name; random values unless given")
    .addOption(deviceOption())
    .addOption(memoryOption())
    .option("--rounds <n>", "rounds, of which the median is told", parseCount("rounds", 5), 5)
    .option("--steps <n>", "steps a round; half a second's unless given", parseCount("steps", 1))
    .option("--seed <n>", "seed of weights and random data", parseCount("seed", 0), 1)
    .option(
      "--variants <names...>",
      "of mixed-fused, mixed-unfused, f32-fused, f32-unfused; all unless given",
    )
    .option("--profile [file]", "write one step of each variant, dispatch by dispatch, as a Chrome trace")
    .option("--json", "print everything as JSON")
    .addOption(timingsOption())
    .action(runBench);
}

async function runBench(file: string, options: BenchCommand): Promise<void> {
  const { data } = options;
  const tensors = data === undefined ? undefined : readTensors(data);
  const timings = options.timings ? new Timings() : undefined;
  const device = await openDevice({ device: options.device });
  try {
    const { result, trace } = await bench(file, device, {
      ...options,
      dims: parseDims(options.dims),
      variants: options.variants?.flatMap((v) => v.split(",")),
      batch: tensors && ((specs) => batchAt(specs, tensors, 0, 1)),
      onStage: timings?.onStage,
      progress: process.stderr.isTTY ? showProgress : undefined,
    });
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    timings?.selfTest(device);
    const told = timings ? { ...result, timings: timings.toJson() } : result;
    process.stdout.write(options.json ? JSON.stringify(told, null, 2) + "\n" : renderBench(result));
    if (!options.json) timings?.show();
    if (options.profile) {
      const path = options.profile === true ? "trace.json" : options.profile;
      write(path, JSON.stringify(chromeTrace(trace)));
      if (!options.json) {
        console.log(`trace written to ${path}: open it in chrome://tracing or ui.perfetto.dev`);
      }
    }
    if (result.faults.length > 0) process.exitCode = 1;
  } catch (error) {
    throw error instanceof BenchError ? new UsageError(error.message) : error;
  } finally {
    device.close();
  }
}

function showProgress(doing: string): void {
  process.stderr.write(`\r\x1b[K${doing}`);
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new FileError(path, "write", error);
  }
}
