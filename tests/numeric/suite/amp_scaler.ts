import { readFileSync } from "node:fs";
import { assert, assertEquals } from "../../assert.ts";
import type { SuiteDevice } from "./on_device.ts";
import { deviceTest, numbers } from "./on_device.ts";

/** What tests/fixtures/make/amp.py writes of torch.amp.GradScaler. */
interface Scaler {
  readonly init_scale: number;
  readonly growth_factor: number;
  readonly backoff_factor: number;
  readonly growth_interval: number;
  readonly steps: readonly {
    readonly overflow: boolean;
    readonly scale: number;
    readonly skipped: boolean;
  }[];
}

const scaler: Scaler = JSON.parse(
  readFileSync(new URL("../../fixtures/amp/scaler.json", import.meta.url), "utf8"),
);

/** The gradient that enters f16 is scale·s: in range for an s of 2^-12 and beyond it for one of 1e30. */
const PROGRAM = `
model Tiny {
  param w: f32[3] = constant(1.0)
  forward(x: float[3]) -> f32[3] { return (w as f16) * (x as f16) }
}
train Tiny {
  batch(x: f32[3], s: f32[3])
  loss = sum(Tiny(x) * s)
  optimizer = SGD(lr: 0.125)
  loss_scale = dynamic(init: ${scaler.init_scale}, growth: ${scaler.growth_factor}, backoff: ${scaler.backoff_factor},
    interval: ${scaler.growth_interval})
}
`;

/** Two hundred scripted steps beside GradScaler's. */
export function ampScalerSuite(on: SuiteDevice): void {
  deviceTest(on, "amp: two hundred steps scale and skip where GradScaler does", async (rig) => {
    await rig.train(PROGRAM, async (trainer) => {
      const rows = [];
      let before = numbers((await trainer.weights()).get("w")!);
      for (const { overflow } of scaler.steps) {
        // The forward pass stays finite: only the gradient that enters f16 overflows.
        const { scale, skipped } = await trainer.step({
          x: [1, 0.5, -0.75],
          s: [2 ** -12, overflow ? 1e30 : -(2 ** -12), 2 ** -13],
        });
        const after = numbers((await trainer.weights()).get("w")!);
        const still = after.every((v, i) => v === before[i]);
        assertEquals(still, skipped === 1, `step ${rows.length}`);
        before = after;
        rows.push({ overflow, scale, skipped: skipped === 1 });
      }
      assert(rows.some((r) => r.skipped) && rows.some((r) => r.scale > scaler.init_scale));
      assertEquals(rows, [...scaler.steps]);
    });
  });
}
