/**
 * Runs the tests: all of them in one process for the CPU, then `tests/gpu` once more in a process for each GPU device
 * that works here (see `tests/support/devices.ts`). Devices that do not are reported as skipped by name; one that
 * `MPT_REQUIRE` names is a failure instead. The last line is `N passed, N failed`.
 *
 *     deno task test [--device=cpu,lavapipe] [options of deno test] [paths]
 *
 * @module
 */
import { existsSync } from "node:fs";
import {
  deviceEnv,
  deviceNamed,
  probeDevice,
  requiredNames,
  TEST_DEVICES,
  type TestDevice,
} from "../tests/support/devices.ts";
import { parseSummary, runFiltered, type TestCounts } from "./test_process.ts";

/** Where the tests are that run on every device. */
const GPU_TESTS = "tests/gpu";

/** What to run. */
export interface TestOptions {
  devices: readonly TestDevice[];
  /** Files and folders; none means all. */
  paths: readonly string[];
  /** Passed to `deno test`. */
  flags: readonly string[];
  /** Leaves out the lines of tests that passed. */
  quiet: boolean;
  /** Takes the output, in pieces. */
  write: (text: string) => void;
}

/** Splits the arguments of `deno task test`. @throws Error on an unknown device */
export function parseArgs(args: readonly string[]): TestOptions {
  const names = args.filter((arg) => arg.startsWith("--device=")).flatMap((arg) => arg.slice(9).split(","));
  const rest = args.filter((arg) => !arg.startsWith("--device=") && arg !== "--quiet");
  return {
    devices: names.length > 0 ? names.map(deviceNamed) : TEST_DEVICES,
    paths: rest.filter((arg) => !arg.startsWith("-") && existsSync(arg)),
    flags: rest.filter((arg) => arg.startsWith("-") || !existsSync(arg)),
    quiet: args.includes("--quiet"),
    write: (text) => void Deno.stdout.writeSync(new TextEncoder().encode(text)),
  };
}

/** Runs them, prints a line for each device, and gives the counts of all together. */
export async function runTests(options: TestOptions, required = requiredNames()): Promise<TestCounts> {
  const total: TestCounts = { passed: 0, failed: 0, ignored: 0 };
  const report: string[] = [];
  for (const device of options.devices) {
    const paths = pathsFor(device, options.paths);
    if (paths === "none") continue;
    const probe = await probeDevice(device);
    const name = device.name.padEnd(12);
    if (!probe.available) {
      if (required.has(device.name)) total.failed++;
      report.push(
        `${name}${required.has(device.name) ? "FAILED (MPT_REQUIRE names it)" : "skipped"}: ${probe.reason}`,
      );
      continue;
    }
    options.write(`\n${device.name}: ${probe.adapter}\n`);
    const start = performance.now();
    const counts = await runProcess(device, paths, options);
    for (const key of ["passed", "failed", "ignored"] as const) total[key] += counts[key];
    const ignored = counts.ignored > 0 ? `, ${counts.ignored} ignored` : "";
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    report.push(
      `${name}${counts.passed} passed, ${counts.failed} failed${ignored} in ${seconds} s on ${probe.adapter}`,
    );
  }
  options.write(["", ...report, ""].join("\n"));
  return total;
}

/** The paths of a run that are for `device`: all for the CPU, those under `tests/gpu` for the others. */
function pathsFor(device: TestDevice, paths: readonly string[]): readonly string[] | "none" {
  if (device.api === "none") return paths;
  const all = paths.length > 0 ? paths : [GPU_TESTS];
  const chosen = all.filter((path) => path.replace(/^\.\//, "").startsWith(GPU_TESTS) && existsSync(path));
  return chosen.length > 0 ? chosen : "none";
}

async function runProcess(
  device: TestDevice,
  paths: readonly string[],
  options: TestOptions,
): Promise<TestCounts> {
  // A native WebGPU is loaded once a process; workers side by side would share it.
  const parallel = device.api === "none" ? ["--parallel"] : [];
  const args = ["test", "-A", "--no-check", ...parallel, ...options.flags, ...paths];
  const { code, output } = await runFiltered(args, deviceEnv(device), options);
  const counts = parseSummary(output);
  if (code === 0 && counts) return counts;
  // A crash, or a failure that belongs to no test, must not look like success.
  return counts && counts.failed > 0 ? counts : { passed: 0, ignored: 0, ...counts, failed: 1 };
}

if (import.meta.main) {
  try {
    const { passed, failed } = await runTests(parseArgs(Deno.args));
    console.log(`${passed} passed, ${failed} failed`);
    Deno.exit(failed > 0 ? 1 : 0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(2);
  }
}
