import { assert, assertEquals, assertStringIncludes } from "../../tests/assert.ts";
import { program } from "../../tests/support/programs.ts";
import { DiagnosticError } from "../core/diagnostic.ts";
import { nodesOf } from "../ir/graph.ts";
import { showType } from "../ir/op.ts";
import { verify } from "../ir/verify.ts";
import type { LowerRequest } from "./lower.ts";
import { lower } from "./lower.ts";

const TEXT = `
model Block(dim: int) {
  layer qkv = Linear(dim, 3 * dim)
  layer proj = Linear(dim, dim)
  forward(x: float[B, T, dim]) -> float[B, T, dim] {
    let (q, k, v) = qkv(x) |> split(3, axis: -1)
    return x + (attention(q, k, v, causal: true) |> proj) / T
  }
}
model Net(dim: int = 8) {
  layer tok = Embedding(11, dim)
  layer pos = Embedding(16, dim)
  layer blocks = Block(dim) * 2
  layer head = Linear(dim, 11, bias: false, weight: tok.weight)
  forward(ids: i32[B, T]) -> (f32[B, T, 11], i32[B]) {
    let logits = tok(ids) + pos(arange(T)) |> blocks |> head
    return (logits, argmax(logits[:, -1], axis: -1))
  }
}
train Net {
  batch(ids: i32[B, 6], target: i32[B, 6])
  let (logits, best) = Net(ids)
  loss = cross_entropy(logits, target)
  metric hit = mean(best == target[:, 5])
  optimizer = AdamW(lr: 1e-3)
}`;

const NET = program(TEXT);

/** The codes of the diagnostics that a call throws. */
function codesOf(f: () => unknown): string[] {
  try {
    f();
  } catch (error) {
    assert(error instanceof DiagnosticError, String(error));
    return error.diagnostics.map((d) => d.code);
  }
  return [];
}

const ENTRIES: readonly (readonly [LowerRequest["entry"], LowerRequest["dims"], readonly string[]])[] = [
  ["train", { B: 3 }, ["loss f32", "hit f32"]],
  ["eval", { B: 5 }, ["loss f32", "hit f32"]],
  ["predict_batch", { B: 2 }, ["output.0 f32[2, 6, 11]", "output.1 i32[2]"]],
  ["predict", { B: 4, T: 7 }, ["output.0 f32[4, 7, 11]", "output.1 i32[4]"]],
];

for (const [entry, dims, results] of ENTRIES) {
  Deno.test(`lower: ${entry} at ${JSON.stringify(dims)} is a valid graph without symbols`, () => {
    const graph = lower(NET, { entry, dims });
    assertEquals(verify(graph), []);
    assertEquals(graph.outputs.map((o) => `${o.name} ${showType(o.node.type)}`), [...results]);
    for (const n of nodesOf(graph)) {
      assert(n.type.shape.every((d) => typeof d === "number"), showType(n.type));
      assert(!JSON.stringify(n.attrs).includes("terms"), `${n.op.name} keeps a symbol among its attrs`);
      assert(n.origin.why !== "");
    }
  });
}

Deno.test("lower: sharing, origins and regions are kept, and the typed program is left alone", () => {
  const before = nodesOf({ outputs: [{ kind: "result", name: "x", node: NET.train!.loss }] });
  const after = nodesOf({ outputs: lower(NET, { entry: "train", dims: { B: 3 } }).outputs.slice(0, 1) });
  assertEquals(after.map((n) => n.op.name), before.map((n) => n.op.name));
  after.forEach((n, i) => {
    assert(n.origin === before[i].origin);
    assert(n.region === before[i].region);
  });
  assert(before.some((n) => n.type.shape.some((d) => typeof d !== "number")));
});

Deno.test("lower: numbers made of symbols are computed, whole or not", () => {
  const p = program("model M { forward(x: f32[N]) -> f32[N] { return x * (1 / N) + N ** 2 } }");
  const values = nodesOf(lower(p, { entry: "predict", dims: { N: 8 } })).filter((n) => n.op.name === "const");
  assertEquals(values.map((n) => n.attrs.value), [0.125, 64]);
});

Deno.test("lower: what the dims leave open or get wrong, and what to pass", () => {
  assertEquals(codesOf(() => lower(NET, { entry: "train", dims: {} })), ["MPT0601"]);
  assertEquals(codesOf(() => lower(NET, { entry: "predict", dims: { N: 3 } })), ["MPT0601", "MPT0601"]);
  for (const size of [0, -1, 2.5, NaN, Infinity]) {
    assertEquals(codesOf(() => lower(NET, { entry: "train", dims: { B: size } })), ["MPT0602"], String(size));
  }
  try {
    lower(NET, { entry: "train", dims: {} });
  } catch (error) {
    assertStringIncludes((error as DiagnosticError).diagnostics[0].help!, "--dims B=64");
  }
  const half = program("model M { forward(x: f32[N]) -> f32[N / 2, 2] { return reshape(x, [N / 2, 2]) } }");
  assertEquals(codesOf(() => lower(half, { entry: "predict", dims: { N: 6 } })), []);
  assertEquals(codesOf(() => lower(half, { entry: "predict", dims: { N: 7 } })), ["MPT0606"]);
  const cut = program("model M { forward(x: f32[N]) -> f32[N - 4] { return x[2:-2] } }");
  assertEquals(codesOf(() => lower(cut, { entry: "predict", dims: { N: 9 } })), []);
  assertEquals(codesOf(() => lower(cut, { entry: "predict", dims: { N: 3 } })), ["MPT0606"]);
  const wide = program(
    "model M { forward(x: f32[N]) -> f32[N, N] { return unsqueeze(x, 0) * unsqueeze(x, 1) } }",
  );
  assertEquals(codesOf(() => lower(wide, { entry: "predict", dims: { N: 100_000 } })), ["MPT0606"]);
  assertEquals(codesOf(() => lower(half, { entry: "train", dims: { N: 6 } })), ["MPT0605"]);
});
