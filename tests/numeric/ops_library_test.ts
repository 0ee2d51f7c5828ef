import type { DType } from "../../compiler/core/dtype.ts";
import { showType } from "../../compiler/ir/op.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { numberSites } from "../../compiler/ops/random.ts";
import type { Value } from "../../compiler/reference/evaluate.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertMatch } from "../assert.ts";
import { CALLS, checked, type Given, graphOf, like, shown, t } from "./suite/library_calls.ts";

/** What PyTorch's fixtures do not hold: edge cases, functions that PyTorch has not, refusals, and result dtypes. */

function random(shape: readonly number[], dtype: DType = "f32"): RefTensor {
  return t(
    shape,
    Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => 4 * Math.random() - 2),
    dtype,
  );
}

/** The value of a call in the language, in f64. Weights are fed through `state`. */
function run(
  call: string,
  given: Given,
  result: string,
  options: { layer?: string; weights?: Given; decomposed?: boolean } = {},
): Value {
  const graph = graphOf(call, given, result, options.layer);
  const state = new Map(Object.entries(options.weights ?? {}).map(([n, w]) => [`param/l.${n}`, w]));
  const inputs = new Map(Object.entries(given));
  const values = evaluate(graph, { inputs, state }, { precision: "f64", decomposed: options.decomposed });
  return values.get("result/y")!;
}

function refusal(call: string, given: Given, precision = "f32"): string {
  const { diagnostics } = checked(call, given, "f32[1]", precision);
  assert(diagnostics.length > 0, `${call} is accepted`);
  return diagnostics.map((d) => [d.message, ...d.labels.map((l) => l.text), d.help].join("; ")).join("\n");
}

for (const [call, given, result, expected] of CALLS) {
  const types = Object.values(given).map(showType).join(", ");
  Deno.test(`${call} of ${types || "nothing"}`, () => {
    for (const decomposed of [false, true]) {
      const { data } = run(call, given, result, { decomposed });
      like(data, expected);
    }
  });
}

const REFUSALS: readonly (readonly [string, Given, RegExp])[] = [
  ["x + y", { x: random([2, 3]), y: random([2]) }, /do not broadcast/],
  ["clamp(x)", { x: random([1]) }, /needs a bound/],
  ["sum(x, axis: 2)", { x: random([1, 1]) }, /no axis 2.*0 to 1/],
  ["sum(x, axis: [0, -2])", { x: random([1, 1]) }, /named twice/],
  ["split(x, 2)[0]", { x: random([3]) }, /no 2 equal parts/],
  ["split(x, [1, 1])[0]", { x: random([3]) }, /sizes make 2/],
  ["stack([x, y])", { x: random([1]), y: random([2]) }, /one shape/],
  ["concat([x, y])", { x: random([1]), y: random([1, 1]) }, /one rank/],
  ["reshape(x, [-1, -1])", { x: random([4]) }, /at most one/],
  ["reshape(x, [3, -1])", { x: random([4]) }, /no dim makes/],
  ["permute(x, [0, 0])", { x: random([1, 1]) }, /each of the 2 axes once/],
  ["squeeze(x, 0)", { x: random([2]) }, /extent 2, not 1/],
  ["mse(x, y)", { x: random([4, 1]), y: random([4]) }, /one rank/],
  ['mse(x, x, reduction: "avg")', { x: random([1]) }, /no reduction "avg"/],
  ["huber(x, x, delta: 0)", { x: random([1]) }, /positive/],
  ["cross_entropy(x, y)", { x: random([2, 3]), y: t([3], [0, 1, 2], "i32") }, /targets do not fit/],
  ["cross_entropy(x, x, label_smoothing: 2)", { x: random([2, 3]) }, /between 0 and 1/],
  ["x @ 2", { x: random([2, 2]) }, /use \*/],
  ["x @ y", { x: random([2, 3]), y: random([2, 3]) }, /do not fit/],
  ["rope(x)", { x: random([2, 3]) }, /even D/],
  ["one_hot(x, 3)", { x: random([2]) }, /takes integers/],
  ["dropout(x, 1.5)", { x: random([2]) }, /between 0 and 1/],
  ["conv2d(x, x)", { x: random([1, 1, 1, 1]) }, /later/],
];

