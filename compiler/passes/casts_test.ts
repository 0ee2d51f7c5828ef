import { assert, assertEquals, assertMatch, assertStrictEquals } from "../../tests/assert.ts";
import { call, feedsFor, linear, mlp, randomLoss, region } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import type { DType } from "../core/dtype.ts";
import { isFloat } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { operandDTypes } from "../ir/op.ts";
import { verify } from "../ir/verify.ts";
import { castOp } from "../ops/cast.ts";
import { inputNode, paramNode } from "../ops/leaf.ts";
import { evaluate } from "../reference/evaluate.ts";
import { casts } from "./casts.ts";

const out = (...nodes: Node[]): Graph => ({
  outputs: nodes.map((node, i) => ({ kind: "result", name: `r${i}`, node })),
});
const castsIn = (graph: Graph) => nodesOf(graph).filter((n) => n.op === castOp);
const origin = { why: "here", span: { file: "m.mpt", start: 50, end: 60 } };
const builder = (compute: DType) => new Builder(origin, region(compute, { start: 1, end: 4 }));

for (const seed of seeds(40)) {
  Deno.test(`casts: random graph ${seed}`, () => {
    const graph = randomLoss(new Random(seed));
    const after = casts.run(graph);
    assertEquals(verify(after, { explicit: true }), []);

    // Once a value and dtype.
    const made = castsIn(after).map((n) => [n.inputs[0], n.type.dtype] as const);
    made.forEach(([x, d], i) =>
      assert(!made.slice(0, i).some(([y, e]) => x === y && d === e), "a value is cast twice to one dtype")
    );
    // No cast of a dtype to itself, and every one says why, and where.
    for (const n of castsIn(after)) {
      assert(n.inputs[0].type.dtype !== n.type.dtype, "a cast that converts nothing");
      assert(n.origin.why.length > 0 && n.origin.span, `a cast without a reason or a line: ${n.origin.why}`);
    }
    // Types stay as the checker had derived them.
    assertEquals(after.outputs.map((o) => o.node.type), graph.outputs.map((o) => o.node.type));

    // In f64 a cast between floats is no change at all.
    const feeds = feedsFor(graph, new Random(seed));
    const [before, now] = [graph, after].map((g) => evaluate(g, feeds, { precision: "f64" }));
    for (const [name, { data }] of before) assertEquals(now.get(name)!.data, data, name);
  });

  Deno.test(`casts: operands of random graph ${seed} are what their class asks for`, () => {
    const graph = randomLoss(new Random(seed));
    const [before, now] = [nodesOf(graph), nodesOf(casts.run(graph)).filter((n) => n.op !== castOp)];
    assertEquals(now.length, before.length);
    const explicit = new Map<Node, Node>();
    // Both orders are depth first from the same outputs, and casts have one input.
    before.forEach((n, i) => explicit.set(n, now[i]));
    for (const [old, n] of explicit) {
      assertStrictEquals(n.op, old.op);
      const want = operandDTypes(old.op, old.inputs.map((i) => i.type), old.region);
      assertEquals(n.inputs.map((i) => i.type.dtype), [...want]);
    }
  });
}

Deno.test("casts: a parameter under several consumers of one region is cast once, by the rule of its class", () => {
  const b = builder("f16");
  const x = inputNode(b, "x", "f32", [3, 4]);
  const w = paramNode(b, "w", "f32", [4, 4]);
  const product = call(b, "matmul", { x, y: w });
  const again = call(b, "matmul", { x: product, y: w });
  const graph = casts.run(out(product, again));
  assertEquals(castsIn(graph).map((n) => n.inputs[0]), [x, w]);
  for (const n of castsIn(graph)) {
    assertEquals([n.type.dtype, n.origin.span], ["f16", { file: "test.mpt", start: 1, end: 4 }]);
    assertMatch(n.origin.why, /^matmul computes in f16: policy of Test/);
  }
});

Deno.test("casts: one value, two dtypes: two casts", () => {
  const x = inputNode(new Builder(origin), "x", "f32", [3, 4]);
  const [half, brain] = (["f16", "bf16"] as const).map((d) => linear(builder(d), x, d, 2));
  const graph = casts.run(out(half, brain));
  assertEquals(castsIn(graph).filter((n) => n.inputs[0] === x).map((n) => n.type.dtype), ["f16", "bf16"]);
});

Deno.test("casts: full and follow say their rule at the consumer's own line", () => {
  const b = builder("f16");
  const x = inputNode(b, "x", "f16", [3]), y = inputNode(b, "y", "f32", [3]);
  const soft = casts.run(out(call(b, "softmax", { x, axis: -1 })));
  const sum = casts.run(out(call(b, "add", { x, y })));
  for (
    const [graph, why] of [[soft, "softmax is computed in f32"], [
      sum,
      "add follows its widest operand, f32",
    ]] as const
  ) {
    const [cast, ...rest] = castsIn(graph);
    assertEquals(rest.length, 0);
    assertEquals([cast.origin.why, cast.origin.span, cast.type.dtype], [why, origin.span, "f32"]);
  }
});

Deno.test("casts: under the default policy, which stands nowhere, a cast names its consumer's line", () => {
  const b = new Builder(origin, region("f16"));
  const x = inputNode(b, "x", "f32", [3, 4]);
  for (const n of castsIn(casts.run(out(linear(b, x, "fc", 2))))) assertEquals(n.origin.span, origin.span);
});

Deno.test("casts: what is in place already is left alone", () => {
  const b = builder("f32");
  const x = inputNode(b, "x", "f32", [3, 4]), i = inputNode(b, "i", "i32", [3]);
  const graph = out(
    linear(b, x, "fc", 2),
    call(b, "add", { x: i, y: i }),
    call(b, "softmax", { x, axis: -1 }),
  );
  assertEquals(castsIn(casts.run(graph)).length, 0);
  // A second time there is nothing left to do.
  const once = casts.run(mlp());
  assertEquals(nodesOf(casts.run(once)), nodesOf(once));
});

Deno.test("casts: the MLP's are the ones that its policy implies, no more", () => {
  const found = castsIn(casts.run(mlp())).map((n) => {
    const { op, attrs } = n.inputs[0];
    return `${attrs.slot ?? attrs.name ?? op.name} ${n.inputs[0].type.dtype}→${n.type.dtype}`;
  });
  assertEquals(found.sort(), [
    "eq bool→f32",
    "image u8→f16",
    "param/fc1.bias f32→f16",
    "param/fc1.weight f32→f16",
    "relu f16→f32",
  ]);
});

Deno.test("casts: integers and bools are never cast", () => {
  for (const seed of seeds(10)) {
    for (const n of castsIn(casts.run(randomLoss(new Random(seed))))) assert(isFloat(n.inputs[0].type.dtype));
  }
});
