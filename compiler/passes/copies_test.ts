import { assert, assertEquals, assertMatch } from "../../tests/assert.ts";
import { call, feedsFor, linear, mlp, region } from "../../tests/numeric/suite/graphs.ts";
import { Random } from "../../tests/numeric/suite/random.ts";
import { GraphRunner, through } from "../../tests/numeric/suite/run_graph.ts";
import type { Setting, TypedTrain } from "../check/typed.ts";
import { round } from "../core/round.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { castOp } from "../ops/cast.ts";
import { inputNode, paramNode } from "../ops/leaf.ts";
import { autodiff } from "./autodiff.ts";
import { casts } from "./casts.ts";
import { copiesOf, useCopies } from "./copies.ts";
import { syncGraph } from "./initial.ts";
import { optimizer } from "./optimizer.ts";
import { resolveScaling, scaleLoss, unscale } from "./scaling.ts";

const span = { file: "m.mpt", start: 0, end: 1 };
const sgd: Setting = { name: "SGD", args: { lr: 0.25 }, span };
const TRAIN = { optimizer: sgd } as unknown as TypedTrain;

/** The MLP's training step, with and without copies. */
function steps() {
  const source = casts.run(mlp());
  const copies = copiesOf(source);
  const scaling = resolveScaling(undefined, source);
  const plain = through(mlp(), [casts, scaleLoss(scaling, 1), autodiff, unscale(scaling), optimizer(TRAIN)]);
  return { copies, plain, copied: useCopies(copies).run(plain) };
}

const masterCasts = (graph: Graph) =>
  nodesOf(graph).filter((n) => n.op === castOp && String(n.inputs[0].attrs.slot).startsWith("param/"));

Deno.test("copies: of the masters that are narrowed, once a dtype", () => {
  assertEquals(steps().copies, [{ path: "fc1.weight", dtype: "f16" }, { path: "fc1.bias", dtype: "f16" }]);
  const b = new Builder({ why: "" }, region("f16"));
  const x = inputNode(b, "x", "f32", [3, 4]), w = paramNode(b, "w", "f32", [4, 4]);
  const half = call(b, "matmul", { x, y: w });
  const brain = call(b.within(region("bf16")), "matmul", { x, y: w });
  const again = call(b, "matmul", { x: half, y: w });
  const graph: Graph = {
    outputs: [half, brain, again].map((node, i) => ({ kind: "result", name: `${i}`, node })),
  };
  assertEquals(copiesOf(casts.run(graph)), [{ path: "w", dtype: "f16" }, { path: "w", dtype: "bf16" }]);
});

Deno.test("copies: none of a master that is widened, kept or not cast", () => {
  const b = new Builder({ why: "" }, region("f16"));
  const p = paramNode(b, "p", "f16", [4]), q = paramNode(b, "q", "bf16", [4]);
  const graph: Graph = {
    outputs: [
      { kind: "result", name: "wide", node: call(b, "cast", { x: p, to: "f32" }) },
      { kind: "result", name: "across", node: call(b, "cast", { x: q, to: "f16" }) },
      { kind: "result", name: "same", node: call(b, "neg", { x: p }) },
    ],
  };
  assertEquals(copiesOf(casts.run(graph)), []);
});

Deno.test("copies: the step reads copies and never casts a master to use it", () => {
  const { plain, copied } = steps();
  assertEquals(masterCasts(plain).length, 2);
  assertEquals(masterCasts(copied), []);
  const slots = nodesOf(copied).filter((n) => n.op.name === "state").map((n) => String(n.attrs.slot));
  assert(slots.includes("copy.f16/fc1.weight") && slots.includes("copy.f16/fc1.bias"));
});

Deno.test("copies: each is made once an update, from the master's new value", () => {
  const { copied } = steps();
  for (const path of ["fc1.weight", "fc1.bias"]) {
    const refreshed = copied.outputs.filter((o) => o.name === `copy.f16/${path}`);
    assertEquals(refreshed.length, 1);
    const [{ kind, node }] = refreshed;
    const master = copied.outputs.find((o) => o.name === `param/${path}`)!.node;
    assertEquals([kind, node.op, node.inputs[0] === master], ["state", castOp, true]);
    assertMatch(node.origin.why, /once an update/);
  }
  const conversions = nodesOf(copied).filter((n) => n.op === castOp && n.type.dtype === "f16");
  assertEquals(conversions.filter((n) => n.type.shape.join() === "5,6").length, 1, "the weight is cast once");
});