for (const [call, given, pattern] of REFUSALS) {
  Deno.test(`${call} is refused`, () => assertMatch(refusal(call, given), pattern));
}

Deno.test("bce on probabilities is refused in f16, and only there", () => {
  const given = { x: random([2]), y: random([2]) };
  assertMatch(refusal("bce(x, y)", given, "mixed_f16"), /bce_with_logits/);
  for (const precision of ["f32", "mixed_bf16"]) {
    assertEquals(shown(checked("bce(x, y)", given, "f32", precision).diagnostics), []);
  }
  assertEquals(shown(checked("bce(x, y) in f32", given, "f32", "mixed_f16").diagnostics), []);
});

Deno.test("a literal takes the other operand's dtype, and widens what it does not fit", () => {
  const dtypeOf = (call: string, x: RefTensor) => {
    const { program, diagnostics } = checked(`(${call}) * 1`, { x }, "float[2]", "pure_f16");
    assertEquals(shown(diagnostics), []);
    return program!.forward.outputs[0].inputs[0].type.dtype;
  };
  const half = random([2], "f16");
  for (
    const [call, dtype] of [["x * 0.1", "f16"], ["x * 65504", "f16"], ["x * 1e6", "f32"], ["x + 1e-9", "f32"]]
  ) {
    assertEquals(dtypeOf(call, half), dtype, call);
  }
  assertEquals(dtypeOf("x * 1e6", random([2], "bf16")), "bf16");
});

const gauss = (shape: readonly number[]) => random(shape);

/** softmax(q·kᵀ/√d + mask)·v of one head, rows by rows. */
function attend(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  d: number,
  looks: (i: number, j: number) => boolean,
): number[] {
  const rows = q.length / d, columns = k.length / d;
  return Array.from({ length: rows }, (_, i) => {
    const w = Array.from({ length: columns }, (_, j) => {
      let dot = 0;
      for (let c = 0; c < d; c++) dot += q[i * d + c] * k[j * d + c];
      return looks(i, j) ? Math.exp(dot / Math.sqrt(d)) : 0;
    });
    const z = w.reduce((a, b) => a + b);
    return Array.from({ length: d }, (_, c) => w.reduce((sum, x, j) => sum + x * v[j * d + c], 0) / z);
  }).flat();
}

Deno.test("attention with masks of bools and of floats", () => {
  const [q, k, v] = [gauss([3, 2]), gauss([4, 2]), gauss([4, 2])];
  const mask = t([3, 4], [1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 0, 0], "bool");
  const float = t([3, 4], [...mask.data].map((x) => x ? 0 : -1e30));
  const expected = attend(q.data, k.data, v.data, 2, (i, j) => mask.data[4 * i + j] !== 0);
  for (const m of [mask, float]) {
    const y = run("attention(q, k, v, mask: m)", { q, k, v, m }, "f32[3, 2]");
    assertArrayAlmostEquals(y.data, expected, { rtol: 1e-6, atol: 1e-7 });
  }
  const causal = run("attention(q, k, v, causal: true)", { q, k, v }, "f32[3, 2]");
  assertArrayAlmostEquals(causal.data, attend(q.data, k.data, v.data, 2, (i, j) => j <= i), { rtol: 1e-6 });
});

for (
  const [interleaved, partner] of [["false", (c: number) => (c + 2) % 4], [
    "true",
    (c: number) => c ^ 1,
  ]] as const
) {
  Deno.test(`rope, interleaved: ${interleaved}`, () => {
    const x = gauss([5, 4]);
    const expected = [...x.data].map((v, at) => {
      const row = Math.floor(at / 4), c = at % 4, other = partner(c);
      const pair = interleaved === "true" ? Math.floor(c / 2) : c % 2;
      const angle = (row + 3) * 10000 ** (-2 * pair / 4);
      const sign = c < other ? -1 : 1;
      return v * Math.cos(angle) + sign * x.data[row * 4 + other] * Math.sin(angle);
    });
    const y = run(`rope(x, offset: 3, interleaved: ${interleaved})`, { x }, "f32[5, 4]");
    assertArrayAlmostEquals(y.data, expected, { rtol: 1e-6, atol: 1e-6 });
  });
}

