import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { findBun } from "../support/bun.ts";
import { skipWithout, testDevice } from "../support/devices.ts";
import { noGpu } from "./open.ts";

const { api, name } = testDevice();
const decoder = new TextDecoder();

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  readonly signal: string | null;
}

/** Runs a script to its own end; a process that does not end is killed after 30 s and reports the signal. */
async function run(
  program: string,
  args: string[],
  child: string,
  env: Record<string, string>,
): Promise<Ended> {
  const script = fileURLToPath(new URL(`./children/${child}.ts`, import.meta.url));
  const output = await new Deno.Command(program, {
    args: [...args, script],
    // The Vulkan loader complains to stderr where XDG_RUNTIME_DIR is unset.
    env: { NO_COLOR: "1", XDG_RUNTIME_DIR: "/tmp", ...env },
    stdin: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  return {
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
    code: output.code,
    signal: output.signal,
  };
}

function assertRanOnce({ stdout, stderr, code, signal }: Ended): void {
  assertEquals({ code, signal }, { code: 0, signal: null }, stderr);
  // The sum of 0…99 in each of 12 elements.
  assertEquals(JSON.parse(stdout), { loss: 12 * 4950, runs: 100, echo: Array(12).fill(99) });
}

Deno.test({
  name: `process: ends by itself under Deno on ${name}`,
  ignore: noGpu,
  fn: async () =>
    assertRanOnce(await run(Deno.execPath(), ["run", "-A", "--no-check"], "run_once", { MPT_DEVICE: api })),
});

const bun = findBun();

Deno.test({
  name: `process: ends by itself under Bun on ${name}`,
  ignore: noGpu || api !== "dawn" || skipWithout("bun", bun !== undefined),
  fn: async () => assertRanOnce(await run(bun!, ["run"], "run_once", { MPT_DEVICE: "dawn" })),
});

const bare = ["run", "--no-prompt", "--no-check"];

Deno.test("process: without permissions the CPU is taken and Dawn's missing one is named", async () => {
  const { stdout, stderr, code } = await run(Deno.execPath(), bare, "doctor", {});
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "device   CPU");
  assertStringIncludes(
    stdout,
    "dawn: unavailable, Deno may not load Dawn's native library; grant it with --allow-ffi",
  );
});

Deno.test("process: a device asked for and not permitted is a message, not a stack trace", async () => {
  const { stdout, stderr, code } = await run(Deno.execPath(), [...bare, "--allow-env=MPT_DEVICE"], "doctor", {
    MPT_DEVICE: "dawn",
  });
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "problem  MPT cannot use dawn: Deno may not load");
  assert(!stdout.includes("    at "), stdout);
});

Deno.test("process: a device that does not exist is named with those that do", async () => {
  const { stdout } = await run(Deno.execPath(), [...bare, "--allow-env"], "doctor", { MPT_DEVICE: "tpu" });
  assertStringIncludes(stdout, 'MPT_DEVICE is "tpu"; it must be one of auto, dawn, deno, browser, cpu');
});
