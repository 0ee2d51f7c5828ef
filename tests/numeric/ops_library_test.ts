import { check } from "../../compiler/check/check.ts";
import type { DType } from "../../compiler/core/dtype.ts";
import type { Diagnostic } from "../../compiler/core/diagnostic.ts";
import { showType } from "../../compiler/ir/op.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { numberSites } from "../../compiler/ops/random.ts";
import { casts } from "../../compiler/passes/casts.ts";
import type { Value } from "../../compiler/reference/evaluate.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertMatch } from "../assert.ts";

/** What PyTorch's fixtures do not hold: edge cases, functions that PyTorch has not, refusals, and result dtypes. */

type Given = Readonly<Record<string, RefTensor>>;

const t = (shape: readonly number[], values: readonly number[], dtype: DType = "f32"): RefTensor => ({
  dtype,
  shape,
  data: Float64Array.from(values),
});

function random(shape: readonly number[], dtype: DType = "f32"): RefTensor {
  return t(
    shape,
    Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => 4 * Math.random() - 2),
    dtype,
  );
}

function checked(call: string, given: Given, result: string, precision = "f32", layer = "") {
  const inputs = Object.entries(given).map(([n, x]) => `${n}: ${showType(x)}`).join(", ");
  const text =
    `model M() { precision ${precision} ${layer} forward(${inputs}) -> ${result} { return ${call} } }`;
  return check({ file: "m.mpt", text }, () => undefined);
}

const shown = (ds: readonly Diagnostic[]) => ds.map((d) => `${d.message}: ${d.labels[0].text}`);

