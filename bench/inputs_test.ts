import { assert, assertEquals } from "../tests/assert.ts";
import { compile } from "../compiler/compile.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { boundsOf, chooseDims, randomBatch } from "./inputs.ts";

const TEXT = `model Words() {
  layer table = Embedding(50, 4)
  layer out = Linear(4, 7)
  forward(ids: i32[B, 3]) -> f32[B, 7] { return table(ids) |> mean(axis: 1) |> out }
}
train Words {
  batch(ids: i32[B, 3], label: u8[B], weight: f32[B])
  loss      = mean(cross_entropy(Words(ids), label as i32, reduction: "none") * weight)
  optimizer = SGD(lr: 0.1)
}
`;

Deno.test("inputs: ids stay in their table and labels among the classes", () => {
  let graph: Graph | undefined;
  const { bundle, diagnostics } = compile({ file: "words.mpt", text: TEXT }, {
    observe: (_, seen) => graph = seen,
  });
  assertEquals(diagnostics.map((d) => d.message), []);
  const { inputs } = bundle!.program("step", { B: 400 });
  const bounds = boundsOf(graph!);
  assertEquals(Object.fromEntries(bounds), { ids: 50, label: 7 });
  const batch = randomBatch(inputs, bounds, 5) as Record<string, { data: number[]; shape: number[] }>;
  assertEquals([Math.max(...batch.ids.data), Math.min(...batch.ids.data)], [49, 0]);
  assertEquals([...new Set(batch.label.data)].sort(), [0, 1, 2, 3, 4, 5, 6]);
  assertEquals(batch.ids.shape, [400, 3]);
  assert(batch.weight.data.every((x) => x >= 0 && x < 1));
});

Deno.test("inputs: a symbol that only leads is assumed, another one must be given", () => {
  const specs = [
    { name: "a", dtype: "f32", shape: ["N", "T"] },
    { name: "b", dtype: "f32", shape: ["N"] },
  ] as const;
  assertEquals(chooseDims(specs, {}, 128), { dims: { N: 128 }, missing: ["T"], assumed: ["N"] });
  assertEquals(chooseDims(specs, { T: 4, N: 2 }, 128), { dims: { T: 4, N: 2 }, missing: [], assumed: [] });
});
