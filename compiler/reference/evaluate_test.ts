import { assert, assertAlmostEquals, assertEquals, assertThrows } from "../../tests/assert.ts";
import type { DType } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import type { RefTensor } from "../ir/op.ts";
import { relu } from "../ops/activation.ts";
import { apply } from "../ops/apply.ts";
import { mul } from "../ops/arithmetic.ts";
import { cast } from "../ops/cast.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { foundInf } from "../ops/flag.ts";
import { constNode, inputNode, paramNode } from "../ops/leaf.ts";
import { linear } from "../ops/linear.ts";
import { evaluate } from "./evaluate.ts";
import { erf } from "./primitives.ts";

const b = new Builder({ why: "test" });

function tensor(dtype: DType, shape: readonly number[], value: () => number): RefTensor {
  const size = shape.reduce((a, d) => a * d, 1);
  return { dtype, shape, data: Float64Array.from({ length: size }, value) };
}

const result = (node: Node): Graph => ({ outputs: [{ kind: "result", name: "y", node }] });

Deno.test("the forward pass and gradients of an MNIST MLP take seconds, not minutes", () => {
  const w1 = paramNode(b, "w1", "f32", [64, 784]), b1 = paramNode(b, "b1", "f32", [64]);
  const w2 = paramNode(b, "w2", "f32", [10, 64]), b2 = paramNode(b, "b2", "f32", [10]);
  const half = (n: Node) => cast(b, n, "f16");
  const x = half(inputNode(b, "x", "f32", [128, 784]));
  const h = linear(b, x, half(w1), half(b1));
  const logits = linear(b, apply(b, relu.op, [h]), half(w2), half(b2));
  const loss = crossEntropy.build(b, {
    logits: cast(b, logits, "f32"),
    target: inputNode(b, "label", "i32", [128]),
    axis: -1,
    label_smoothing: 0,
    ignore_index: -100,
    reduction: "mean",
  }) as Node;
  const [dlogits] = loss.op.grad!(b, loss, constNode(b, 1));
  const [dr, dw2] = logits.op.grad!(b, logits, half(dlogits!));
  const relud = logits.inputs[0];
  const [dh] = relud.op.grad!(b, relud, dr!);
  const [, dw1] = h.op.grad!(b, h, dh!);
  const graph: Graph = {
    outputs: [loss, dw1!, dw2!].map((node, i) => ({ kind: "result", name: `${i}`, node })),
  };
  const inputs = new Map([
    ["x", tensor("f32", [128, 784], Math.random)],
    ["label", tensor("i32", [128], () => Math.floor(10 * Math.random()))],
  ]);
  const state = new Map([
    ["param/w1", tensor("f32", [64, 784], () => (Math.random() - 0.5) / 14)],
    ["param/b1", tensor("f32", [64], () => (Math.random() - 0.5) / 14)],
    ["param/w2", tensor("f32", [10, 64], () => (Math.random() - 0.5) / 4)],
    ["param/b2", tensor("f32", [10], () => (Math.random() - 0.5) / 4)],
  ]);
  for (const decomposed of [false, true]) {
    const start = performance.now();
    const values = evaluate(graph, { inputs, state }, { precision: "rounded", decomposed });
    const taken = performance.now() - start;
    assertAlmostEquals(values.get("result/0")!.data[0], Math.log(10), 0.3);
    assert(values.get("result/1")!.data.some((v) => v !== 0));
    assert(taken < 20_000, `took ${taken} ms`);
  }
});

Deno.test("an overflow is noted where it happens and in everything after it", () => {
  const x = inputNode(b, "x", "f32", [2]);
  const narrow = cast(b, x, "f16");
  const wide = mul(b, cast(b, narrow, "f32"), 0.5);
  const graph: Graph = {
    outputs: [
      { kind: "result", name: "wide", node: wide },
      { kind: "result", name: "found", node: foundInf(b, [wide]) },
    ],
  };
  const run = (value: number, precision: "f64" | "rounded") => {
    const inputs = new Map([["x", tensor("f32", [2], () => value)]]);
    const values = evaluate(graph, { inputs }, { precision });
    return { wide: values.get("result/wide")!, found: values.get("result/found")!.data[0] };
  };
  assertEquals(run(65519, "rounded").found, 0);
  assertEquals(run(65520, "rounded").found, 1);
  assertEquals(run(65520, "rounded").wide.data[0], 65504 / 2);
  assertEquals(run(65520, "rounded").wide.overflowed, true);
  assertEquals(run(65520, "f64").found, 0);
  assertEquals(run(Infinity, "f64").found, 1);
});

Deno.test("each node rounds once, and only when asked", () => {
  const x = inputNode(b, "x", "f32", []);
  const y = mul(b, cast(b, x, "bf16"), cast(b, x, "bf16"));
  const inputs = new Map([["x", tensor("f32", [], () => 1.2345)]]);
  const of = (precision: "f64" | "rounded") =>
    evaluate(result(y), { inputs }, { precision }).get("result/y")!.data[0];
  assertEquals(of("f64"), 1.2345 ** 2);
  // 1.2345 is 1.234375 in bf16, whose square is 1.523681640625 and rounds to 1.5234375.
  assertEquals(of("rounded"), 1.5234375);
});

Deno.test("a slot that is not fed is named, and so is one of another type", () => {
  const node = paramNode(b, "w", "f32", [2]);
  const feed = (t?: RefTensor) => () =>
    evaluate(result(node), { state: new Map(t ? [["param/w", t]] : []) }, { precision: "f64" });
  assertThrows(feed(), Error, "param/w is not fed");
  assertThrows(feed(tensor("f32", [3], Math.random)), Error, "param/w is f32[2], fed f32[3]");
});

Deno.test("erf", () => {
  // Abramowitz and Stegun, table 7.1, and mpmath beyond it.
  for (
    const [x, y] of [[0.1, 0.1124629160182849], [1, 0.8427007929497149], [2.9, 0.9999589021219005], [
      3.1,
      0.9999883513426328,
    ], [5, 0.9999999999984626]]
  ) {
    assertAlmostEquals(erf(x), y, 1e-15);
    assertAlmostEquals(erf(-x), -y, 1e-15);
  }
});
