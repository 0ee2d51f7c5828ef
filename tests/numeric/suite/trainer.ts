import type { Batch } from "../../../runtime/batch.ts";
import { BatchError, batches } from "../../../runtime/batch.ts";
import type { StepRow } from "../../../runtime/trainer.ts";
import { Trainer } from "../../../runtime/trainer.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertLess, assertRejects } from "../../assert.ts";
import type { SuiteDevice } from "./on_device.ts";
import { deviceTest, f32Tensor, numbers } from "./on_device.ts";
import { Random } from "./random.ts";

/** The Trainer on a device: determinism, evaluation, prediction, ragged batches, weights in and out. */

const CLASSIFIER = (fields = "optimizer = AdamW(lr: 1e-2)", precision = "mixed_f16") => `
model Net(hidden: int = 24) {
  precision ${precision}
  layer fc1 = Linear(7, hidden)
  layer fc2 = Linear(hidden, 3) in f32
  forward(x: float[N, 7]) -> f32[N, 3] { return x |> fc1 |> relu |> fc2 }
}
train Net {
  batch(x: f32[N, 7], label: i32[N])
  let logits = Net(x)
  loss = cross_entropy(logits, label)
  metric accuracy = mean(argmax(logits, axis: -1) == label)
  ${fields}
}
`;

/** Points that a linear teacher labels. */
function dataset(random: Random, rows: number) {
  const x = Float32Array.from({ length: rows * 7 }, () => random.between(-1, 1));
  const label = Int32Array.from({ length: rows }, (_, r) => {
    const [a, b, c] = x.subarray(7 * r);
    return a > b ? (b > c ? 0 : 1) : (a > c ? 2 : 1);
  });
  return { x, label };
}

const slice = ({ x, label }: { x: Float32Array; label: Int32Array }, from: number, to: number) => ({
  x: x.slice(7 * from, 7 * to),
  label: label.slice(from, to),
});

const bytesOf = async (trainer: Trainer) =>
  new Map([...await trainer.weights()].map(([path, { data }]) => [path, [...data]]));

