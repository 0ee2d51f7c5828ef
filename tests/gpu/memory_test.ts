import { readFileSync } from "node:fs";
import { compile } from "../../compiler/compile.ts";
import type { Bundle } from "../../compiler/core/program.ts";
import { memoryPlan } from "../../compiler/memory.ts";
import { Trainer } from "../../runtime/trainer.ts";
import { GpuExecutor } from "../../runtime/gpu/executor.ts";
import { assert, assertEquals, assertLess, assertLessOrEqual, fail } from "../assert.ts";
import { noGpu, openTestDevice } from "./open.ts";

/** What the compiler plans is what the device is asked for. */

const MLP = readFileSync(new URL("../../examples/mnist/mlp.mpt", import.meta.url), "utf8");
const DEEP = `
model Block(d: int) {
  layer norm = LayerNorm(d)
  layer up = Linear(d, 4 * d)
  layer down = Linear(4 * d, d)
  forward(x: float[N, d]) -> float[N, d] { return x + (x |> norm |> up |> gelu |> down) }
}
model Net {
  layer blocks = Block(32) * 3
  layer out = Linear(32, 10)
  forward(x: float[N, 32]) -> f32[N, 10] { return x |> blocks |> out }
}
train Net {
  batch(x: f32[N, 32], label: i32[N])
  loss = cross_entropy(Net(x), label)
  optimizer = AdamW(lr: 1e-3)
}`;

async function withDevice(
  text: string,
  memory: number | undefined,
  use: (bundle: Bundle, executor: GpuExecutor, live: () => number) => Promise<void>,
): Promise<void> {
  const device = await openTestDevice();
  const executor = new GpuExecutor(device);
  try {
    const { bundle, diagnostics } = compile({ file: "test.mpt", text }, { target: device.target, memory });
    const before = device.counters.liveBytes;
    await use(
      bundle ?? fail(diagnostics.map((d) => d.message).join("\n")),
      executor,
      () => device.counters.liveBytes - before,
    );
  } finally {
    executor.destroy();
    await executor.idle();
    device.close();
  }
}

for (
  const [name, text, dims] of [["the example", MLP, { N: 48 }], ["a deep one", DEEP, { N: 96 }]] as const
) {
  for (const entry of ["step", "eval", "predict"] as const) {
    Deno.test({
      name: `memory: the plan of ${entry} of ${name} is what the device allocates`,
      ignore: noGpu,
      fn: () =>
        withDevice(text, undefined, async (bundle, executor, live) => {
          const program = bundle.program(entry, dims);
          const plan = memoryPlan(program, bundle.state);
          const state = await executor.createState(bundle.state);
          await executor.prepare(program, state);
          assertEquals(live(), plan.total);
          assertEquals(Object.values(plan.parts).reduce((a, b) => a + b), plan.total);
          assert(plan.parts.weights > 0);
          assertLessOrEqual(plan.peak?.bytes ?? 0, plan.parts.activations + plan.parts.workspace);
        }),
    });
  }
}

Deno.test({
  name: "memory: under a limit less is allocated and the same is learnt",
  ignore: noGpu,
  async fn() {
    const dims = { N: 96 };
    const x = Float32Array.from({ length: 96 * 32 }, () => 2 * Math.random() - 1);
    const label = Int32Array.from({ length: 96 }, () => Math.floor(10 * Math.random()));
    const train = async (memory: number | undefined): Promise<{ total: number; losses: number[] }> => {
      const out = { total: 0, losses: [] as number[] };
      await withDevice(DEEP, memory, async (bundle, executor, live) => {
        const program = bundle.program("step", dims);
        const state = await executor.createState(bundle.state);
        const prepared = await executor.prepare(program, state);
        out.total = live();
        assertLessOrEqual(out.total, memory ?? Infinity);
        prepared.destroy();
        state.destroy();
        const trainer = await Trainer.create(bundle, executor, { seed: 3 });
        for (let k = 0; k < 3; k++) out.losses.push((await trainer.step({ x, label })).loss);
        await trainer.destroy();
      });
      return out;
    };
    const free = await train(undefined);
    const { bundle } = compile({ file: "test.mpt", text: DEEP });
    const fixed = bundle!.state.buffers.reduce((sum, b) => sum + b.bytes, 0);
    const limited = await train(Math.floor(fixed + 0.85 * (free.total - fixed)));
    assertLess(limited.total, free.total);
    limited.losses.forEach((loss, k) => assertLess(Math.abs(loss - free.losses[k]), 2e-3 * free.losses[k]));
  },
});
