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

/** The path of a script in `children`. */
function child(name: string): string {
  return fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url));
}

/** Runs a program to its own end; one that does not end is killed after 30 s and reports the signal. */
async function run(program: string, args: string[], env: Record<string, string>): Promise<Ended> {
  const output = await new Deno.Command(program, {
    args,
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
    assertRanOnce(
      await run(Deno.execPath(), ["run", "-A", "--no-check", child("run_once")], { MPT_DEVICE: api }),
    ),
});

const bun = findBun();

Deno.test({
  name: `process: ends by itself under Bun on ${name}`,
  ignore: noGpu || api !== "dawn" || skipWithout("bun", bun !== undefined),
  fn: async () => assertRanOnce(await run(bun!, ["run", child("run_once")], { MPT_DEVICE: "dawn" })),
});

const node = findNode();

Deno.test({
  name: `process: ends by itself under Node on ${name}`,
  ignore: noGpu || api !== "dawn" || skipWithout("bun", bun !== undefined) || !node,
  async fn() {
    // Node 20 reads no TypeScript: Bun turns the script and what it imports into one file, beside node_modules.
    const file = fileURLToPath(
      new URL(`../../node_modules/.mpt_${crypto.randomUUID()}.mjs`, import.meta.url),
    );
    try {
      const built = await run(
        bun!,
        ["build", child("run_once"), "--target=node", "--external=webgpu", `--outfile=${file}`],
        {},
      );
      assertEquals(built.code, 0, built.stderr);
      assertRanOnce(await run(node!, [file], { MPT_DEVICE: "dawn" }));
    } finally {
      await Deno.remove(file).catch(() => {});
    }
  },
});

function findNode(): string | undefined {
  try {
    return new Deno.Command("node", { args: ["--version"] }).outputSync().success ? "node" : undefined;
  } catch {
    return undefined;
  }
}

const bare = ["run", "--no-prompt", "--no-check"];

Deno.test("process: without permissions Dawn's missing one is named, and something else is taken", async () => {
  const { stdout, stderr, code } = await run(Deno.execPath(), [...bare, child("doctor")], {});
  assertEquals([code, stderr], [0, ""]);
  // Deno's own WebGPU needs no permission, so on a real card it is that.
  assertStringIncludes(stdout, name === "hardware" ? "(deno)" : "device   CPU");
  assertStringIncludes(
    stdout,
    "dawn: unavailable, Deno may not load Dawn's native library; grant it with --allow-ffi",
  );
});

Deno.test("process: a device asked for and not permitted is a message, not a stack trace", async () => {
  const { stdout, stderr, code } = await run(Deno.execPath(), [
    ...bare,
    "--allow-env=MPT_DEVICE",
    child("doctor"),
  ], {
    MPT_DEVICE: "dawn",
  });
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "problem  MPT cannot use dawn: Deno may not load");
  assert(!stdout.includes("    at "), stdout);
});

Deno.test("process: a device that does not exist is named with those that do", async () => {
  const { stdout } = await run(Deno.execPath(), [...bare, "--allow-env", child("doctor")], {
    MPT_DEVICE: "tpu",
  });
  assertStringIncludes(stdout, 'MPT_DEVICE is "tpu"; it must be one of auto, dawn, deno, browser, cpu');
});
