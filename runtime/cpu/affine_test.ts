import { coord, type Expr, i32, prim } from "../../compiler/core/expr.ts";
import { assertEquals } from "../../tests/assert.ts";
import { AffineAnalysis } from "./affine.ts";

const add = (a: Expr, b: Expr) => prim("add", a, b);
const times = (a: Expr, by: number) => prim("mul", a, i32(by));
const analysis = new AffineAnalysis([4, 6, 10]);
/** The row-major number of a coordinate of [4, 6, 10]. */
const flat = add(times(add(times(coord(0), 6), coord(1)), 10), coord(2));

Deno.test("affine: sums, differences and constant factors", () => {
  assertEquals(analysis.of(flat), { constant: 0, coefs: [60, 10, 1] });
  assertEquals(analysis.of(prim("sub", i32(3), times(coord(1), -2))), { constant: 3, coefs: [0, 2, 0] });
  assertEquals(analysis.of(prim("mul", coord(0), coord(1))), null);
});

Deno.test("affine: quotients and remainders that merge or split axes", () => {
  assertEquals(analysis.of(prim("quo", flat, i32(10))), { constant: 0, coefs: [6, 1, 0] });
  assertEquals(analysis.of(prim("mod", flat, i32(60))), { constant: 0, coefs: [0, 10, 1] });
  assertEquals(analysis.of(prim("mod", prim("quo", flat, i32(10)), i32(6))), {
    constant: 0,
    coefs: [0, 1, 0],
  });
  assertEquals(analysis.of(prim("quo", add(flat, i32(120)), i32(60))), { constant: 2, coefs: [1, 0, 0] });
  assertEquals(analysis.of(prim("quo", flat, i32(7))), null);
  // 5 + c2 reaches 14, so that it does not stay within one multiple of 10.
  assertEquals(analysis.of(prim("quo", add(flat, i32(5)), i32(10))), null);
  assertEquals(analysis.of(prim("mod", prim("sub", coord(2), i32(1)), i32(10))), null);
});

Deno.test("affine: an axis of extent 1 is 0, and nothing leaves i32", () => {
  assertEquals(new AffineAnalysis([1, 5]).of(add(coord(0), coord(1))), { constant: 0, coefs: [0, 1] });
  assertEquals(analysis.of(times(coord(2), 2 ** 28)), null);
});
