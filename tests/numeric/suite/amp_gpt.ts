import { readFileSync } from "node:fs";
import { numbersOf, type StoredTensor } from "../../../runtime/io/safetensors.ts";
import type { StepRow } from "../../../runtime/trainer.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertLess } from "../../assert.ts";
import { readFixture } from "../../support/fixtures.ts";
import { deviceTest, f32Tensor, numbers, type Rig, type SuiteDevice } from "./on_device.ts";

/** Up to fifty steps of the example's GPT beside PyTorch's on a GPU, in f32 and under autocast with its GradScaler. */

const ALL = 50, TOKENS = 4 * 32;
const { tensors } = readFixture("amp/gpt.safetensors");
const column = (name: string) => numbersOf(tensors.get(name)!);
const under = (prefix: string) =>
  [...tensors].filter(([key]) => key.startsWith(prefix))
    .map(([key, t]): [string, StoredTensor] => [key.slice(prefix.length), t]);

/** The example in one precision throughout, at the fixture's size, with the fixture's optimizer. */
function program(precision: string): string {
  const example = readFileSync(new URL("../../../examples/gpt/gpt.mpt", import.meta.url), "utf8");
  const models = example.slice(0, example.indexOf("train GPT"));
  const replaced = models.replace(/precision \{[^}]*\}/, `precision ${precision}`);
  assert(replaced !== models, "the example has a precision of its own");
  return `${replaced}
    train GPT(vocab: 65, ctx: 32, dim: 48, heads: 3, depth: 2) {
      batch(ids: i32[B, 32], target: i32[B, 32])
      loss = cross_entropy(GPT(ids), target)
      optimizer = AdamW(lr: 1e-3, betas: [0.9, 0.99], weight_decay: 0.1)
      clip = norm(1.0)
    }`;
}

interface Ran {
  readonly rows: readonly StepRow[];
  readonly losses: readonly number[];
  readonly weights: ReadonlyMap<string, Float64Array>;
}

async function run(rig: Rig, precision: string, steps: number): Promise<Ran> {
  return await rig.train(program(precision), async (trainer) => {
    await trainer.load(new Map(under("init.").map(([path, t]) => [path, f32Tensor(t.shape, numbersOf(t))])));
    const ids = Int32Array.from(column("batch.ids")), target = Int32Array.from(column("batch.target"));
    const rows: StepRow[] = [];
    for (let k = 0; k < steps; k++) {
      const of = (all: Int32Array) => all.slice(k * TOKENS, (k + 1) * TOKENS);
      rows.push(await trainer.step({ ids: of(ids), target: of(target) }));
    }
    const weights = new Map([...await trainer.weights()].map(([path, t]) => [path, numbers(t)]));
    return { rows, losses: rows.map((row) => row.loss), weights };
  });
}

const distance = (x: Float64Array, y: Float64Array) => Math.hypot(...x.map((v, i) => v - y[i]));
const largest = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x).reduce((m, v, i) => Math.max(m, Math.abs(v - y[i])), 0);

/** Runs the first `steps` of the fixture's fifty; the weights are compared where all of them end. */
export function ampGptSuite(on: SuiteDevice, steps = ALL): void {
  deviceTest(on, `amp: ${steps} steps of a GPT in f32 beside PyTorch's`, async (rig) => {
    const { losses, weights } = await run(rig, "f32", steps);
    const first = column("loss.f32").slice(0, steps);
    assertArrayAlmostEquals(losses, first, { rtol: 1e-4, atol: 0, message: "loss" });
    if (steps < ALL) return;
    assertLess(losses[ALL - 1], 0.95 * losses[0]);
    const final = under("final.");
    assertEquals([...weights.keys()].sort(), final.map(([path]) => path).sort());
    for (const [path, t] of final) {
      const want = numbersOf(t), got = weights.get(path)!;
      const moved = distance(want, column(`init.${path}`));
      // AdamW divides by √v: where a gradient is nearly 0 (a key's bias, which softmax ignores), its noise moves a weight by
      // as much as a gradient would. The rest of a tensor must have gone where PyTorch's went.
      const bias = path.endsWith("qkv.bias");
      const kept = (x: Float64Array) => bias ? x.filter((_, i) => i < 48 || i >= 96) : x;
      assertLess(1e-3, moved, path);
      assertLess(distance(kept(got), kept(want)), 2e-3 * moved, path);
    }
  });

  deviceTest(on, `amp: ${steps} steps of a GPT in mixed f16 stay within PyTorch's own band`, async (rig) => {
    const { rows, losses } = await run(rig, "mixed_f16", steps);
    const f32 = column("loss.f32"), first = (name: string) => [...column(name)].slice(0, steps);
    // PyTorch's distance between autocast and f32 is what f16 costs this run; three times it is a run of the same quality.
    const band = largest(column("loss.amp"), f32);
    assertLess(0, band);
    assertLess(largest(losses, f32), 3 * band + 1e-4);
    assertEquals(rows.map((row) => row.scale), first("scale.amp"));
    assertEquals(rows.map((row) => row.skipped), rows.map(() => 0));
    // f16 was used at all.
    assertLess(1e-6, largest(losses, f32));
  });
}
