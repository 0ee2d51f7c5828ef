import {
  assert,
  assertAlmostEquals,
  assertArrayAlmostEquals,
  assertEquals,
  assertLess,
} from "../../assert.ts";
import type { Trainer } from "../../../runtime/trainer.ts";
import type { SuiteDevice } from "./on_device.ts";
import { regression } from "../../support/programs.ts";
import { deviceTest, f32Tensor, numbers } from "./on_device.ts";
import { Random } from "./random.ts";

/** Loss scaling, skips and accumulation on a device. */

const weight = async (trainer: Trainer, path: string) => numbers((await trainer.weights()).get(path)!);

/** The founding article's example with its sign and its chain rule put right. */
const WORKED = `
model Net {
  precision f32
  layer fc = Linear(2, 2, bias: false)
  forward(x: float[N, 2]) -> f32[N, 2] { return x |> fc |> relu }
}
train Net {
  batch(x: f32[N, 2], y: f32[N, 2])
  let e = Net(x) - y
  loss = sum(e * e) / 2
  optimizer = SGD(lr: 0.01)
}
`;

/** d loss / d w is x·x, by way of f16 alone. */
const underflow = (scaling: string) => `
model Tiny {
  param w: f32[1] = constant(1.0)
  forward(x: float[1]) -> f32[1] {
    let h = x as f16
    return (w as f16) * h * h
  }
}
train Tiny {
  batch(x: f32[1])
  loss = sum(Tiny(x))
  optimizer = SGD(lr: 1e6)
  ${scaling}
}
`;

/** Batches of y = mean(x) over rows of x. */
function batch(random: Random, rows = 8, factor = 1) {
  const x = Float32Array.from({ length: rows * 6 }, () => factor * random.between(-1, 1));
  const y = Float32Array.from(
    { length: rows },
    (_, r) => x.subarray(6 * r, 6 * r + 6).reduce((a, b) => a + b) / 6,
  );
  return { x, y };
}

