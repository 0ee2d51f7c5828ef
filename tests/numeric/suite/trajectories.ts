import { compile } from "../../../compiler/compile.ts";
import type { Trajectory } from "../../support/fixtures.ts";
import { readFixture, trajectory, trajectoryNames } from "../../support/fixtures.ts";
import type { StoredTensor } from "../../../runtime/io/safetensors.ts";
import { numbersOf } from "../../../runtime/io/safetensors.ts";
import type { StepRow, Trainer } from "../../../runtime/trainer.ts";
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
const program = ({ name, program }: Pick<Trajectory, "name" | "program">) => `
model Mlp {
  precision ${/mixed_b?f16/.exec(name)?.[0] ?? "f32"}
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
    await trainer.load(weightsOf(fixture.init));
    const rows = await steps(trainer, fixture.batches);
    for (const row of rows) assertEquals(row.skipped ?? 0, 0);
    const losses = rows.map((row) => row.loss);
    const weights = new Map([...await trainer.weights()].map(([path, t]) => [path, numbers(t)]));
    return { losses, weights };
  });
}

const weightsOf = (tensors: ReadonlyMap<string, StoredTensor>) =>
  new Map([...tensors].map(([path, t]) => [path, f32Tensor(t.shape, numbersOf(t))]));

async function steps(trainer: Trainer, batches: Trajectory["batches"]): Promise<StepRow[]> {
  const [x, label] = [numbersOf(batches.x), numbersOf(batches.label)];
  const count = batches.x.shape[0];
  const rows: StepRow[] = [];
  for (let k = 0; k < count; k++) {
    rows.push(
      await trainer.step({
        x: Float32Array.from(x.subarray(k * 8 * 13, (k + 1) * 8 * 13)),
        label: Int32Array.from(label.subarray(k * 8, (k + 1) * 8)),
      }),
    );
  }
  return rows;
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

  deviceTest(
    on,
    "eighty steps of mixed f16 under a GradScaler skip and scale where PyTorch's do",
    async (rig) => {
      const { tensors, metadata } = readFixture("mixed_f16.safetensors");
      const under = (prefix: string) =>
        new Map(
          [...tensors].filter(([k]) => k.startsWith(prefix)).map(([k, t]) => [k.slice(prefix.length), t]),
        );
      const text = program({ name: "mixed_f16", program: metadata.get("program")! });
      await rig.train(text, async (trainer) => {
        await trainer.load(weightsOf(under("init.")));
        const rows = await steps(trainer, { x: tensors.get("batch.x")!, label: tensors.get("batch.label")! });
        const column = (name: string) => [...numbersOf(tensors.get(name)!)];
        assertEquals(rows.map((r) => r.skipped), column("skipped"));
        assertEquals(rows.map((r) => r.scale), column("scale"));
        // Sums in another order round to a neighbour in f16 here and there.
        assertArrayAlmostEquals(rows.map((r) => r.loss), column("loss"), { rtol: 1e-3, atol: 1e-3 });
        const weights = await trainer.weights();
        for (const [path, final] of under("final.")) {
          const got = numbers(weights.get(path)!), want = numbersOf(final);
          const moved = distance(want, numbersOf(tensors.get(`init.${path}`)!));
          assertLess(distance(got, want), 5e-3 * moved, path);
        }
      });
    },
  );

  if (on.name !== "cpu") return;
  for (const [name, said] of Object.entries(REFUSED)) {
    Deno.test(`trajectory ${name} is not covered yet: the compiler says so`, () => {
      const { bundle, diagnostics } = compile({ file: "test.mpt", text: program(trajectory(name)) });
      assertEquals(bundle, undefined);
      assertMatch(diagnostics.map((d) => `${d.code} ${d.message}`).join("\n"), said);
    });
  }
}
