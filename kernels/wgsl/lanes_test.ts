import { assertEquals } from "../../tests/assert.ts";
import { coord, type Expr, i32, prim } from "../../compiler/core/expr.ts";
import { LaneAnalysis } from "./lanes.ts";

const [row, column] = [coord(0), coord(1)];
const plus = (a: Expr, b: Expr) => prim("add", a, b);
const times = (a: Expr, n: number) => prim("mul", a, i32(n));
const at = (index: Expr) => ({ e: "load", binding: 0, index, kind: "f32" }) as const;

Deno.test("lanes: which loads of a group of four stand side by side", () => {
  const lanes = new LaneAnalysis(1, 4, true, true);
  const cases: [Expr, boolean][] = [
    [column, true],
    [plus(times(row, 12), column), true],
    [plus(times(row, 10), column), false], // rows start inside a word
    [plus(column, i32(1)), false],
    [plus(column, i32(8)), true],
    [times(column, 2), false],
    [prim("mod", column, i32(8)), true],
    [prim("mod", column, i32(6)), false],
    [plus(times(prim("quo", column, i32(8)), 100), prim("mod", column, i32(8))), true],
    [row, false],
  ];
  for (const [index, expected] of cases) {
    assertEquals(lanes.isTogether(at(index), 1), expected, JSON.stringify(index));
  }
});

Deno.test("lanes: a group shorter than a word must still start a word", () => {
  const index = plus(times(row, 4), column);
  assertEquals(new LaneAnalysis(1, 2, true, true).isTogether(at(index), 2), true);
  assertEquals(new LaneAnalysis(1, 2, true, true).isTogether(at(index), 4), false);
});

Deno.test("lanes: what is the same in every lane", () => {
  const lanes = new LaneAnalysis(1, 4, true, true);
  assertEquals(lanes.isUniform(at(row)), true);
  assertEquals(lanes.isUniform(prim("quo", column, i32(8))), true);
  assertEquals(lanes.isUniform(prim("quo", column, i32(2))), false);
  assertEquals(lanes.isUniform(prim("lt", column, i32(8))), true);
  assertEquals(lanes.isUniform(prim("lt", column, i32(7))), false);
});

Deno.test("lanes: where the last group is cut short nothing runs on", () => {
  const lanes = new LaneAnalysis(1, 4, false, true);
  assertEquals([lanes.isTogether(at(column), 1), lanes.isUniform(at(row))], [false, true]);
});