Deno.test("dropout keeps 1 − p of the elements, scaled, and each use draws its own", () => {
  const x = t([4000], Array(4000).fill(3));
  const state = new Map([["seed", t([2], [5, 6], "u32")], ["tick", t([], [9], "u32")]]);
  const { program } = checked("stack([dropout(x, 0.25), dropout(x, 0.25)])", { x }, "f32[2, 4000]");
  const graph = numberSites({
    outputs: [{ kind: "result", name: "y", node: program!.forward.outputs[0] }],
  });
  const y =
    evaluate(graph, { inputs: new Map([["x", x]]), state }, { precision: "f64" }).get("result/y")!.data;
  const kept = y.filter((v) => v !== 0);
  assertArrayAlmostEquals(kept, kept.map(() => 4), { rtol: 1e-6 });
  assert(Math.abs(kept.length / 8000 - 0.75) < 0.03, `${kept.length} of 8000`);
  const same = y.subarray(0, 4000).reduce((n, v, i) => n + (v === y[4000 + i] ? 1 : 0), 0);
  assert(same < 3000, `${same} of 4000 alike`);
});

/** One head of width 2 with identity projections, so that it is plain attention. */
const HEAD = {
  in_proj_weight: t([6, 2], [1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]),
  in_proj_bias: t([6], [0, 0, 0, 0, 0, 0]),
  "out_proj.weight": t([2, 2], [1, 0, 0, 1]),
  "out_proj.bias": t([2], [0, 0]),
};

Deno.test("MultiHeadAttention is [positions, batch, features] unless batch_first", () => {
  const x = gauss([1, 3, 2]);
  const rows = attend(x.data, x.data, x.data, 2, () => true);
  const layer = (rest: string) => ({ weights: HEAD, layer: `layer l = MultiHeadAttention(2, 1${rest})` });
  const first = run("l(x)", { x }, "f32[1, 3, 2]", layer(", batch_first: true"));
  assertArrayAlmostEquals(first.data, rows, { rtol: 1e-6 });
  // One position in a batch of three looks at itself alone.
  assertArrayAlmostEquals(run("l(x)", { x }, "f32[1, 3, 2]", layer("")).data, x.data, { rtol: 1e-6 });
});

Deno.test("MultiHeadAttention hides where PyTorch's masks are true", () => {
  const [x, y] = [gauss([1, 3, 2]), gauss([1, 4, 2])];
  const padding = t([1, 4], [0, 0, 1, 0], "bool");
  const scores = t([3, 4], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], "bool");
  const options = { weights: HEAD, layer: "layer l = MultiHeadAttention(2, 1, batch_first: true)" };
  const looks = (m: RefTensor) => (i: number, j: number) => m.data[(m.shape[0] === 1 ? 0 : 4 * i) + j] === 0;
  const expected = (f: (i: number, j: number) => boolean) => attend(x.data, y.data, y.data, 2, f);
  const close = { rtol: 1e-6, atol: 1e-7 };
  const one = run("l(x, y, key_padding_mask: m)", { x, y, m: padding }, "f32[1, 3, 2]", options);
  assertArrayAlmostEquals(one.data, expected(looks(padding)), close);
  const two = run("l(x, y, attn_mask: m)", { x, y, m: scores }, "f32[1, 3, 2]", options);
  assertArrayAlmostEquals(two.data, expected(looks(scores)), close);
  const both = run(
    "l(x, y, key_padding_mask: p, attn_mask: m)",
    { x, y, p: padding, m: scores },
    "f32[1, 3, 2]",
    options,
  );
  assertArrayAlmostEquals(both.data, expected((i, j) => looks(padding)(i, j) && looks(scores)(i, j)), close);
});

Deno.test("Embedding reads zeros at padding_idx", () => {
  const ids = t([3], [1, 2, 0], "i32");
  const y = run("l(ids)", { ids }, "f32[3, 2]", {
    layer: "layer l = Embedding(3, 2, padding_idx: -1)",
    weights: { weight: t([3, 2], [1, 2, 3, 4, 5, 6]) },
  });
  assertEquals([...y.data], [3, 4, 0, 0, 1, 2]);
});
