import { assert, assertEquals } from "../assert.ts";
import { bench } from "../../bench/bench.ts";
import { hostTime, openNull } from "../../bench/host.ts";
import { noGpu, openTestDevice } from "./open.ts";

const TEXT = `model Net() {
  layer a = Linear(20, 32)
  layer b = Linear(32, 5) in f32
  forward(x: float[N, 20]) -> f32[N, 5] { return x |> a |> relu |> b }
}
train Net {
  batch(x: u8[N, 20], label: i32[N])
  loss      = cross_entropy(Net(x as float / 255), label)
  optimizer = AdamW(lr: 1e-2)
}
`;

Deno.test({
  name: "bench: what the device is asked to do is what the Program says, and fusion asks for less",
  ignore: noGpu,
  async fn() {
    const file = await Deno.makeTempFile({ suffix: ".mpt" });
    const device = await openTestDevice();
    try {
      await Deno.writeTextFile(file, TEXT);
      const { result } = await bench(file, device, { dims: { N: 24 }, rounds: 5, steps: 3, seed: 2 });
      assertEquals(result.faults, []);
      for (const { name, measured } of result.variants) {
        const { counts, hostMilliseconds, device: timed } = measured!;
        assert(hostMilliseconds! > 0, name);
        assertEquals([name, counts!.submits], [name, 1]);
        if (!timed) continue;
        assertEquals([name, counts!.dispatches], [name, timed.dispatches.length]);
        assertEquals([name, counts!.bytesBound], [name, timed.bytes]);
        assert(timed.milliseconds > 0 && timed.gigabytesPerSecond > 0, name);
      }
      const [fused, unfused] = result.variants.map((v) => v.measured!);
      assert(fused.counts!.dispatches < unfused.counts!.dispatches / 2);
      assert(fused.peakBytes! > 0 && fused.peakBytes! <= unfused.peakBytes!);
    } finally {
      device.close();
      await Deno.remove(file);
    }
  },
});

Deno.test({
  name: "bench: on Dawn's null device a step is one submit, and its time the host's",
  ignore: noGpu,
  // Dawn keeps its null backend.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const { microsecondsAStep, dispatches, submits, launches } = await hostTime(
      await openNull(),
      "tiny-mlp",
      4,
      2,
    );
    assertEquals([dispatches, submits], [launches.length, 1]);
    assert(launches.length > 3 && microsecondsAStep > 0);
  },
});
