import { fileURLToPath } from "node:url";
import { assertArrayAlmostEquals, assertEquals, assertMatch } from "../assert.ts";
import { findBun } from "../support/bun.ts";
import { skipWithout } from "../support/devices.ts";

const bun = findBun();
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FEW = fileURLToPath(new URL("./children/few_steps.ts", import.meta.url));

/** Starts the first example under Bun and stops it once it has told of a step. */
async function firstSteps(): Promise<string> {
  const child = new Deno.Command(bun!, {
    args: ["run", "examples/mnist/train.ts"],
    cwd: ROOT,
    env: { MPT_DEVICE: "cpu", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timeout = setTimeout(() => child.kill(), 120_000);
  let said = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (/step\D+[1-9]/.test(said) && /loss\D+\d/.test(said)) {
        clearTimeout(timeout);
        child.kill();
      }
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  await child.status;
  clearTimeout(timeout);
  return said;
}

Deno.test({
  name: "bun: examples/mnist/train.ts trains",
  ignore: skipWithout("bun", bun !== undefined),
  async fn() {
    const said = await firstSteps();
    assertMatch(said, /training on CPU/);
    assertMatch(said, /step\D+[1-9]/);
    assertMatch(said, /loss\D+\d/);
  },
});

interface Row {
  readonly loss: number;
  readonly scale: number;
  readonly skipped: number;
}

Deno.test({
  name: "bun: the same program, seed and batches train as under Deno",
  ignore: skipWithout("bun", bun !== undefined),
  async fn() {
    const run = async (command: string, args: string[]): Promise<Row[]> => {
      const { code, stdout, stderr } = await new Deno.Command(command, {
        args: [...args, FEW],
        cwd: ROOT,
        env: { MPT_DEVICE: "cpu" },
      }).output();
      const text = new TextDecoder();
      assertEquals([code, text.decode(stderr)], [0, ""]);
      return JSON.parse(text.decode(stdout)).rows;
    };
    const [rows, want] = [await run(bun!, ["run"]), await run(Deno.execPath(), ["run", "-A", "--no-check"])];
    assertEquals(rows.length, 8);
    // The engines' exp and log may differ by an ulp; everything else is exact.
    assertArrayAlmostEquals(rows.map((r) => r.loss), want.map((r) => r.loss), { rtol: 1e-4 });
    assertEquals(rows.map((r) => [r.scale, r.skipped]), want.map((r) => [r.scale, r.skipped]));
  },
});
