import { assert, assertArrayAlmostEquals, assertEquals, assertStrictEquals } from "../../tests/assert.ts";
import { draw, scalar } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import { GraphRunner, through } from "../../tests/numeric/suite/run_graph.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph } from "../ir/graph.ts";
import { inputNode } from "../ops/leaf.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { clip } from "./clip.ts";

const span = { file: "m.mpt", start: 7, end: 9 };
const SHAPES: Record<string, readonly number[]> = { a: [3, 4], b: [5], c: [], d: [2, 1, 3] };

/** Gradients that are inputs, and a result that is none. */
function grads(): Graph {
  const b = new Builder({ why: "test" });
  const outputs = Object.entries(SHAPES).map(([name, shape]) => ({
    kind: "grad" as const,
    name,
    node: inputNode(b, name, "f32", shape),
  }));
  return { outputs: [...outputs, { kind: "result", name: "loss", node: outputs[2].node }] };
}

const asResults: Pass = transform("as results", (g) => ({
  outputs: g.outputs.map((o) => o.kind === "grad" ? { ...o, kind: "result", name: `grad/${o.name}` } : o),
}));

function run(name: string, x: number, inputs: Record<string, ReturnType<typeof draw>>) {
  const graph = through(grads(), [clip({ name, args: { x }, span }), asResults]);
  const rows = new GraphRunner(graph, new Map()).step(inputs);
  return (path: string) => rows.get(`grad/${path}`)!.data;
}

const drawAll = (random: Random) =>
  Object.fromEntries(Object.entries(SHAPES).map(([n, shape]) => [n, draw("f32", shape, random)]));

for (const seed of seeds(5)) {
  for (const limit of [0.1, 1, 1e4]) {
    Deno.test(`clip: norm(${limit}) is g·min(1, x / (‖g‖ + 1e-6)) over all parameters, seed ${seed}`, () => {
      const inputs = drawAll(new Random(seed));
      const norm = Math.sqrt(
        Object.values(inputs).flatMap((t) => [...t.data]).reduce((s, g) => s + g * g, 0),
      );
      const factor = Math.min(1, limit / (norm + 1e-6));
      assertEquals(factor === 1, limit === 1e4);
      const clipped = run("norm", limit, inputs);
      for (const [name, { data }] of Object.entries(inputs)) {
        assertArrayAlmostEquals(clipped(name), data.map((g) => g * factor), { rtol: 1e-6, atol: 0 });
      }
    });

    Deno.test(`clip: value(${limit}) bounds each element, seed ${seed}`, () => {
      const inputs = drawAll(new Random(seed));
      const clipped = run("value", limit, inputs);
      for (const [name, { data }] of Object.entries(inputs)) {
        const bound = Math.fround(limit);
        assertEquals([...clipped(name)], [...data].map((g) => Math.min(bound, Math.max(-bound, g))));
      }
    });
  }
}

Deno.test("clip: a norm below the limit leaves gradients bit for bit, gradients of zero stay zero", () => {
  const inputs = drawAll(new Random(3));
  const clipped = run("norm", 1e6, inputs);
  for (const [name, { data }] of Object.entries(inputs)) assertEquals([...clipped(name)], [...data]);
  const zero = Object.fromEntries(
    Object.entries(SHAPES).map((
      [n, shape],
    ) => [n, { ...inputs[n], shape, data: inputs[n].data.map(() => 0) }]),
  );
  for (const limit of [1, 1e-9]) assert(run("norm", limit, zero)("a").every((g) => g === 0));
});

Deno.test("clip: the norm is of all parameters together", () => {
  const inputs = { ...drawAll(new Random(4)) };
  for (const name of ["a", "b", "d"]) {
    inputs[name] = {
      ...inputs[name],
      data: inputs[name].data.map(() => 0),
    };
  }
  inputs.c = scalar("f32", 10);
  inputs.b.data[2] = 1;
  // ‖g‖ = √101.
  assertArrayAlmostEquals([run("norm", 1, inputs)("b")[2]], [1 / Math.sqrt(101)], { rtol: 1e-6 });
});

Deno.test("clip: without a setting, or without gradients, nothing changes", () => {
  const graph = grads();
  assertStrictEquals(clip(undefined).run(graph), graph);
  const bare: Graph = { outputs: [graph.outputs.at(-1)!] };
  assertStrictEquals(clip({ name: "norm", args: { x: 1 }, span }).run(bare), bare);
});

Deno.test("clip: other outputs stay, new nodes name the clip field and its line", () => {
  const graph = grads();
  for (const name of ["norm", "value"]) {
    const after = clip({ name, args: { x: 1 }, span }).run(graph);
    assertStrictEquals(after.outputs.at(-1)!.node, graph.outputs.at(-1)!.node);
    for (const o of after.outputs.filter((o) => o.kind === "grad")) {
      assertEquals(o.node.origin, { why: `clip = ${name}`, span });
      assertEquals(o.node.type, graph.outputs.find((p) => p.name === o.name)!.node.type);
    }
  }
});
