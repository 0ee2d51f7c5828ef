import { assert, assertEquals } from "../../tests/assert.ts";
import { coord, type Expr, f32, i32, prim } from "../core/expr.ts";
import type { MapKernel } from "../core/kernel.ts";
import { Pool } from "./bound.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";
import { inVectors } from "./vectors.ts";

const state = (name: string, extent: number, start = 0): Tensor => ({
  kind: "state",
  name,
  dtype: "f32",
  layout: [extent],
  at: { buffer: name, offset: 4 * start },
});
const scalar: Tensor = { kind: "temp", name: "s", dtype: "f32", layout: [] };
const temp: Tensor = { kind: "temp", name: "t", dtype: "f32", layout: [10] };

/** `to = s · (sum of what is read)` over `extent` elements. */
function map(extent: number, to: Tensor, reads: readonly (readonly [Tensor, Expr])[]): BuiltKernel {
  const pool = new Pool();
  const load = (t: Tensor, index: Expr): Expr => ({ e: "load", binding: pool.number(t), index, kind: "f32" });
  const sum = reads.map(([t, index]) => load(t, index)).reduce((a, b) => prim("add", a, b), f32(1));
  const value = prim("mul", sum, load(scalar, i32(0)));
  const stores = [{ binding: pool.number(to), value }];
  const kernel: MapKernel = { family: "map", name: "", fuses: [], bindings: [], shape: [extent], stores };
  return pool.close(kernel);
}

const own = coord(0);

Deno.test("a map over slots takes whole vectors, the gap behind them with the last", () => {
  const w = state("w", 10, 256), all = state("grads", 1024);
  const { kernel, tensors } = inVectors(map(10, w, [[w, own], [all, prim("add", own, i32(256))]]));
  assertEquals((kernel as MapKernel).shape, [12]);
  const layouts = Object.fromEntries(tensors.map((t) => [t.name, t.layout]));
  assertEquals(layouts, { w: [12], grads: [1024], s: [] });
  assertEquals(kernel.bindings.map((b) => b.shape), tensors.map((t) => t.layout));
});

Deno.test("a map that reads or writes anything else by its coordinates stays as it is", () => {
  const w = state("w", 10), v = state("v", 10);
  for (
    const built of [
      map(12, state("x", 12), [[state("y", 12), own]]),
      map(10, w, [[temp, own]]),
      map(10, temp, [[w, own]]),
      map(10, w, [[v, prim("sub", i32(9), own)]]),
      map(10, w, [[v, prim("quo", own, i32(2))]]),
      map(1, state("flag", 1), []),
    ]
  ) assert(inVectors(built) === built);
});
