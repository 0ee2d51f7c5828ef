import { readFileSync } from "node:fs";
import { encode } from "../../compiler/core/round.ts";
import { decodeSafetensors, numbersOf } from "../../runtime/io/safetensors.ts";
import { assert, assertArrayAlmostEquals, assertEquals } from "../assert.ts";
import { trajectory } from "../support/fixtures.ts";
import { batchesFile, f32, file, i32, program, weightsFile } from "./mlp_files.ts";
import { inFolder, mptOk } from "./run_cli.ts";

/** `mpt step` and `mpt predict` beside PyTorch: files in, files and JSON out. */

interface Row {
  loss: number;
  scale: number;
  skipped: boolean;
  accuracy: number;
}

const read = (path: string) => decodeSafetensors(readFileSync(path)).tensors;

for (const name of ["adamw_clip_cosine", "sgd_nesterov_decay", "adam_accumulate"]) {
  Deno.test(`mpt step: fifty updates of ${name} from files are PyTorch's`, async () => {
    await inFolder(async ({ path, write }) => {
      const fixture = trajectory(name);
      const steps = fixture.loss.length;
      const out = await mptOk([
        "step",
        write("mlp.mpt", program(fixture.program)),
        "--weights",
        write("init.safetensors", weightsFile(fixture.init)),
        "--data",
        write("data.safetensors", batchesFile(fixture, steps)),
        "--steps",
        `${steps}`,
        "--dims",
        "N=8",
        "--json",
        "--out",
        path("out.safetensors"),
      ]);
      const rows = JSON.parse(out).steps as Row[];
      assertEquals(rows.length, steps);
      assertArrayAlmostEquals(rows.map((r) => r.loss), fixture.loss, { rtol: 1e-5, atol: 1e-6 });
      for (const { scale, skipped, accuracy } of rows) {
        assertEquals([scale, skipped], [1, false]);
        assert(Number.isInteger(accuracy * 8) && accuracy >= 0 && accuracy <= 1, `${accuracy}`);
      }
      const tensors = read(path("out.safetensors"));
      const paths = [...fixture.final.keys()];
      assertEquals([...tensors.keys()].sort(), [...paths, ...paths.map((p) => `grad/${p}`)].sort());
      for (const [key, final] of fixture.final) {
        const got = tensors.get(key)!;
        assertEquals([got.dtype, ...got.shape], ["f32", ...final.shape]);
        assertArrayAlmostEquals(numbersOf(got), numbersOf(final), { rtol: 1e-5, atol: 1e-6, message: key });
      }
    });
  });
}

Deno.test("mpt step: gradients are those before clipping; a leading axis of 1 may be left out", async () => {
  await inFolder(async ({ path, write }) => {
    const fixture = trajectory("sgd_clip_norm");
    const norm = fixture.gradNorm![0];
    const mlp = write("mlp.mpt", program(fixture.program));
    const weights = write("init.safetensors", weightsFile(fixture.init));
    const found: Map<string, Float64Array>[] = [];
    for (const lead of [undefined, 1]) {
      const data = write("data.safetensors", batchesFile(fixture, lead));
      await mptOk(["step", mlp, "--weights", weights, "--data", data, "--out", path("out")]);
      found.push(new Map([...read(path("out"))].map(([key, t]) => [key, numbersOf(t)])));
    }
    assertEquals(found[1], found[0]);
    // The norm of all of them is what PyTorch saw before it clipped.
    const squares = [...found[0]].filter(([k]) => k.startsWith("grad/")).flatMap(([, g]) =>
      [...g].map((v) => v * v)
    );
    assertArrayAlmostEquals([Math.sqrt(squares.reduce((a, b) => a + b))], [norm], { rtol: 1e-5 });
    // SGD's first step: w₁ = w₀ − 0.5·g·min(1, 0.1 / ‖g‖).
    const factor = 0.5 * 0.1 / (norm + 1e-6);
    for (const [key, w] of fixture.init) {
      const want = numbersOf(w).map((v, i) => v - factor * found[0].get(`grad/${key}`)![i]);
      assertArrayAlmostEquals(found[0].get(key)!, want, { rtol: 1e-5, atol: 1e-6 });
    }
  });
});

