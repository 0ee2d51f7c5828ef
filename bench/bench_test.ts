import { assert, assertEquals, assertRejects, assertStringIncludes } from "../tests/assert.ts";
import { openDevice } from "../runtime/device.ts";
import { compare } from "./agreement.ts";
import { bench, BenchError } from "./bench.ts";
import { renderBench } from "./render.ts";
import { chromeTrace } from "./trace.ts";
import { Variant } from "./variant.ts";

const MIXED = `model Net() {
  layer a = Linear(6, 8)
  layer b = Linear(8, 3) in f32
  forward(x: float[N, 6]) -> f32[N, 3] { return x |> a |> relu |> b }
}
train Net {
  batch(x: f32[N, 6], label: i32[N])
  loss      = cross_entropy(Net(x), label)
  optimizer = SGD(lr: 1e-1)
}
`;

/** A program in a file of its own; the caller removes it. */
function withProgram(text: string, use: (file: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const file = await Deno.makeTempFile({ suffix: ".mpt" });
    try {
      await Deno.writeTextFile(file, text);
      await use(file);
    } finally {
      await Deno.remove(file);
    }
  };
}

const OPTIONS = { dims: { N: 16 }, rounds: 5, steps: 2, seed: 3 };

Deno.test(
  "bench: four variants of a mixed program, compared and repeated",
  withProgram(MIXED, async (file) => {
    const device = await openDevice({ device: "cpu" });
    const { result, trace } = await bench(file, device, OPTIONS);
    assertEquals(result.faults, []);
    assertEquals(result.variants.map((v) => v.name), [
      "mixed fused",
      "mixed unfused",
      "f32 fused",
      "f32 unfused",
    ]);
    const [mixed, , f32] = result.variants;
    assertEquals([mixed.measured!.narrow, f32.measured!.narrow], [["f16"], []]);
    assertEquals(mixed.measured!.rounds.length, 5);
    assertEquals(mixed.measured!.counts, undefined, "the CPU has no GPUDevice to count at");
    assert(mixed.measured!.device!.flops > 2 * 16 * 6 * 8);
    assertEquals(result.agreements.map((a) => a.subject), ["mixed fused", "f32 fused"]);
    assertEquals(result.repeats, [{ variant: "mixed fused", identical: true }, {
      variant: "f32 fused",
      identical: true,
    }]);
    const text = renderBench(result);
    assert(text.indexOf("as fast as") < text.indexOf("a step"), "ratios come first");

    const { traceEvents } = chromeTrace(trace) as { traceEvents: { ph: string; pid: number; ts: number }[] };
    const events = traceEvents.filter((e) => e.ph === "X" && e.pid === 0);
    assertEquals(events.length, trace[0].dispatches.length);
    assert(events.every((e, i) => i === 0 || e.ts >= events[i - 1].ts));
  }),
);

Deno.test(
  "bench: a program wholly in f32 has no mixed variants",
  withProgram(MIXED.replace("{\n", "{\n  precision f32\n"), async (file) => {
    const device = await openDevice({ device: "cpu" });
    const { result } = await bench(file, device, { ...OPTIONS, variants: ["f32-fused"] });
    assertEquals(result.variants.map((v) => v.name), ["f32 fused"]);
    const unknown = bench(file, device, { ...OPTIONS, variants: ["mixed-fused"] });
    const error = await assertRejects(() => unknown, BenchError);
    assertStringIncludes(String((error as Error).message), "f32-fused, f32-unfused");
  }),
);

Deno.test(
  "bench: weights that differ are a fault",
  withProgram(MIXED, async (file) => {
    const device = await openDevice({ device: "cpu" });
    const open = (seed: number) => {
      const x = Float32Array.from({ length: 16 * 6 }, (_, i) => Math.sin(i + 1));
      const label = Int32Array.from({ length: 16 }, (_, i) => i % 3);
      return Variant.open({ precision: "f32", fused: true }, {
        file,
        device,
        dims: { N: 16 },
        batches: [{ x, label }],
        seed,
      });
    };
    const [a, same, b] = [await open(1), await open(1), await open(2)];
    assertEquals((await compare(a, same)).fault, undefined);
    assertStringIncludes((await compare(a, b)).fault ?? "", "differ");
    for (const variant of [a, same, b]) await variant.destroy();
  }),
);