export function scalingSuite(on: SuiteDevice): void {
  deviceTest(on, "the worked example gives 0.96", async (rig) => {
    await rig.train(WORKED, async (trainer) => {
      await trainer.load(new Map([["fc.weight", f32Tensor([2, 2], [1, 2, 3, 4])]]));
      const row = await trainer.step({ x: [1, 2], y: [1, 1] }, { grads: true });
      // Outputs 5 and 11, targets 1: half of 16 + 100.
      assertEquals(row.loss, 58);
      assertEquals([...numbers((await trainer.grads({ N: 1 })).get("fc.weight")!)], [4, 8, 10, 20]);
      assertArrayAlmostEquals(await weight(trainer, "fc.weight"), [0.96, 1.92, 2.9, 3.8], { rtol: 1e-6 });
    });
  });

  deviceTest(on, "1e-4 · 1e-4 in f16 stalls without scaling", async (rig) => {
    await rig.train(underflow("loss_scale = none"), async (trainer) => {
      for (let k = 0; k < 20; k++) assertEquals((await trainer.step({ x: [1e-4] })).skipped, 0);
      assertEquals([...await weight(trainer, "w")], [1]);
    });
  });

  for (const scaling of ["", "loss_scale = dynamic(init: 65536)", "loss_scale = static(1024)"]) {
    deviceTest(on, `1e-4 · 1e-4 in f16 learns with ${scaling || "scaling derived"}`, async (rig) => {
      await rig.train(underflow(scaling), async (trainer) => {
        let updates = 0;
        for (let k = 0; k < 20; k++) updates += 1 - (await trainer.step({ x: [1e-4] })).skipped;
        assert(updates >= 18, `${updates} updates`);
        const [w] = await weight(trainer, "w");
        // f16 holds 1e-4 to 2^-12: each update moves w by 1e6·1e-8 to 0.1 %.
        assertAlmostEquals(w, 1 - 0.01 * updates, 2e-3 * 0.01 * updates);
      });
    });
  }

  for (const compute of ["mixed_f16", "pure_f16"]) {
    deviceTest(on, `a forced overflow in ${compute} skips, backs off and recovers`, async (rig) => {
      const fields = "optimizer = AdamW(lr: 1e-2) loss_scale = dynamic(init: 1024, interval: 4)";
      await rig.train(regression(fields, compute), async (trainer) => {
        const random = new Random(12);
        const rows = [];
        for (let k = 0; k < 6; k++) rows.push(await trainer.step(batch(random)));
        const before = await trainer.weights();
        const { x, y } = batch(random);
        // The activations stay finite in f32; in f16 the first layer's sums do not fit.
        x[3] = 3e38;
        const bad = await trainer.step({ x, y });
        assertEquals(bad.skipped, 1);
        for (const [path, { data }] of await trainer.weights()) {
          assertEquals(data, before.get(path)!.data, path);
        }
        const next = await trainer.step(batch(random));
        assertEquals([next.skipped, next.scale], [0, bad.scale / 2]);
        // 6 clean steps doubled the scale once; it doubles again 4 clean steps after the skip.
        assertEquals([rows[3].scale, rows[4].scale, bad.scale], [1024, 2048, 2048]);
        for (let k = 0; k < 3; k++) await trainer.step(batch(random));
        assertEquals((await trainer.step(batch(random))).scale, 2048);
        let last = next;
        for (let k = 0; k < 120; k++) last = await trainer.step(batch(random, 32));
        assertLess(last.loss, rows[0].loss / 3);
        assert(Number.isFinite(last.loss));
      });
    });
  }

  deviceTest(on, "a NaN in a batch skips the step and leaves no trace", async (rig) => {
    await rig.train(regression("optimizer = SGD(lr: 0.1, momentum: 0.9)"), async (trainer) => {
      const random = new Random(4);
      await trainer.step(batch(random));
      const before = await trainer.weights();
      for (const poison of [NaN, Infinity, -Infinity]) {
        const { x, y } = batch(random);
        y[2] = poison;
        assertEquals((await trainer.step({ x, y })).skipped, 1, `${poison}`);
      }
      for (const [path, { data }] of await trainer.weights()) {
        assertEquals(data, before.get(path)!.data, path);
      }
      assertEquals((await trainer.step(batch(random))).skipped, 0);
      for (const t of (await trainer.weights()).values()) assert(numbers(t).every(Number.isFinite));
    });
  });

  for (const accumulate of [1, 3]) {
    deviceTest(on, `fit counts the updates that were skipped, ${accumulate} batches each`, async (rig) => {
      const fields = `optimizer = SGD(lr: 0.1) loss_scale = static(8) accumulate = ${accumulate}`;
      await rig.train(regression(fields), async (trainer) => {
        const random = new Random(25);
        const list = Array.from({ length: 8 * accumulate }, () => batch(random));
        // Updates 2 and 5; the second has two bad batches where there are several.
        list[2 * accumulate].x[0] = 1e30;
        list[5 * accumulate].x[7] = NaN;
        list[6 * accumulate - 1].x[3] = -1e30;
        const { steps, skipped, dropped } = await trainer.fit(list);
        assertEquals({ steps, skipped, dropped }, { steps: 8, skipped: 2, dropped: 0 });
      });
    });
  }

  deviceTest(on, "scaling by a power of two changes no bit of an f32 run", async (rig) => {
    const finals = [];
    for (const scaling of ["none", "static(4096)", "dynamic(init: 256, interval: 3)"]) {
      const text = regression(`optimizer = AdamW(lr: 1e-2) clip = norm(0.1) loss_scale = ${scaling}`, "f32");
      finals.push(
        await rig.train(text, async (trainer) => {
          const random = new Random(8);
          for (let k = 0; k < 12; k++) assertEquals((await trainer.step(batch(random))).skipped, 0);
          return await trainer.weights();
        }, { seed: 3 }),
      );
    }
    for (const other of finals.slice(1)) {
      for (const path of finals[0].keys()) {
        const [found, expected] = [numbers(other.get(path)!), numbers(finals[0].get(path)!)];
        // A card's driver may contract the multiplication by the scale's reciprocal with what follows.
        if (on.name === "hardware") assertArrayAlmostEquals(found, expected, { rtol: 1e-4, atol: 1e-6 });
        else assertEquals(found, expected, path);
      }
    }
  });

  deviceTest(on, "accumulating four batches is one step on all four together", async (rig) => {
    const fields = "optimizer = SGD(lr: 0.3, momentum: 0.5) clip = norm(0.5)";
    const random = new Random(31);
    const windows = Array.from({ length: 5 }, () => Array.from({ length: 4 }, () => batch(random, 4)));
    const join = (w: { x: Float32Array; y: Float32Array }[], key: "x" | "y") =>
      Float32Array.from(w.flatMap((b) => [...b[key]]));
    const whole = await rig.train(regression(fields, "f32"), async (trainer) => {
      for (const w of windows) await trainer.step({ x: join(w, "x"), y: join(w, "y") });
      return await trainer.weights();
    }, { seed: 9 });
    const parts = await rig.train(regression(`${fields} accumulate = 4`, "f32"), async (trainer) => {
      for (const w of windows) for (const b of w) await trainer.step(b);
      return await trainer.weights();
    }, { seed: 9 });
    for (const [path, t] of whole) {
      assertArrayAlmostEquals(numbers(parts.get(path)!), numbers(t), {
        rtol: 1e-5,
        atol: 1e-6,
        message: path,
      });
    }
  });

  deviceTest(
    on,
    "an overflow in one micro-batch skips the window's update and holds the scale within it",
    async (rig) => {
      const fields = "optimizer = AdamW(lr: 1e-2) accumulate = 3 loss_scale = dynamic(init: 64, interval: 2)";
      await rig.train(regression(fields), async (trainer) => {
        const random = new Random(17);
        const window = async (poison?: number) => {
          const rows = [];
          for (let k = 0; k < 3; k++) {
            const b = batch(random);
            if (k === poison) b.x[0] = 1e30;
            rows.push(await trainer.step(b));
          }
          return rows;
        };
        const scales = (rows: readonly Readonly<Record<string, number>>[]) => rows.map((r) => r.scale);
        const first = await window();
        assertEquals([first[2].skipped, ...scales(first)], [0, 64, 64, 64]);
        for (const poison of [0, 1, 2]) {
          const before = await trainer.weights();
          const rows = await window(poison);
          const scale = 64 / 2 ** poison;
          assertEquals([rows[2].skipped, ...scales(rows)], [1, scale, scale, scale], `poison in ${poison}`);
          for (const [path, { data }] of await trainer.weights()) {
            assertEquals(data, before.get(path)!.data, path);
          }
        }
        // The gradients of a skipped window are gone: two clean ones double the scale.
        const clean = [await window(), await window(), await window()];
        assertEquals(
          clean.map((rows) => rows[2].skipped),
          [0, 0, 0],
        );
        assertEquals(clean.map((rows) => rows[0].scale), [8, 8, 16]);
      });
    },
  );
}