Deno.test("copies: a graph that writes no master refreshes none, and reads those it knows", () => {
  const graph = useCopies(copiesOf(casts.run(mlp()))).run(casts.run(mlp()));
  assertEquals(graph.outputs.map((o) => o.name), ["loss", "accuracy"]);
  assertEquals(masterCasts(graph), []);
  const other = useCopies([{ path: "fc1.bias", dtype: "bf16" }]).run(casts.run(mlp()));
  assertEquals(masterCasts(other).length, 2, "a copy that is not kept is still a cast");
});

Deno.test("copies: ten steps are bit for bit those of casting the masters, skipped ones too", () => {
  const { plain, copied } = steps();
  const random = new Random(21);
  const { state, inputs } = feedsFor(casts.run(mlp()), random);
  const scale = { dtype: "f32" as const, shape: [], data: Float64Array.of(65536) };
  const first = new Map([...state, ["scaler.scale", scale]]);
  const halves = ["fc1.weight", "fc1.bias"].map((path) => {
    const master = state.get(`param/${path}`)!;
    const data = master.data.map((x) => round(x, "f16"));
    return [`copy.f16/${path}`, { ...master, dtype: "f16" as const, data }] as const;
  });
  const a = new GraphRunner(plain, first), b = new GraphRunner(copied, new Map([...first, ...halves]));
  let skips = 0;
  for (let run = 0; run < 10; run++) {
    const fed = Object.fromEntries(inputs!);
    const [x, y] = [a.step(fed), b.step(fed)];
    skips += x.get("skipped")!.data[0];
    for (const [name, { data }] of x) assertEquals(y.get(name)!.data, data, `${name} of step ${run}`);
    for (const [slot, { data }] of a.state) {
      assertEquals(b.state.get(slot)!.data, data, `${slot} after ${run}`);
    }
    for (const path of ["fc1.weight", "fc1.bias"]) {
      const master = b.state.get(`param/${path}`)!.data;
      assertEquals(b.state.get(`copy.f16/${path}`)!.data, master.map((v) => round(v, "f16")));
    }
  }
  assert(a.scalar("step") === 10 - skips && skips < 10);
});

Deno.test("copies: sync makes them from masters that were written from outside", () => {
  const params = [{
    path: "w",
    dtype: "f32" as const,
    shape: [2, 3],
    init: { kind: "constant" as const, value: 0 },
    span,
  }];
  const graph = syncGraph(params, [{ path: "w", dtype: "f16" }, { path: "w", dtype: "bf16" }]);
  const w = { dtype: "f32" as const, shape: [2, 3], data: Float64Array.of(0.1, -2.3, 1 / 3, 7, 1e-6, -5) };
  const runner = new GraphRunner(graph, new Map([["param/w", w]]));
  runner.step({});
  for (const dtype of ["f16", "bf16"] as const) {
    assertEquals(runner.state.get(`copy.${dtype}/w`)!.data, w.data.map((x) => round(Math.fround(x), dtype)));
  }
});

Deno.test("copies: a tied weight has one master, a copy for each compute dtype, and one gradient", () => {
  const b = new Builder({ why: "" }, region("f16"));
  const x = inputNode(b, "x", "f32", [3, 4]);
  const w = paramNode(b, "w", "f32", [4, 4]);
  const tied = call(b.within(region("bf16")), "matmul", { x: call(b, "matmul", { x, y: w }), y: w });
  const graph: Graph = {
    outputs: [{ kind: "result", name: "loss", node: call(b, "mean", { x: linear(b, tied, "head", 2) }) }],
  };
  assertEquals(copiesOf(casts.run(graph)).filter((c) => c.path === "w").map((c) => c.dtype), ["f16", "bf16"]);
  const grads = autodiff.run(casts.run(graph)).outputs.filter((o) => o.kind === "grad" && o.name === "w");
  assertEquals(grads.map((o) => o.node.type.dtype), ["f32"]);
});
