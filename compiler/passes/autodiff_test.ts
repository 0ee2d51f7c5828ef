import { assert, assertArrayAlmostEquals, assertEquals, assertStrictEquals } from "../../tests/assert.ts";
import { call, feedsFor, linear, mlp, randomLoss, region } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import type { DType } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import type { RefTensor } from "../ir/op.ts";
import { verify } from "../ir/verify.ts";
import { castOp } from "../ops/cast.ts";
import { inputNode, paramNode } from "../ops/leaf.ts";
import type { Feeds } from "../reference/evaluate.ts";
import { evaluate } from "../reference/evaluate.ts";
import { autodiff, gradientEdges, paramPath } from "./autodiff.ts";
import { casts } from "./casts.ts";

const F64 = { precision: "f64" } as const;

/** d loss / d param by central differences through the oracle in f64. */
function numericGradient(graph: Graph, feeds: Feeds, slot: string): Float64Array {
  const only: Graph = { outputs: graph.outputs.filter((o) => o.name === "loss") };
  const x = feeds.state!.get(slot)!;
  const h = 1e-5;
  const at = (i: number, delta: number) => {
    const data = x.data.slice();
    data[i] += delta;
    const state = new Map(feeds.state).set(slot, { ...x, data });
    return evaluate(only, { ...feeds, state }, F64).get("result/loss")!.data[0];
  };
  return x.data.map((_, i) => (at(i, h) - at(i, -h)) / (2 * h));
}

/** Compares every gradient of `loss` with finite differences of the graph as it was before any pass. */
function assertGradients(source: Graph, random: Random): Graph {
  const graph = autodiff.run(casts.run(source));
  assertEquals(verify(graph, { explicit: true }), []);
  const feeds = feedsFor(source, random);
  const values = evaluate(graph, feeds, F64);
  const params = [...feeds.state.keys()].filter((s) => s.startsWith("param/"));
  const grads = graph.outputs.filter((o) => o.kind === "grad");
  assertEquals(grads.map((o) => `param/${o.name}`).sort(), params.sort());
  let moved = 0;
  for (const { name } of grads) {
    const numeric = numericGradient(source, feeds, `param/${name}`);
    // The constants of an expression are f32 values, which both sides share; differences leave about 1e-9.
    assertArrayAlmostEquals(values.get(`grad/${name}`)!.data, numeric, {
      rtol: 1e-5,
      atol: 1e-7,
      message: name,
    });
    moved += numeric.filter((g) => Math.abs(g) > 1e-6).length;
  }
  assert(moved > 0, "every gradient is zero: nothing is tested");
  return graph;
}

for (const seed of seeds(60)) {
  Deno.test(`autodiff: random graph ${seed} against finite differences`, () => {
    const source = randomLoss(new Random(seed), { smooth: true });
    const graph = assertGradients(source, new Random(seed + 1));
    // What was there stays.
    for (const o of source.outputs) assert(graph.outputs.some((p) => p.name === o.name && p.kind === o.kind));
    // A gradient has its master's dtype and shape, and comes in the order of first use.
    const order = nodesOf(casts.run(source)).map(paramPath).filter((p) => p !== undefined);
    assertEquals(graph.outputs.filter((o) => o.kind === "grad").map((o) => o.name), order);
    for (const o of graph.outputs.filter((o) => o.kind === "grad")) {
      const master = nodesOf(source).find((n) => paramPath(n) === o.name)!;
      assertEquals(o.node.type, master.type);
    }
  });
}

Deno.test("autodiff: the MLP's gradients against finite differences", () => {
  assertGradients(mlp({ rows: 3, hidden: 4 }), new Random(7));
});

const origin = { why: "forward", span: { file: "m.mpt", start: 3, end: 9 } };
const builder = (compute: DType) => new Builder(origin, region(compute));
const lossOf = (node: Node, name = "loss"): Graph => ({ outputs: [{ kind: "result", name, node }] });
const total = (b: Builder, x: Node) => call(b, "sum", { x });

function gradOf(graph: Graph, path: string, feeds: Feeds): Float64Array {
  return evaluate(autodiff.run(casts.run(graph)), feeds, { precision: "rounded" }).get(`grad/${path}`)!.data;
}

