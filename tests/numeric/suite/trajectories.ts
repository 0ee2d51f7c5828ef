import { compile } from "../../../compiler/compile.ts";
import type { Trajectory } from "../../support/fixtures.ts";
import { trajectory, trajectoryNames } from "../../support/fixtures.ts";
import { numbersOf } from "../../../runtime/io/safetensors.ts";
import type { Trainer } from "../../../runtime/trainer.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertLess, assertMatch } from "../../assert.ts";
import type { Rig, SuiteDevice } from "./on_device.ts";
import { deviceTest, f32Tensor, numbers } from "./on_device.ts";

/** Fifty steps beside PyTorch's, on the same weights and batches. */

/** Runs of features that this version refuses, and how it says so. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  adagrad: /Adagrad/,
  adamw_ema: /ema/,
  rmsprop: /RMSprop/,
};

/** The network of tests/fixtures/make/trajectories.py. */
const program = ({ name, program }: Trajectory) => `
model Mlp {
  precision ${name === "adamw_mixed_bf16" ? "mixed_bf16" : "f32"}
  layer fc1 = Linear(13, 17)
  layer fc2 = Linear(17, 5)
  forward(x: float[N, 13]) -> f32[N, 5] { return x |> fc1 |> relu |> fc2 }
}
train Mlp {
  batch(x: f32[N, 13], label: i32[N])
  loss = cross_entropy(Mlp(x), label)
  ${program}
}
`;

interface Ran {
  readonly losses: number[];
  readonly weights: ReadonlyMap<string, Float64Array>;
}

async function run(rig: Rig, fixture: Trajectory): Promise<Ran> {
  return await rig.train(program(fixture), async (trainer) => {
    await trainer.load(
      new Map([...fixture.init].map(([path, t]) => [path, f32Tensor(t.shape, numbersOf(t))])),
    );
    const losses = await steps(trainer, fixture);
    const weights = new Map([...await trainer.weights()].map(([path, t]) => [path, numbers(t)]));
    return { losses, weights };
  });
}

async function steps(trainer: Trainer, { batches }: Trajectory): Promise<number[]> {
  const [x, label] = [numbersOf(batches.x), numbersOf(batches.label)];
  const count = batches.x.shape[0];
  const losses: number[] = [];
  for (let k = 0; k < count; k++) {
    const row = await trainer.step({
      x: Float32Array.from(x.subarray(k * 8 * 13, (k + 1) * 8 * 13)),
      label: Int32Array.from(label.subarray(k * 8, (k + 1) * 8)),
    });
    assertEquals(row.skipped ?? 0, 0);
    losses.push(row.loss);
  }
  return losses;
}

const distance = (x: Float64Array, y: Float64Array) =>
  Math.sqrt(x.reduce((s, v, i) => s + (v - y[i]) ** 2, 0));

export function trajectorySuite(on: SuiteDevice): void {
  deviceTest(on, "trajectories beside PyTorch", async (rig, t) => {
    for (const name of trajectoryNames().filter((n) => !(n in REFUSED) && n !== "adamw_mixed_bf16")) {
      await t.step(name, async () => {
        const fixture = trajectory(name);
        const { losses, weights } = await run(rig, fixture);
        assertArrayAlmostEquals(losses, fixture.loss, { rtol: 1e-5, atol: 1e-6, message: "loss" });
        assertEquals([...weights.keys()].sort(), [...fixture.final.keys()].sort());
        for (const [path, final] of fixture.final) {
          const want = numbersOf(final), first = numbersOf(fixture.init.get(path)!);
          assertArrayAlmostEquals(weights.get(path)!, want, { rtol: 1e-5, atol: 1e-6, message: path });
          // PyTorch's own weights moved far more than the tolerance.
          assertLess(1e-2, distance(want, first), path);
        }
      });
    }
  });

  deviceTest(on, "the bf16 trajectory stays as near PyTorch's autocast as bf16 allows", async (rig) => {
    const fixture = trajectory("adamw_mixed_bf16");
    const { losses, weights } = await run(rig, fixture);
    // Both round to bf16 at the same places and sum in other orders; f32 is further off than the two are apart.
    assertArrayAlmostEquals(losses, fixture.loss, { rtol: 0.02, atol: 0.02 });
    for (const [path, final] of fixture.final) {
      const want = numbersOf(final), exact = numbersOf(fixture.final64.get(path)!);
      const moved = distance(want, numbersOf(fixture.init.get(path)!));
      assertLess(distance(weights.get(path)!, want), 0.05 * moved, path);
      assert(distance(want, exact) > 0, "the fixture's run is not in bf16");
    }
  });

  if (on.name !== "cpu") return;
  for (const [name, said] of Object.entries(REFUSED)) {
    Deno.test(`trajectory ${name} is not covered yet: the compiler says so`, () => {
      const { bundle, diagnostics } = compile({ file: "test.mpt", text: program(trajectory(name)) });
      assertEquals(bundle, undefined);
      assertMatch(diagnostics.map((d) => `${d.code} ${d.message}`).join("\n"), said);
    });
  }
}
