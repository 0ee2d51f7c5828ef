import { assertEquals } from "../../tests/assert.ts";
import { headsGraph } from "../../tests/support/heads_graph.ts";
import { Builder } from "../ir/builder.ts";
import { nodesOf } from "../ir/graph.ts";
import { afterOp } from "../ops/identity.ts";
import { fuse } from "./fuse.ts";
import { GPU_COSTS } from "./fuse_cost.ts";
import { placeParts } from "./fuse_place.ts";

const options = { costs: GPU_COSTS, maxBindings: 16, places: true };

Deno.test("products that are laid side by side, heads merged, are stored in their places", () => {
  const schedule = fuse(headsGraph("f16", 8), options);
  const { clusters, placed } = placeParts(schedule);
  assertEquals(clusters.length, schedule.clusters.length - 1);
  const [parts] = [...placed!.values()];
  // [B, H, T, D] = [2, 3, 5, 8] in [2, 5, 72]: a batch is 5·72 elements, a head 8, a token 72.
  assertEquals(
    parts.map((p) => p.place),
    [0, 24, 48].map((offset) => ({ offset, strides: [360, 8, 72, 1] })),
  );
});

Deno.test("heads that are no whole groups of four are copied", () => {
  const schedule = fuse(headsGraph("f16", 6), options);
  assertEquals(placeParts(schedule).clusters.length, schedule.clusters.length);
});

Deno.test("a product that something else reads is copied", () => {
  const graph = headsGraph("f32", 8);
  const product = nodesOf(graph).find((n) => n.op.name === "matmul")!;
  const both = { outputs: [...graph.outputs, { kind: "result", name: "q", node: product } as const] };
  const schedule = fuse(both, options);
  assertEquals(placeParts(schedule).clusters.length, schedule.clusters.length);
});

Deno.test("a product that something only waits for is stored in its place", () => {
  const graph = headsGraph("f32", 8);
  const product = nodesOf(graph).find((n) => n.op.name === "matmul")!;
  const [{ node }] = graph.outputs;
  const late = new Builder().node(afterOp, [node.inputs[1], product]);
  const both = { outputs: [...graph.outputs, { kind: "result", name: "late", node: late } as const] };
  const schedule = fuse(both, options);
  assertEquals(placeParts(schedule).clusters.length, schedule.clusters.length - 1);
});
