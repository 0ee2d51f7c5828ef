import { u32 } from "../core/expr.ts";
import { evaluateColumns } from "../reference/columns.ts";
import { assert, assertAlmostEquals, assertEquals } from "../../tests/assert.ts";
import { Builder } from "../ir/builder.ts";
import { evaluateNodes } from "../reference/evaluate.ts";
import { constNode, inputNode } from "./leaf.ts";
import { normal, philox, randomBitsOp, uniform } from "./random.ts";

/** Philox-4x32-10 in BigInt, straight from the paper's figure 2. */
function reference(counter: readonly bigint[], key: readonly bigint[]): bigint[] {
  const word = (x: bigint) => x & 0xffffffffn;
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let i = 0; i < 10; i++) {
    const p0 = 0xd2511f53n * c0, p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, word(p1), (p0 >> 32n) ^ c3 ^ k1, word(p0)];
    k0 = word(k0 + 0x9e3779b9n);
    k1 = word(k1 + 0xbb67ae85n);
  }
  return [c0, c1, c2, c3];
}

function words(counter: readonly number[], key: readonly number[]): number[] {
  const none = {
    length: 1,
    coord: () => new Float64Array(1),
    load: () => new Float64Array(1),
    overflow() {},
  };
  return philox(counter.map(u32), key.map(u32)).map((x) => evaluateColumns(x, none)[0]);
}

Deno.test("philox gives the known answers of Random123", () => {
  const ones = 0xffffffff;
  assertEquals(words([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  assertEquals(words([ones, ones, ones, ones], [ones, ones]), [
    0x408f276d,
    0x41c83b0e,
    0xa20bc7c6,
    0x6d5451fd,
  ]);
  assertEquals(
    words([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

const b = new Builder();
const seed = inputNode(b, "seed", "u32", [2]);

function drawn(node: ReturnType<typeof uniform>, seeds: readonly number[]): Float64Array {
  const inputs = new Map([["seed", { dtype: "u32", shape: [2], data: Float64Array.from(seeds) } as const]]);
  return evaluateNodes([node], { inputs }, { precision: "rounded" }).get(node)!.data;
}

Deno.test("the counter is (element, site, step, 0) and the key the seed", () => {
  const step = constNode(b, 77, "u32");
  const node = b.node(randomBitsOp, [seed, step], { shape: [2, 3], site: 5 });
  const expected = [0n, 1n, 2n, 3n, 4n, 5n].map((i) =>
    Number(reference([i, 5n, 77n, 0n], [123456789n, 987654321n])[0])
  );
  assertEquals([...drawn(node, [123456789, 987654321])], expected);
});

Deno.test("uniform and normal have their moments", () => {
  const draw = { seed, step: constNode(b, 3, "u32"), site: 1 };
  const u = drawn(uniform(b, draw, [20000], -1, 3), [1, 2]);
  assert(u.every((x) => x >= -1 && x < 3));
  const mean = (xs: Float64Array) => xs.reduce((a, x) => a + x, 0) / xs.length;
  assertAlmostEquals(mean(u), 1, 0.03);
  const n = drawn(normal(b, draw, [20000], 0.5, 2), [1, 2]);
  assertAlmostEquals(mean(n), 0.5, 0.05);
  assertAlmostEquals(mean(n.map((x) => (x - 0.5) ** 2)), 4, 0.15);
  assertAlmostEquals(mean(n.map((x) => ((x - 0.5) / 2) ** 4)), 3, 0.3);
});
