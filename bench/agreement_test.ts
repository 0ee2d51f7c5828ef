import { assert, assertEquals, assertMatch } from "../tests/assert.ts";
import type { DType } from "../compiler/core/dtype.ts";
import { encode } from "../compiler/core/round.ts";
import { numbersOf } from "../runtime/io/safetensors.ts";
import { openDevice } from "../runtime/device.ts";
import type { Trained } from "./agreement.ts";
import { compare } from "./agreement.ts";
import { nudge } from "./nudge.ts";
import type { Weights } from "./variant.ts";
import { Variant } from "./variant.ts";

/** A step of SGD on it makes some four hundred times as much of any difference: chaos within three steps. */
const chaotic = (lr: number) =>
  `model Waves() {
  param w: f32[256] = uniform(-1, 1)
  forward(x: float[N, 256]) -> f32[N, 256] { return cos(40 * (w + x)) in f32 }
}
train Waves {
  batch(x: f32[N, 256])
  loss      = mean(Waves(x))
  optimizer = SGD(lr: ${lr})
}
`;

async function opened(text: string): Promise<Variant> {
  const file = await Deno.makeTempFile({ suffix: ".mpt" });
  try {
    await Deno.writeTextFile(file, text);
    const x = Float32Array.from({ length: 256 }, () => Math.random());
    return await Variant.open({ precision: "own", fused: true }, {
      file,
      device: await openDevice({ device: "cpu" }),
      dims: { N: 1 },
      batches: [{ x }],
      seed: 1 + Math.floor(1e6 * Math.random()),
    });
  } finally {
    await Deno.remove(file);
  }
}

/** What another order of sums would do to a variant: it is trained from other last bits. */
const noisy = (variant: Variant): Trained => ({
  narrow: variant.narrow,
  replay: (count, change = (w: Weights) => w) => variant.replay(count, (w) => nudge(change(w), 77)),
});

Deno.test("agreement: what chaos makes of f32 roundings is no fault", async () => {
  const variant = await opened(chaotic(64));
  const found = await compare(noisy(variant), variant);
  assert(found.lossDifference > 100 * found.tolerance.loss, `${found.lossDifference} is not chaotic`);
  assert(found.sensitivity!.loss > found.tolerance.loss);
  assertEquals(found.fault, undefined);
  await variant.destroy();
});

Deno.test("agreement: a wrong gradient is a fault, chaos or not", async () => {
  const right = await opened(chaotic(64));
  const wrong: Trained = {
    narrow: [],
    // Its updates are a tenth too long: what a gradient that misses a factor does.
    replay: async (count, change) => {
      const { first, rows, last } = await right.replay(count, change);
      return { first, rows, last: combine(first, last, (a, b) => a + 1.1 * (b - a)) };
    },
  };
  const { fault, sensitivity } = await compare(wrong, right);
  assert(sensitivity!.weights > 0.1, "the whole training tells nothing");
  assertMatch(fault ?? "", /^after the first update, weights differ by 10\.0% /);
  await right.destroy();

  const calm = await opened(chaotic(3e-3));
  const other: Trained = {
    narrow: [],
    replay: async (count, change) => {
      const { first, rows, last } = await calm.replay(count, change);
      return { first, rows, last: combine(first, last, (a, b) => a + 1.1 * (b - a)) };
    },
  };
  assertMatch((await compare(other, calm)).fault ?? "", /^weights differ by 10\.\d% /);
  assertEquals((await compare(noisy(calm), calm)).fault, undefined);
  await calm.destroy();
});

Deno.test("nudge: f32 moves by its last bit, narrower floats about as far on average", () => {
  const count = 1 << 18;
  const values = Float64Array.from({ length: count }, (_, i) => i === 0 ? 0 : 1 + Math.random());
  for (const dtype of ["f32", "f16", "bf16"] as const satisfies DType[]) {
    const codes = Array.from(values, (x) => encode(x, dtype));
    const bits = dtype === "f32" ? Uint32Array.from(codes) : Uint16Array.from(codes);
    const weights: Weights = new Map([["w", {
      dtype,
      shape: [count],
      data: new Uint8Array(bits.buffer),
    }]]);
    const before = numbersOf(weights.get("w")!), after = numbersOf(nudge(weights, 5).get("w")!);
    const moves = after.map((x, i) => (x - before[i]) * 2 ** 23);
    assertEquals(moves[0], 0, "zero stays");
    const mean = moves.reduce((a, x) => a + Math.abs(x), 0) / count;
    assert(mean > 0.2 && mean < 4, `${dtype}: the mean move is ${mean} of f32's last bits`);
    const up = moves.filter((x) => x > 0).length, moved = moves.filter((x) => x !== 0).length;
    assert(up < moved && up > 0, `${dtype}: ${up} of ${moved} went up`);
    assertEquals(nudge(weights, 5), nudge(weights, 5));
  }
});

function combine(a: Weights, b: Weights, of: (a: number, b: number) => number): Weights {
  return new Map([...a].map(([path, tensor]) => {
    const y = numbersOf(b.get(path)!);
    const data = Float32Array.from(numbersOf(tensor), (x, i) => of(x, y[i]));
    return [path, { ...tensor, data: new Uint8Array(data.buffer) }];
  }));
}
