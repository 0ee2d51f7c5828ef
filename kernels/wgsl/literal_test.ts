import { assert, assertEquals } from "../../tests/assert.ts";
import { random } from "../testing/build.ts";
import { fromF32Bits } from "../../compiler/core/round.ts";
import { F32_MAX, literal } from "./literal.ts";

/** What a shader compiler makes of a literal. */
function valueOf(text: string): number {
  const bits = /^bitcast<f32>\(0x([0-9a-f]+)u\)$/.exec(text);
  if (bits) return fromF32Bits(parseInt(bits[1], 16));
  assert(/^-?[0-9.]+(e[+-]?[0-9]+)?f$/.test(text), text);
  const value = Number(text.slice(0, -1));
  assert(Math.abs(value) <= F32_MAX, `${text} is beyond f32`);
  return Math.fround(value);
}

Deno.test("literal: every f32 comes back exactly", () => {
  const next = random(1);
  const bits = [0, 0x80000000, 1, 0x807fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x3dcccccd, 0x7f7ffffe];
  for (let i = 0; i < 20000; i++) bits.push(Math.floor(next() * 2 ** 32));
  for (const b of bits) {
    const x = fromF32Bits(b);
    if (!Number.isFinite(x)) continue;
    assert(Object.is(valueOf(literal("f32", x)), x), `${x} is written ${literal("f32", x)}`);
  }
});

Deno.test("literal: short where it can be", () => {
  const texts = [0.1, 1, -2.5, 1e-5, 65504, 1e20, F32_MAX].map((x) => literal("f32", Math.fround(x)));
  assertEquals(texts, [
    "0.1f",
    "1f",
    "-2.5f",
    "0.00001f",
    "65504f",
    "100000000000000000000f",
    "3.4028234663852886e38f",
  ]);
});

Deno.test("literal: infinities become the largest finite values; integers keep their range", () => {
  assertEquals(literal("f32", Infinity), literal("f32", F32_MAX));
  assertEquals(literal("f32", -Infinity), literal("f32", -F32_MAX));
  assertEquals(literal("i32", -2147483648), "bitcast<i32>(0x80000000u)");
  assertEquals([literal("i32", -7), literal("u32", 4294967295), literal("bool", 1)], [
    "-7",
    "4294967295u",
    "true",
  ]);
});
