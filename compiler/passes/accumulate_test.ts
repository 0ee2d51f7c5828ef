import { assert, assertArrayAlmostEquals, assertEquals } from "../../tests/assert.ts";
import { draw, scalar } from "../../tests/numeric/suite/graphs.ts";
import { Random } from "../../tests/numeric/suite/random.ts";
import { GraphRunner } from "../../tests/numeric/suite/run_graph.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph } from "../ir/graph.ts";
import { verify } from "../ir/verify.ts";
import { inputNode } from "../ops/leaf.ts";
import { accumulatedGrads, accumulateGrads } from "./accumulate.ts";
import type { Slot } from "./initial.ts";
import type { Scaling } from "./scaling.ts";

const SHAPES = { w: [2, 3], b: [3] } as const;
const span = { file: "m.mpt", start: 0, end: 1 };

/** Gradients that are inputs, `w` in f32 and `b` in f16, and a loss. */
function micro(): Graph {
  const b = new Builder({ why: "test" });
  return {
    outputs: [
      { kind: "result", name: "loss", node: inputNode(b, "loss", "f32", []) },
      { kind: "grad", name: "w", node: inputNode(b, "w", "f32", SHAPES.w) },
      { kind: "grad", name: "b", node: inputNode(b, "b", "f16", SHAPES.b) },
    ],
  };
}

const CHECKED: Scaling = { kind: "none", checked: true };
const batch = (random: Random) => ({
  loss: scalar("f32", random.signed()),
  w: draw("f32", SHAPES.w, random),
  b: draw("f16", SHAPES.b, random),
});

Deno.test("accumulate: gradients add up in f32 over micro-batches, and nothing else is written", () => {
  const graph = accumulateGrads(CHECKED).run(micro());
  assertEquals(verify(graph), []);
  assertEquals(graph.outputs.map((o) => `${o.kind} ${o.name} ${o.node.type.dtype}`), [
    "result loss f32",
    "state accum/w f32",
    "state accum/b f32",
    "state found_inf u32",
  ]);
  const runner = new GraphRunner(graph, new Map());
  const random = new Random(6);
  const sums = { w: new Float64Array(6), b: new Float64Array(3) };
  for (let k = 0; k < 5; k++) {
    const inputs = batch(random);
    runner.step(inputs);
    for (const path of ["w", "b"] as const) {
      sums[path] = sums[path].map((s, i) => s + inputs[path].data[i]);
      assertArrayAlmostEquals(runner.state.get(`accum/${path}`)!.data, sums[path], {
        rtol: 1e-6,
        atol: 1e-6,
      });
    }
    assertEquals(runner.scalar("found_inf"), 0);
  }
});

Deno.test("accumulate: what is not finite raises the flag, which stays up", () => {
  for (const [name, value] of [["w", Infinity], ["b", NaN], ["loss", NaN]] as const) {
    const runner = new GraphRunner(accumulateGrads(CHECKED).run(micro()), new Map());
    const random = new Random(7);
    runner.step(batch(random));
    assertEquals(runner.scalar("found_inf"), 0);
    const bad = batch(random);
    bad[name].data[0] = value;
    runner.step(bad);
    assertEquals(runner.scalar("found_inf"), 1, name);
    runner.step(batch(random));
    assertEquals(runner.scalar("found_inf"), 1, `${name}: a later micro-batch does not lower it`);
  }
});

Deno.test("accumulate: where nothing is checked there is no flag", () => {
  const graph = accumulateGrads({ kind: "none", checked: false }).run(micro());
  assert(!graph.outputs.some((o) => o.name === "found_inf"));
});

Deno.test("accumulate: apply starts from the sums of the parameters that have them, and zeroes them", () => {
  const init = { kind: "constant" as const, value: 0 };
  const params = ["w", "b", "frozen"].map((path) => ({
    path,
    dtype: "f32" as const,
    shape: path === "w" ? [2, 3] : [3],
    init,
    span,
  }));
  const slots: Slot[] = ["w", "b"].map((path) => ({
    name: `accum/${path}`,
    dtype: "f32",
    shape: path === "w" ? [2, 3] : [3],
  }));
  const graph = accumulatedGrads(params, slots);
  assertEquals(verify(graph), []);
  assertEquals(graph.outputs.filter((o) => o.kind === "grad").map((o) => o.name), ["w", "b"]);
  const random = new Random(8);
  const sums = new Map(slots.map((s) => [s.name, draw("f32", s.shape as number[], random)]));
  const runner = new GraphRunner(graph, sums);
  runner.step({});
  for (const { name } of slots) assert(runner.state.get(name)!.data.every((x) => x === 0), name);
});
