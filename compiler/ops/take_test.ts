import { assert, assertArrayAlmostEquals, assertEquals } from "../../tests/assert.ts";
import { Builder } from "../ir/builder.ts";
import { evaluateNodes } from "../reference/evaluate.ts";
import { inputNode } from "./leaf.ts";
import { stableOrder } from "./sort.ts";
import { scatterAdd, take } from "./take.ts";

const b = new Builder({ why: "test" });

/** Ids with long runs, rare ids, and some outside 0…rows−1. */
function skewed(n: number, rows: number): Float64Array {
  return Float64Array.from({ length: n }, () => {
    const r = Math.random();
    if (r < 0.05) return r < 0.02 ? -1 : rows;
    return Math.floor(rows * Math.random() ** 4);
  });
}

for (const n of [1, 2, 7, 16, 33, 100, 257]) {
  Deno.test(`stable order of ${n} ids`, () => {
    const data = skewed(n, 9);
    const node = stableOrder(b, inputNode(b, "ids", "i32", [n]));
    const inputs = new Map([["ids", { dtype: "i32", shape: [n], data } as const]]);
    const order = evaluateNodes([node], { inputs }, { precision: "f64" }).get(node)!.data;
    const expected = Array.from(data.keys()).sort((i, k) => data[i] - data[k] || i - k);
    assertEquals([...order], expected);
  });
}

for (const [n, rows, width] of [[300, 7, 3], [300, 700, 2], [40, 513, 1], [1, 513, 3]]) {
  Deno.test(`scatter_add of ${n} rows to ${rows}`, () => {
    const ids = inputNode(b, "ids", "i32", [n]);
    const values = inputNode(b, "x", "f32", [n, width]);
    const node = scatterAdd(b, values, ids, rows);
    const data = skewed(n, rows);
    // One at least goes somewhere.
    data[0] = Math.max(0, data[0]);
    const inputs = new Map([
      ["ids", { dtype: "i32", shape: [n], data } as const],
      [
        "x",
        {
          dtype: "f32",
          shape: [n, width],
          data: Float64Array.from({ length: n * width }, () => Math.random() - 0.3),
        } as const,
      ],
    ]);
    const of = (decomposed: boolean) =>
      evaluateNodes([node], { inputs }, { precision: "f64", decomposed }).get(node)!.data;
    assert(of(false).some((v) => v !== 0));
    assertArrayAlmostEquals(of(true), of(false), { rtol: 1e-12, atol: 1e-12 });
  });
}

Deno.test("take gives NaN for an id outside the table, and zeros for the hole", () => {
  const node = take(b, inputNode(b, "table", "f32", [2, 1]), inputNode(b, "ids", "i32", [4]), 1);
  const inputs = new Map([
    ["table", { dtype: "f32", shape: [2, 1], data: Float64Array.of(5, 6) } as const],
    ["ids", { dtype: "i32", shape: [4], data: Float64Array.of(0, 1, 2, -1) } as const],
  ]);
  const { data } = evaluateNodes([node], { inputs }, { precision: "rounded" }).get(node)!;
  assertEquals([...data], [5, 0, NaN, NaN]);
});