const fed = (entries: Record<string, RefTensor>): Feeds => ({
  inputs: new Map(Object.entries(entries)),
  state: new Map(Object.entries(entries)),
});
const values = (dtype: DType, ...data: number[]): RefTensor => ({
  dtype,
  shape: [data.length],
  data: Float64Array.from(data),
});

Deno.test("autodiff: contributions of several uses add up", () => {
  const b = builder("f32");
  const p = paramNode(b, "p", "f32", [2]);
  // p·p + 3p + p: 2p + 4.
  const y = [call(b, "mul", { x: p, y: p }), call(b, "mul", { x: p, y: 3 }), p]
    .reduce((x, y) => call(b, "add", { x, y }));
  assertEquals([...gradOf(lossOf(total(b, y)), "p", fed({ "param/p": values("f32", 5, -2) }))], [14, 0]);
});

Deno.test("autodiff: two leaves that read one master give one gradient", () => {
  const b = builder("f32");
  const y = call(b, "mul", { x: paramNode(b, "p", "f32", [2]), y: paramNode(b, "p", "f32", [2]) });
  const graph = lossOf(total(b, y));
  assertEquals(autodiff.run(graph).outputs.filter((o) => o.kind === "grad").length, 1);
  assertEquals([...gradOf(graph, "p", fed({ "param/p": values("f32", 5, -2) }))], [10, -4]);
});

Deno.test("autodiff: a gradient has its node's dtype, a cast's gradient is the cast back", () => {
  const b = builder("f16");
  const x = inputNode(b, "x", "f32", [3, 4]);
  const graph = autodiff.run(casts.run(lossOf(call(b, "mean", { x: linear(b, x, "fc", 2) }))));
  for (const { node } of graph.outputs.filter((o) => o.kind === "grad")) {
    // f32 master ← cast ← f16: rounded to f16 on the way, as PyTorch's autocast does.
    assertEquals([node.op, node.type.dtype, node.inputs[0].type.dtype], [castOp, "f32", "f16"]);
    assertEquals(node.origin, { why: "gradient of cast", span: node.origin.span });
  }
  // The upstream gradient of 2^-25 / 6 elements is under half of f16's smallest value and is lost.
  const feeds = feedsFor(graph, new Random(3));
  const tiny = { ...graph, outputs: graph.outputs.filter((o) => o.kind === "grad") };
  for (const { data } of evaluate(tiny, feeds, { precision: "rounded" }).values()) {
    assert(data.every((g) => g === Math.fround(g) && Number.isFinite(g)));
  }
});

Deno.test("autodiff: an f16 edge rounds the gradient that flows over it", () => {
  const b = builder("f16");
  const p = paramNode(b, "p", "f32", [1]);
  const half = call(b, "cast", { x: p, to: "f16" });
  const wide = call(b, "cast", { x: half, to: "f32" });
  const end = builder("f32");
  // d/dp = c through an f16 edge.
  for (const [c, want] of [[2 ** -26, 0], [2 ** -24, 2 ** -24], [0.1, 0.0999755859375], [1 + 2 ** -11, 1]]) {
    const graph = lossOf(total(end, call(end, "mul", { x: wide, y: c })));
    assertEquals([...gradOf(graph, "p", fed({ "param/p": values("f32", 1) }))], [want]);
  }
});

Deno.test("autodiff: nothing flows through integers, comparisons, argmax or sign", () => {
  const b = builder("f32");
  const p = paramNode(b, "p", "f32", [3, 4]), q = paramNode(b, "q", "f32", [3]);
  const hit = call(b, "eq", { x: call(b, "argmax", { x: p }), y: 1 });
  const through = call(b, "mul", { x: call(b, "cast", { x: hit, to: "f32" }), y: q });
  const graph = lossOf(total(b, call(b, "add", { x: through, y: call(b, "sign", { x: q }) })));
  assertEquals(autodiff.run(graph).outputs.filter((o) => o.kind === "grad").map((o) => o.name), ["q"]);
});

