import { assert, assertEquals } from "../../tests/assert.ts";
import type { DType } from "./dtype.ts";
import type { Expr } from "./expr.ts";
import { acc, f32, i32, prim } from "./expr.ts";
import { Magnitudes } from "./magnitude.ts";

const dtypes: readonly DType[] = ["f16", "f32", "u8"];
const magnitudes = new Magnitudes((binding) => dtypes[binding]);
const load = (binding: number): Expr => ({ e: "load", binding, index: i32(0), kind: "f32" });

Deno.test("what a dtype holds bounds what is made of it", () => {
  assertEquals(magnitudes.of(prim("mul", load(0), f32(0.125))), 8188);
  assertEquals(magnitudes.of(prim("add", load(2), f32(-3))), 258);
  assertEquals(magnitudes.of(load(1)), Infinity);
  assertEquals(magnitudes.of({ e: "round", to: "f16", arg: load(1), flag: true, kind: "f32" }), 65504);
  assertEquals(magnitudes.of(acc(0)), Infinity);
});

Deno.test("gelu of an f16 value fits f16, its square does not", () => {
  const x = load(0);
  const gelu = prim("mul", prim("mul", f32(0.5), x), prim("add", f32(1), prim("erf", x)));
  assert(!magnitudes.mayOverflow(gelu, "f16"));
  assert(magnitudes.mayOverflow(prim("mul", x, x), "f16"));
  assert(magnitudes.mayOverflow(prim("mul", load(1), f32(0)), "f16") === false);
});

Deno.test("what may be anything may overflow", () => {
  assert(magnitudes.mayOverflow(prim("div", load(0), load(0)), "f16"));
  assert(magnitudes.mayOverflow(prim("exp", load(2)), "f16"));
});