/** The value of a call in the language, in f64. Weights are fed through `state`. */
function run(
  call: string,
  given: Given,
  result: string,
  options: { layer?: string; weights?: Given; decomposed?: boolean } = {},
): Value {
  const { program, diagnostics } = checked(call, given, result, "f32", options.layer);
  assertEquals(shown(diagnostics), [], call);
  const node = program!.forward.outputs[0];
  const graph = casts.run({ outputs: [{ kind: "result", name: "y", node }] });
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

/** Each call, its inputs, its result's type and its elements. */
const CALLS: readonly (readonly [string, Given, string, readonly number[]])[] = [
  ["x % y", { x: t([4], [7, -7, 7, -7], "i32"), y: t([4], [3, 3, -3, -3], "i32") }, "i32[4]", [1, 2, -2, -1]],
  ["x % 3", { x: t([2], [5.5, -5.5]) }, "f32[2]", [2.5, 0.5]],
  ["x % 256", { x: t([2], [7, 200], "u8") }, "f32[2]", [7, 200]],
  ["x / y", { x: t([2], [7, -7], "i32"), y: t([1], [2], "i32") }, "f32[2]", [3.5, -3.5]],
  ["x / 2", { x: t([1], [3], "u8") }, "f32[1]", [1.5]],
  ["-x", { x: t([2], [3, -4], "i32") }, "i32[2]", [-3, 4]],
  ["x ** 2", { x: t([2], [-3, 4]) }, "f32[2]", [9, 16]],
  ["x ** 3", { x: t([3], [-3, 0, 2]) }, "f32[3]", [-27, 0, 8]],
  ["x ** 0", { x: t([3], [-3, 0, 2]) }, "f32[3]", [1, 1, 1]],
  ["x ** y", { x: t([3], [-2, 2, 0]), y: t([3], [-1, 0.5, 2]) }, "f32[3]", [-0.5, Math.SQRT2, 0]],
  ["x ** 2", { x: t([2], [-3, 4], "i32") }, "f32[2]", [9, 16]],
  ["min(x, 2)", { x: t([3], [1, 2, 3], "i32") }, "i32[3]", [1, 2, 2]],
  ["max(x, 2.5)", { x: t([3], [1, 2, 3]) }, "f32[3]", [2.5, 2.5, 3]],
  ["clamp(x, min: 0)", { x: t([3], [-1, 0, 2]) }, "f32[3]", [0, 0, 2]],
  ["clamp(x, max: 1)", { x: t([3], [-1, 0, 2], "i32") }, "i32[3]", [-1, 0, 1]],
  ["where(x > 0, x, -1)", { x: t([3], [-5, 0, 2]) }, "f32[3]", [-1, -1, 2]],
  ["mean(x == y)", { x: t([4], [1, 2, 3, 4], "i32"), y: t([4], [1, 0, 3, 9], "i32") }, "f32", [0.5]],
  ["sum(x)", { x: t([3], [200, 100, 50], "u8") }, "u32", [350]],
  ["sum(x > 1)", { x: t([3], [1, 2, 3]) }, "i32", [2]],
  ["var(x, unbiased: false)", { x: t([4], [1, 2, 3, 6]) }, "f32", [3.5]],
  ["argmin(x, axis: 0)", { x: t([3, 2], [3, 1, 1, 1, 1, 5]) }, "i32[2]", [1, 0]],
  ["argmax(x)", { x: t([2, 2], [1, 7, 7, 2]) }, "i32", [1]],
  ["argmax(x, axis: 1, keepdim: true)", { x: t([2, 2], [1, 7, 7, 2]) }, "i32[2, 1]", [1, 0]],
  ["relu(x)", { x: t([2], [-3, 4], "i32") }, "f32[2]", [0, 4]],
  ["softplus(x)", { x: t([2], [25, -800]) }, "f32[2]", [25, 0]],
  ["softplus(x, beta: 2)", { x: t([1], [1]) }, "f32[1]", [Math.log1p(Math.exp(2)) / 2]],
  ["sigmoid(x)", { x: t([2], [800, -800]) }, "f32[2]", [1, 0]],
  ["silu(x)", { x: t([2], [800, -800]) }, "f32[2]", [800, 0]],
  ["elu(x, alpha: 2)", { x: t([2], [1, -700]) }, "f32[2]", [1, -2]],
  ["logsumexp(x)", { x: t([2, 1], [1000, 1000]) }, "f32", [1000 + Math.log(2)]],
  ["arange(4)", {}, "i32[4]", [0, 1, 2, 3]],
  ["arange(2, 9, 3)", {}, "i32[3]", [2, 5, 8]],
  ["arange(5, 0, step: -2)", {}, "i32[3]", [5, 3, 1]],
  ["full([2], 2.5)", {}, "f32[2]", [2.5, 2.5]],
  ["ones([2], dtype: i32)", {}, "i32[2]", [1, 1]],
  ["zeros([1, 2])", {}, "f32[1, 2]", [0, 0]],
  ["causal_mask(2, 3)", {}, "bool[2, 3]", [1, 0, 0, 1, 1, 0]],
  ["one_hot(x, 3)", { x: t([3], [2, 0, 5], "i32") }, "i32[3, 3]", [0, 0, 1, 1, 0, 0, 0, 0, 0]],
  ["pad(x, [1, 0], value: 7)", { x: t([2, 1], [1, 2]) }, "f32[2, 2]", [7, 1, 7, 2]],
  ["pad(x, 1)", { x: t([2], [1, 2]) }, "f32[4]", [0, 1, 2, 0]],
  ["pad(x, [-1, 1])", { x: t([3], [1, 2, 3]) }, "f32[3]", [2, 3, 0]],
  ["flip(x, [0, 1])", { x: t([2, 2], [1, 2, 3, 4]) }, "f32[2, 2]", [4, 3, 2, 1]],
  ["squeeze(x)", { x: t([1, 2, 1], [1, 2]) }, "f32[2]", [1, 2]],
  ["flatten(x, 0)", { x: t([2, 2], [1, 2, 3, 4]) }, "f32[4]", [1, 2, 3, 4]],
  ["flatten(x)", { x: t([2], [1, 2]) }, "f32[2, 1]", [1, 2]],
  ["reshape(x, [-1, 2])", { x: t([4], [1, 2, 3, 4]) }, "f32[2, 2]", [1, 2, 3, 4]],
  ["x[::-1]", { x: t([3], [1, 2, 3]) }, "f32[3]", [3, 2, 1]],
  ["x[-2]", { x: t([3, 1], [1, 2, 3]) }, "f32[1]", [2]],
  ["x @ y", { x: t([2], [1, 2]), y: t([2], [3, 4]) }, "f32", [11]],
  ["x @ y", { x: t([2], [1, 2]), y: t([2, 2], [3, 4, 5, 6]) }, "f32[2]", [13, 16]],
  ["x @ y", { x: t([2, 2], [3, 4, 5, 6]), y: t([2], [1, 2]) }, "f32[2]", [11, 17]],
  ["concat([x, y])", { x: t([1], [1], "i32"), y: t([1], [2.5]) }, "f32[2]", [1, 2.5]],
  [
    "cosine_embedding(x, y, s)",
    {
      x: t([2, 2], [1, 0, 3, 4]),
      y: t([2, 2], [0, 2, 3, 4]),
      s: t([2], [1, -1], "i32"),
    },
    "f32",
    [1],
  ],
  ["hinge(x, y)", { x: t([3], [2, 0.5, -1]), y: t([3], [1, 1, 1]) }, "f32", [2.5 / 3]],
  ["smooth_l1(x, y, beta: 0)", { x: t([2], [3, 1]), y: t([2], [1, 4]) }, "f32", [2.5]],
  ["kl_div(x, y, log_target: true)", { x: t([1], [-2]), y: t([1], [-1]) }, "f32", [Math.exp(-1)]],
  ["kl_div(x, y)", { x: t([2], [-2, -1]), y: t([2], [0, 1]) }, "f32", [0.5]],
  ["cross_entropy(x, y)", { x: t([2, 2], [1, 2, 3, 4]), y: t([2], [-100, -100], "i32") }, "f32", [0]],
  ["cross_entropy(x, y)", { x: t([2, 2], [1, 2, 3, 4]), y: t([2], [0, 2], "i32") }, "f32", [NaN]],
  ["nll(x, y)", { x: t([2, 2], [-1, -2, -3, -4]), y: t([2], [1, -100], "i32") }, "f32", [2]],
  ["gather(x, y, axis: 0)", { x: t([2, 1], [5, 6]), y: t([2, 1], [1, 9], "i32") }, "f32[2, 1]", [6, NaN]],
  ["checkpoint(relu, x)", { x: t([2], [-1, 1]) }, "f32[2]", [0, 1]],
  ["dropout(x, 0)", { x: t([2], [-1, 1]) }, "f32[2]", [-1, 1]],
];

for (const [call, given, result, expected] of CALLS) {
  const types = Object.values(given).map(showType).join(", ");
  Deno.test(`${call} of ${types || "nothing"}`, () => {
    for (const decomposed of [false, true]) {
      const { data } = run(call, given, result, { decomposed });
      assertArrayAlmostEquals([...data].map(visible), expected.map(visible), { rtol: 1e-6, atol: 1e-7 });
    }
  });
}

/** NaN as a number that equals itself. */
const visible = (v: number) => Number.isNaN(v) ? 1e30 : v;

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