export function trainerSuite(on: SuiteDevice): void {
  deviceTest(on, "the same seed and batches give the same bits, another seed others", async (rig) => {
    const data = dataset(new Random(1), 64);
    const runs = [];
    for (const seed of [5, 5, 6]) {
      runs.push(
        await rig.train(CLASSIFIER(), async (trainer) => {
          const rows: StepRow[] = [];
          await trainer.fit(batches(data, 64, { batchSize: 16, epochs: 3, seed: 1 }), {
            onStep: (r) => rows.push(r),
          });
          return { rows, weights: await bytesOf(trainer) };
        }, { seed }),
      );
    }
    assertEquals(runs[1], runs[0]);
    for (const [path, bytes] of runs[2].weights) {
      assert(bytes.join() !== runs[0].weights.get(path)!.join(), `${path} does not depend on the seed`);
    }
  });

  deviceTest(on, "reset starts over", async (rig) => {
    const data = dataset(new Random(2), 32);
    await rig.train(CLASSIFIER(), async (trainer) => {
      const first = await bytesOf(trainer);
      const train = async () => {
        const rows: StepRow[] = [];
        await trainer.fit(batches(data, 32, { batchSize: 8 }), { onStep: (r) => rows.push(r) });
        return rows;
      };
      const one = await train();
      assert((await bytesOf(trainer)).get("fc1.weight")!.join() !== first.get("fc1.weight")!.join());
      await trainer.reset(3);
      assertEquals(await bytesOf(trainer), first);
      assertEquals(await train(), one);
    }, { seed: 3 });
  });

  deviceTest(
    on,
    "fit calls back in order, stops after its steps, and drops or trains a ragged batch",
    async (rig) => {
      const data = dataset(new Random(3), 50);
      const order = { batchSize: 16, shuffle: false };
      for (
        const [options, want] of [
          [{}, { steps: 3, skipped: 0, dropped: 1 }],
          [{ ragged: "train" }, { steps: 4, skipped: 0, dropped: 0 }],
          [{ steps: 2 }, { steps: 2, skipped: 0, dropped: 0 }],
          [{ steps: 0 }, { steps: 0, skipped: 0, dropped: 0 }],
        ] as const
      ) {
        await rig.train(CLASSIFIER("optimizer = SGD(lr: 0.01)", "f32"), async (trainer) => {
          const seen: number[] = [];
          const { last, ...counts } = await trainer.fit(batches(data, 50, order), {
            ...options,
            onStep: (_, step) => seen.push(step),
          });
          assertEquals(counts, want);
          assertEquals(seen, Array.from({ length: want.steps }, (_, i) => i));
          assertEquals(last === undefined, want.steps === 0);
        });
      }
    },
  );

  deviceTest(on, "fit stops at an abort, and passes on what a callback or a source throws", async (rig) => {
    const data = dataset(new Random(4), 64);
    await rig.train(CLASSIFIER(), async (trainer) => {
      const forever = () => batches(data, 64, { batchSize: 16, epochs: Infinity });
      const controller = new AbortController();
      const { steps } = await trainer.fit(forever(), {
        signal: controller.signal,
        onStep: (_, step) => step === 4 && controller.abort(),
      });
      assert(steps >= 5 && steps < 2000, `${steps}`);
      const onStep = () => {
        throw new RangeError("enough");
      };
      await assertRejects(() => trainer.fit(forever(), { onStep }), RangeError, "enough");
      async function* broken(): AsyncGenerator<Batch> {
        yield slice(data, 0, 16);
        await Promise.resolve();
        throw new TypeError("no more data");
      }
      await assertRejects(() => trainer.fit(broken()), TypeError, "no more data");
      // The trainer goes on.
      assert(Number.isFinite((await trainer.step(slice(data, 0, 16))).loss));
    });
  });

  deviceTest(on, "evaluate weighs by rows, the last batch's too, and changes nothing", async (rig) => {
    const data = dataset(new Random(5), 53);
    await rig.train(CLASSIFIER("optimizer = AdamW(lr: 1e-2)", "f32"), async (trainer) => {
      await trainer.step(slice(data, 0, 16));
      const before = await bytesOf(trainer);
      const whole = await trainer.evaluate([data]);
      const parts = await trainer.evaluate(batches(data, 53, { batchSize: 20, shuffle: false }));
      const rows = await Promise.all(
        Array.from({ length: 53 }, (_, r) => trainer.evaluate([slice(data, r, r + 1)])),
      );
      for (const key of ["loss", "accuracy"]) {
        const mean = rows.reduce((sum, row) => sum + row[key], 0) / 53;
        assertArrayAlmostEquals([whole[key], parts[key]], [mean, mean], { rtol: 1e-5, atol: 1e-6 });
      }
      assertEquals(await bytesOf(trainer), before);
      await assertRejects(() => trainer.evaluate([]), BatchError, "no batches");
    });
  });

  deviceTest(on, "predict gives the logits that evaluate scores, from either kind of input", async (rig) => {
    const data = dataset(new Random(6), 40);
    await rig.train(CLASSIFIER(), async (trainer) => {
      await trainer.fit(batches(data, 40, { batchSize: 8, epochs: 5 }));
      const { accuracy, loss } = await trainer.evaluate([data]);
      const { output } = await trainer.predict({ x: data.x });
      assertEquals([output.dtype, ...output.shape], ["f32", 40, 3]);
      const logits = numbers(output);
      let hits = 0, nll = 0;
      for (let r = 0; r < 40; r++) {
        const row = [...logits.subarray(3 * r, 3 * r + 3)];
        if (row.indexOf(Math.max(...row)) === data.label[r]) hits++;
        nll += Math.log(row.reduce((s, z) => s + Math.exp(z), 0)) - row[data.label[r]];
      }
      assertArrayAlmostEquals([accuracy, loss], [hits / 40, nll / 40], { rtol: 1e-5, atol: 1e-6 });
      await assertRejects(() => trainer.predict({ z: data.x }), BatchError, "predict takes");
    });
  });

  deviceTest(
    on,
    "weights go out and come in; what does not fit is told and leaves all as it was",
    async (rig) => {
      const data = dataset(new Random(7), 16);
      await rig.train(CLASSIFIER(), async (one) => {
        await one.step(data);
        const weights = await one.weights();
        await rig.train(CLASSIFIER(), async (two) => {
          const fresh = await bytesOf(two);
          const wrong = new Map(weights).set("fc1.bias", f32Tensor([2], [1, 2]));
          await assertRejects(
            () => two.load(wrong),
            BatchError,
            "fc1.bias is f32[24] in the program and f32[2]",
          );
          const unknown = new Map([...weights, ["fc9.weight", f32Tensor([1], [1])]]);
          await assertRejects(() => two.load(unknown), BatchError, "no parameter fc9.weight");
          assertEquals(await bytesOf(two), fresh);
          await two.load(weights);
          assertEquals(await bytesOf(two), await bytesOf(one));
          // The low-precision copies follow: both predict alike.
          assertEquals((await two.predict({ x: data.x })).output, (await one.predict({ x: data.x })).output);
          const [a, b] = [await one.evaluate([data]), await two.evaluate([data])];
          assertEquals(a, b);
        }, { seed: 99 });
      });
    },
  );

  deviceTest(on, "gradients read back are those of finite differences", async (rig) => {
    const data = dataset(new Random(8), 12);
    await rig.train(CLASSIFIER("optimizer = SGD(lr: 0.1) clip = norm(1e-3)", "f32"), async (trainer) => {
      const first = await trainer.weights();
      await trainer.step(data, { grads: true });
      const grads = await trainer.grads({ N: 12 });
      assertEquals([...grads.keys()].sort(), [...first.keys()].sort());
      for (const [path, index] of [["fc1.weight", 10], ["fc2.weight", 5], ["fc2.bias", 1]] as const) {
        const at = async (delta: number) => {
          const t = first.get(path)!;
          const data_ = numbers(t);
          data_[index] += delta;
          await trainer.load(new Map(first).set(path, f32Tensor(t.shape, data_)));
          return (await trainer.evaluate([data])).loss;
        };
        const numeric = (await at(0.01) - await at(-0.01)) / 0.02;
        assertArrayAlmostEquals([numbers(grads.get(path)!)[index]], [numeric], {
          rtol: 2e-2,
          atol: 2e-4,
          message: path,
        });
      }
    });
  });

  deviceTest(on, "a batch that does not fit is told in words, and training goes on", async (rig) => {
    const data = dataset(new Random(9), 16);
    await rig.train(CLASSIFIER(), async (trainer) => {
      for (
        const [bad, said] of [
          [{ x: data.x }, "the batch has no label"],
          [{ x: data.x.slice(1), label: data.label }, "not whole rows"],
          [{ x: data.x, label: data.label.slice(2) }, "making N 16"],
        ] as [Batch, string][]
      ) {
        await assertRejects(() => trainer.step(bad), BatchError, said);
      }
      assert(Number.isFinite((await trainer.step(data)).loss));
    });
  });

  deviceTest(on, "fused equals unfused over twenty steps", async (rig) => {
    const data = dataset(new Random(10), 64);
    for (const precision of ["f32", "mixed_f16"]) {
      const finals = [];
      for (const fuse of [true, false]) {
        const text = CLASSIFIER("optimizer = SGD(lr: 0.1, momentum: 0.9)", precision);
        const trainer = await Trainer.create(rig.bundle(text, { fuse }), rig.executor, { seed: 2 });
        await trainer.fit(batches(data, 64, { batchSize: 16, epochs: 5, seed: 4 }));
        finals.push(await trainer.weights());
        await trainer.destroy();
      }
      for (const [path, t] of finals[0]) {
        // In f16 a sum in another order may round to the neighbour.
        const tolerance = precision === "f32" ? { rtol: 1e-5, atol: 1e-6 } : { rtol: 5e-3, atol: 2e-3 };
        assertArrayAlmostEquals(numbers(finals[1].get(path)!), numbers(t), {
          ...tolerance,
          message: `${path}, ${precision}`,
        });
      }
    }
  });

  deviceTest(on, "mixed f16 learns what f32 learns", async (rig) => {
    const data = dataset(new Random(11), 512);
    const losses: Record<string, number> = {};
    for (const precision of ["f32", "mixed_f16", "mixed_bf16", "pure_bf16", "pure_f16"]) {
      losses[precision] = await rig.train(CLASSIFIER(undefined, precision), async (trainer) => {
        await trainer.fit(batches(data, 512, { batchSize: 32, epochs: 15, seed: 3 }));
        return (await trainer.evaluate([data])).loss;
      }, { seed: 1 });
    }
    assertLess(losses.f32, 0.25);
    assertLess(Math.abs(losses.mixed_f16 - losses.f32), 0.01);
    assertLess(Math.abs(losses.mixed_bf16 - losses.f32), 0.03);
    assertLess(losses.pure_bf16, 0.5);
    assertLess(losses.pure_f16, 0.5);
  });
}