Deno.test("autodiff: a loss of no parameter has no gradients, and a parameter of other outputs has none", () => {
  const b = builder("f32");
  const x = inputNode(b, "x", "f32", [2]), p = paramNode(b, "p", "f32", [2]);
  const graph: Graph = {
    outputs: [...lossOf(total(b, x)).outputs, { kind: "result", name: "metric", node: total(b, p) }],
  };
  assertEquals(autodiff.run(graph).outputs.map((o) => o.name), ["loss", "metric"]);
});

Deno.test("autodiff: takes scaled_loss where there is one, and uses it up", () => {
  const b = builder("f32");
  const p = paramNode(b, "p", "f32", [2]);
  const loss = total(b, call(b, "mul", { x: p, y: p }));
  const graph: Graph = {
    outputs: [
      ...lossOf(loss).outputs,
      ...lossOf(call(b, "mul", { x: loss, y: 1024 }), "scaled_loss").outputs,
    ],
  };
  const after = autodiff.run(graph);
  assertEquals(after.outputs.map((o) => o.name), ["loss", "p"]);
  assertEquals([...gradOf(graph, "p", fed({ "param/p": values("f32", 3, -1) }))], [6144, -2048]);
  assertStrictEquals(after.outputs[0].node, loss);
});

Deno.test("autodiff: edges are the float nodes between the loss and the parameters", () => {
  const graph = casts.run(mlp());
  const loss = graph.outputs.find((o) => o.name === "loss")!.node;
  const edges = gradientEdges(loss);
  assert(edges.has(loss));
  for (const n of edges) assert(!["input", "const", "argmax", "eq"].includes(n.op.name), n.op.name);
  // image/255 leads to no parameter.
  assert(![...edges].some((n) => n.op.name === "div"));
  assertEquals([...edges].filter((n) => paramPath(n)).length, 4);
});

Deno.test("autodiff: each gradient names the node and the line that it comes from", () => {
  const graph = autodiff.run(casts.run(mlp()));
  const forward = new Set(nodesOf(casts.run(mlp())).map((n) => n.op.name));
  const added = nodesOf(graph).filter((n) => n.origin.why.startsWith("gradient of "));
  assert(added.length > 10);
  for (const n of added) {
    assert(forward.has(n.origin.why.slice("gradient of ".length)), n.origin.why);
    assert(n.origin.span !== undefined || /cast|state/.test(n.origin.why), n.origin.why);
  }
});

Deno.test("autodiff: the worked example of the founding article, put right", () => {
  // W = [[1, 2], [3, 4]], x = [1, 2], target 1 for both, ReLU, half the squared error: outputs 5 and 11.
  const b = builder("f32");
  const w = paramNode(b, "w", "f32", [2, 2]), x = inputNode(b, "x", "f32", [1, 2]);
  const y = call(b, "relu", { x: call(b, "matmul", { x, y: call(b, "transpose", { x: w }) }) });
  const e = call(b, "sub", { x: y, y: 1 });
  const graph: Graph = {
    outputs: [
      ...lossOf(call(b, "mul", { x: total(b, call(b, "mul", { x: e, y: e })), y: 0.5 })).outputs,
      { kind: "result", name: "y", node: y },
    ],
  };
  const feeds = fed({
    "param/w": { dtype: "f32", shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) },
    x: { dtype: "f32", shape: [1, 2], data: Float64Array.of(1, 2) },
  });
  const after = evaluate(autodiff.run(graph), feeds, F64);
  assertEquals([...after.get("result/y")!.data], [5, 11]);
  assertEquals([...after.get("grad/w")!.data], [4, 8, 10, 20]);
  assertEquals(1 - 0.01 * after.get("grad/w")!.data[0], 0.96);
});

Deno.test("autodiff: a parameter drawn twice into a deep chain keeps its graph linear in size", () => {
  const b = builder("f32");
  let x = paramNode(b, "p", "f32", [2]);
  for (let i = 0; i < 200; i++) x = call(b, "add", { x, y: x });
  const size = nodesOf(autodiff.run(lossOf(total(b, x)))).length;
  assert(size < 1000, `${size} nodes`);
});
