import { assert, assertEquals, assertLess, assertLessOrEqual } from "../../tests/assert.ts";
import { call, linear, randomLoss, region } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { verify } from "../ir/verify.ts";
import { inputNode } from "../ops/leaf.ts";
import { casts } from "./casts.ts";
import { choose, markSegments, movesOf, segmentCounts } from "./segments.ts";

/** Blocks of x + down(gelu(up(x))). */
function blocks(count: number, segment?: string): Graph {
  const b = new Builder({ why: "forward", ...(segment ? { segment } : {}) }, region("f16"));
  let x = inputNode(b, "x", "f32", [32, 8]);
  for (let i = 0; i < count; i++) {
    const own = b.at({ ...b.origin, why: `block${i}` });
    const y = linear(own, call(own, "gelu", { x: linear(own, x, `up${i}`, 32) }), `down${i}`, 8);
    x = call(own, "add", { x, y });
  }
  const loss = call(b, "mean", { x: call(b, "mul", { x, y: x }) });
  return casts.run({ outputs: [{ kind: "result", name: "loss", node: loss }] });
}

const whole = (count: number) =>
  choose(
    count,
    Array.from({ length: count - 1 }, (_, segment) => ({ segment, mode: "whole" as const, saved: 1 })),
  );

Deno.test("segments: a chain of blocks is cut between them, and the last segment is kept", () => {
  const graph = blocks(6);
  const marked = markSegments(whole(3)).run(graph);
  assertEquals(verify(marked), []);
  const of = new Map<string, Set<string | undefined>>();
  for (const n of nodesOf(marked)) {
    if (n.op.name !== "gelu") continue;
    of.set(n.origin.why, (of.get(n.origin.why) ?? new Set()).add(n.origin.segment));
  }
  const segments = [...of.values()].map((s) => [...s]);
  assert(segments.every((s) => s.length === 1), "no block is cut in two");
  const order = segments.map(([s]) => s ?? "rest");
  assertEquals(order, order.toSorted());
  assertEquals([...new Set(order)], ["auto1", "auto2", "rest"]);
});

Deno.test("segments: about √n of them are tried first", () => {
  const [first] = segmentCounts(blocks(16));
  assert(first >= 4 && first <= 12, `${first} segments of 16 blocks`);
});

Deno.test("segments: what saves most for the least work comes first", () => {
  const graph = blocks(4);
  const moves = movesOf(graph, 4);
  assert(moves.length >= 3);
  // Between products: gelu and sums, whose work is theirs alone.
  assertEquals(moves[0].mode, "light");
  const modes = choose(4, moves).modes;
  assertEquals(modes[3], "kept");
  assert(modes.slice(0, 3).every((m) => m === "whole"));
  assertEquals(choose(4, []).modes, ["kept", "kept", "kept", "kept"]);
});

Deno.test("segments: a program's own checkpoints stand inside those chosen", () => {
  const marked = markSegments(whole(2)).run(blocks(4, "3"));
  const found = new Set(nodesOf(marked).filter((n) => n.op.name === "gelu").map((n) => n.origin.segment));
  assertEquals([...found].sort(), ["3", "auto1.3"]);
});

for (const seed of seeds(30)) {
  Deno.test(`segments: random graph ${seed} is cut into as many as asked at most`, () => {
    const graph = casts.run(randomLoss(new Random(seed)));
    for (const count of segmentCounts(graph)) {
      const moves = movesOf(graph, count);
      for (const m of moves) assertLess(m.segment, count - 1);
      const marked = markSegments(choose(count, moves)).run(graph);
      assertEquals(verify(marked), []);
      const names = new Set(nodesOf(marked).flatMap((n) => n.origin.segment ?? []));
      assertLessOrEqual(names.size, count - 1);
    }
  });
}
