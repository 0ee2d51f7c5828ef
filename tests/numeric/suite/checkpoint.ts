import type { Batch } from "../../../runtime/batch.ts";
import type { StepRow } from "../../../runtime/trainer.ts";
import { Trainer } from "../../../runtime/trainer.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertLess } from "../../assert.ts";
import type { Rig, SuiteDevice } from "./on_device.ts";
import { deviceTest, numbers } from "./on_device.ts";
import { Random } from "./random.ts";

/** `checkpoint(f, x)` on a device: the same training, in less memory. */

const ROWS = 64, WIDTH = 24, CLASSES = 5;

interface Case {
  readonly name: string;
  readonly blocks: number;
  /** Compiling its shaders would take the software GPUs a minute. */
  readonly cpuOnly?: boolean;
  /** The body of forward, `f` telling how something is called: as it is, or through checkpoint. */
  readonly forward: (f: (callee: string, x: string) => string) => string;
  readonly fields?: string;
  /** Of the temps of the program without checkpoints, at most this share stays. */
  readonly share: number;
}

const chain = (f: (callee: string, x: string) => string, count: number) =>
  Array.from({ length: count }, (_, i) => `let x = ${f(`blocks[${i}]`, "x")}`).join("\n") +
  "\nreturn out(x)";

const CASES: readonly Case[] = [
  { name: "each of five blocks", blocks: 5, cpuOnly: true, forward: (f) => chain(f, 5), share: 0.75 },
  { name: "each of two blocks", blocks: 2, forward: (f) => chain(f, 2), share: 1.1 },
  {
    name: "a whole stack",
    blocks: 3,
    cpuOnly: true,
    forward: (f) => `return out(${f("blocks", "x")})`,
    share: 1.1,
  },
  {
    name: "a fn that checkpoints another",
    blocks: 1,
    forward: (f) => `let x = ${f("nested", "x")}\nreturn out(x |> norm)`,
    share: 1.1,
  },
  {
    name: "with accumulation and clipping",
    blocks: 4,
    cpuOnly: true,
    forward: (f) => chain(f, 4),
    fields: "accumulate = 2 clip = norm(0.1)",
    share: 0.9,
  },
];

function program(c: Case, checkpoints: boolean, precision: string): string {
  const f = (callee: string, x: string) => checkpoints ? `checkpoint(${callee}, ${x})` : `${callee}(${x})`;
  return `
model Block(d: int) {
  layer norm = LayerNorm(d)
  layer up = Linear(d, 4 * d)
  layer drop = Dropout(0.2)
  layer down = Linear(4 * d, d)
  forward(x: float[N, d]) -> float[N, d] { return x + (x |> norm |> up |> gelu |> drop |> down) }
}
fn twice(x: float[N, D]) -> float[N, D] { return ${f("wave", "x")} * 2 + tanh(x) }
fn wave(x: float[N, D]) -> float[N, D] { return dropout(sin(softmax(x) * 3), 0.1) }
fn nested(x: float[N, D]) -> float[N, D] { return x + ${f("twice", "x * 2")} }
model Net {
  precision ${precision}
  layer blocks = Block(${WIDTH}) * ${c.blocks}
  layer norm = LayerNorm(${WIDTH})
  layer out = Linear(${WIDTH}, ${CLASSES}) in f32
  forward(x: float[N, ${WIDTH}]) -> f32[N, ${CLASSES}] { ${c.forward(f)} }
}
train Net {
  batch(x: f32[N, ${WIDTH}], label: i32[N])
  loss = cross_entropy(Net(x), label)
  optimizer = AdamW(lr: 3e-3)
  ${c.fields ?? ""}
}`;
}

function batch(random: Random): Batch {
  return {
    x: Float32Array.from({ length: ROWS * WIDTH }, () => 3 * random.signed()),
    label: Int32Array.from({ length: ROWS }, () => random.below(CLASSES)),
  };
}

interface Run {
  readonly rows: readonly StepRow[];
  readonly tensors: ReadonlyMap<string, Float64Array>;
  /** Bytes of the buffers that the training Program has to itself. */
  readonly temps: number;
}

async function train(rig: Rig, text: string): Promise<Run> {
  const bundle = rig.bundle(text);
  const trainer = await Trainer.create(bundle, rig.executor, { seed: 4 });
  try {
    const random = new Random(9);
    const rows: StepRow[] = [];
    for (let k = 0; k < 4; k++) rows.push(await trainer.step(batch(random), { grads: true }));
    const tensors = new Map([...await trainer.weights()].map(([path, t]) => [path, numbers(t)]));
    const { accumulate } = bundle.interface;
    for (const [path, t] of await trainer.grads(accumulate > 1 ? {} : { N: ROWS })) {
      tensors.set(`grad/${path}`, numbers(t));
    }
    const { buffers } = bundle.program(accumulate > 1 ? "micro" : "step", { N: ROWS });
    const temps = buffers.reduce((sum, b) => sum + (b.role === "temp" ? b.bytes : 0), 0);
    return { rows, tensors, temps };
  } finally {
    await trainer.destroy();
  }
}

/** `exact`: the device computes the same kernels alike in any order, so that nothing may differ. */
export function checkpointSuite(on: SuiteDevice, exact: boolean): void {
  for (const c of CASES.filter((c) => exact || !c.cpuOnly)) {
    for (const precision of exact ? ["mixed_f16", "f32"] : ["mixed_f16"]) {
      deviceTest(on, `checkpoint: ${c.name} in ${precision} trains the same`, async (rig) => {
        const plain = await train(rig, program(c, false, precision));
        const kept = await train(rig, program(c, true, precision));
        assert([...plain.tensors].some(([p, g]) => p.startsWith("grad/") && g.some((x) => x !== 0)));
        const rtol = exact ? 0 : precision === "f32" ? 1e-4 : 2e-2;
        plain.rows.forEach((row, k) => {
          assertEquals(kept.rows[k].skipped, row.skipped);
          assertArrayAlmostEquals([kept.rows[k].loss], [row.loss], { rtol, atol: 0 });
        });
        for (const [path, data] of plain.tensors) {
          const scale = data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
          assertArrayAlmostEquals(kept.tensors.get(path)!, data, { rtol, atol: rtol * scale, message: path });
        }
        assertLess(kept.temps, c.share * plain.temps, `${kept.temps} of ${plain.temps} bytes`);
      });
    }
  }
}