Deno.test("mpt step: the scale and the skips are told", async () => {
  await inFolder(async ({ path, write }) => {
    const { batches } = trajectory("adamw");
    const fields = "optimizer = AdamW(lr: 1e-2) loss_scale = dynamic(init: 1024)";
    const mlp = write("mlp.mpt", program(fields, "mixed_f16"));
    const x = numbersOf(batches.x).slice(0, 3 * 8 * 13);
    x[8 * 13 + 5] = 1e6;
    const label = i32([3, 8], numbersOf(batches.label).subarray(0, 24));
    const data = write("data.safetensors", file({ x: f32([3, 8, 13], x), label }));
    const args = ["step", mlp, "--data", data, "--steps", "3", "--seed", "3", "--json", "--out", path("out")];
    const rows = JSON.parse(await mptOk(args)).steps as Row[];
    assertEquals(rows.map((r) => r.skipped), [false, true, false]);
    assertEquals(rows.map((r) => r.scale), [1024, 1024, 512]);
    assert(rows.every((r) => typeof r.accuracy === "number"));
    // The weights after the overflow are numbers, and in full precision.
    for (const t of read(path("out")).values()) {
      assertEquals(t.dtype, "f32");
      assert(numbersOf(t).every(Number.isFinite));
    }
  });
});

Deno.test("mpt step: weights that are not given come from the seed; an earlier --out goes in again", async () => {
  await inFolder(async ({ path, write }) => {
    const mlp = write("mlp.mpt", program("optimizer = SGD(lr: 0.1)"));
    const data = write("data.safetensors", batchesFile(trajectory("adamw")));
    const run = async (...args: string[]) => {
      const text = await mptOk(["step", mlp, "--data", data, "--json", "--out", path("out"), ...args]);
      return { loss: JSON.parse(text).steps[0].loss as number, out: readFileSync(path("out")) };
    };
    const [a, b, c] = [await run("--seed", "1"), await run("--seed", "1"), await run("--seed", "2")];
    assertEquals([a.loss, a.out], [b.loss, b.out]);
    assert(a.loss !== c.loss);
    const again = await run("--weights", write("again.safetensors", a.out));
    assert(again.loss < a.loss, "the second step starts where the first ended");
  });
});

Deno.test("mpt step: data in other dtypes is converted as a cast would", async () => {
  await inFolder(async ({ write }) => {
    const { program: fields, init, batches, loss } = trajectory("sgd");
    const x = numbersOf(batches.x).subarray(0, 104);
    const half = new Uint8Array(Uint16Array.from(x, (v) => encode(v, "f16")).buffer);
    const args = [
      "step",
      write("mlp.mpt", program(fields)),
      "--weights",
      write("init.safetensors", weightsFile(init)),
      "--data",
      write(
        "half.safetensors",
        file({
          x: { dtype: "f16", shape: [8, 13], data: half },
          label: { dtype: "u8", shape: [8], data: Uint8Array.from(numbersOf(batches.label).subarray(0, 8)) },
        }),
      ),
    ];
    const { steps } = JSON.parse(await mptOk([...args, "--json"]));
    assertArrayAlmostEquals([steps[0].loss], [loss[0]], { rtol: 1e-3 });
    assert((await mptOk(args)).startsWith("batch 0  loss "), "without --json a line a batch");
  });
});

Deno.test("mpt predict: the model's outputs go to a file", async () => {
  await inFolder(async ({ path, write }) => {
    const fixture = trajectory("sgd");
    const text = await mptOk([
      "predict",
      write("mlp.mpt", program(fixture.program)),
      "--weights",
      write("init.safetensors", weightsFile(fixture.init)),
      "--data",
      write("data.safetensors", batchesFile(fixture)),
      "--out",
      path("out"),
      "--json",
    ]);
    assertEquals(JSON.parse(text), { outputs: [{ name: "output", dtype: "f32", shape: [8, 5] }] });
    const logits = numbersOf(read(path("out")).get("output")!), label = numbersOf(fixture.batches.label);
    let loss = 0;
    for (let r = 0; r < 8; r++) {
      const row = [...logits.subarray(5 * r, 5 * r + 5)];
      loss += Math.log(row.reduce((s, z) => s + Math.exp(z), 0)) - row[label[r]];
    }
    assertArrayAlmostEquals([loss / 8], [fixture.loss[0]], { rtol: 1e-5 });
  });
});
