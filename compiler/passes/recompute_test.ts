import { assert, assertEquals, assertLess } from "../../tests/assert.ts";
import { call, feedsFor, linear, randomLoss, region, scalar } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import { compareWithOracle } from "../../tests/support/compare_graph.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, nodesOf, same, topological } from "../ir/graph.ts";
import { parseGraph } from "../ir/parse.ts";
import { printGraph } from "../ir/print.ts";
import { verify } from "../ir/verify.ts";
import { afterOp } from "../ops/identity.ts";
import { OPS } from "../ops/index.ts";
import { inputNode } from "../ops/leaf.ts";
import { evaluate } from "../reference/evaluate.ts";
import { autodiff } from "./autodiff.ts";
import { casts } from "./casts.ts";
import { decompose } from "./decompose.ts";
import { recompute } from "./recompute.ts";
import { reportGrads, resolveScaling, unscale } from "./scaling.ts";
import { cse, simplify } from "./simplify.ts";

/** The same graph with its nodes in segments, as `of` says. */
function inSegments(graph: Graph, of: (node: Node) => string | undefined): Graph {
  return mapGraph(graph, (node, inputs) => {
    const segment = of(node);
    const out = same(node, inputs);
    return segment === undefined ? out : { ...out, origin: { ...out.origin, segment } };
  });
}

function training(source: Graph): Graph {
  const scaling = resolveScaling(undefined, casts.run(source));
  const passes = [casts, autodiff, unscale(scaling), reportGrads, decompose, simplify, cse];
  const { outputs } = passes.reduce((g, p) => p.run(g), source);
  return { outputs: outputs.filter((o) => o.kind !== "grad") };
}

function assertSame(before: Graph, after: Graph, seed: number): void {
  assertEquals(verify(after), []);
  const text = printGraph(after);
  assertEquals(printGraph(parseGraph(text, OPS)), text, "segments read back");
  const feeds = feedsFor({ outputs: [...before.outputs, ...after.outputs] }, new Random(seed));
  feeds.state.set("scaler.scale", scalar("f32", 1024));
  feeds.state.set("found_inf", scalar("u32", 0, [1]));
  const [want, got] = [before, after].map((g) => evaluate(g, feeds, { precision: "rounded" }));
  assertEquals([...got.keys()], [...want.keys()]);
  for (const [key, { data }] of want) assertEquals(got.get(key)!.data, data, key);
  const all = new Map([...feeds.inputs!, ...feeds.state]);
  compareWithOracle(after, all, { rtol: 2e-3, atol: 1e-3 });
}

/** Nodes that gradients read of what the forward pass made, leaves aside. */
function keptFor(graph: Graph): Node[] {
  const forward = new Set(topological(graph.outputs.filter((o) => o.name === "loss").map((o) => o.node)));
  const read = new Set<Node>();
  for (const n of nodesOf(graph)) {
    if (!forward.has(n)) n.inputs.forEach((x) => forward.has(x) && x.op.kind !== "leaf" && read.add(x));
  }
  return [...read];
}

for (const seed of seeds(60)) {
  Deno.test(`recompute: random graph ${seed} in random segments keeps every value`, () => {
    const random = new Random(seed);
    const source = randomLoss(random);
    const nodes = nodesOf(source);
    // Runs of nodes, some inside others; or any nodes at all, which no program asks for but no pass may trip over.
    const names = [undefined, "1", "1.3", "2", "2.4.5"];
    const wild = random.below(2) === 1;
    const cuts = names.map(() => random.below(nodes.length)).sort((a, b) => a - b);
    const at = new Map(nodes.map((n, i) => [n, names[cuts.filter((c) => c < i).length % names.length]]));
    const before = training(inSegments(source, (n) => wild ? random.pick(names) : at.get(n)));
    const light = new Set(random.below(2) ? ["1", "2.4"] : []);
    assertSame(before, recompute(light).run(before), seed);
  });
}

const b = new Builder({ why: "forward" }, region("f16"));

/** Blocks of x + tanh(fc(gelu(fc(x)))), each a segment; the loss is a mean of squares. */
function blocks(count: number): Graph {
  let x = inputNode(b, "x", "f32", [6, 8]);
  for (let i = 0; i < count; i++) {
    const own = b.at({ why: "block", segment: String(i + 1) });
    const y = linear(own, call(own, "gelu", { x: linear(own, x, `a${i}`, 16) }), `b${i}`, 8);
    x = call(b, "add", { x, y: call(b, "checkpoint", { x: call(own, "tanh", { x: y }) }) });
  }
  const loss = call(b, "mean", { x: call(b, "mul", { x, y: x }) });
  return { outputs: [{ kind: "result", name: "loss", node: loss }] };
}

Deno.test("recompute: of a segment only its input waits for the backward pass", () => {
  const before = training(blocks(3));
  const after = recompute().run(before);
  assertSame(before, after, 5);
  const inner = (g: Graph) => keptFor(g).filter((n) => n.origin.segment !== undefined);
  assert(inner(before).length > 9);
  assertEquals(inner(after).map((n) => n.op.name), []);
});

Deno.test("recompute: what is computed again waits for the gradient of its segment's result", () => {
  const after = recompute().run(training(blocks(3)));
  const waiting = nodesOf(after).filter((n) => n.op === afterOp);
  assert(waiting.length >= 3);
  const place = new Map(nodesOf(after).map((n, i) => [n, i]));
  const dep = (segment: number) => waiting.find((n) => readBy(after, n, String(segment)))!.inputs[1];
  assertLess(place.get(dep(3))!, place.get(dep(2))!);
  assertLess(place.get(dep(2))!, place.get(dep(1))!);
});

function readBy(graph: Graph, x: Node, segment: string): boolean {
  return nodesOf(graph).some((n) => n.inputs.includes(x) && n.origin.segment === segment);
}

Deno.test("recompute: a light segment keeps its products", () => {
  const before = training(blocks(2));
  const after = recompute(new Set(["1", "2"])).run(before);
  assertSame(before, after, 6);
  const count = (g: Graph) => nodesOf(g).filter((n) => n.op.kind === "contract").length;
  assertEquals(count(after), count(before));
  assertLess(count(before), count(recompute().run(before)));
  const kinds = new Set(keptFor(after).filter((n) => n.origin.segment).map((n) => n.op.kind));
  assertEquals([...kinds], ["contract"]);
});

Deno.test("recompute: without segments the graph stays as it is", () => {
  const plain = training(randomLoss(new Random(3)));
  assertEquals(printGraph(recompute().run(plain)), printGraph(plain));
});
