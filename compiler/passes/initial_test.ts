import {
  assert,
  assertAlmostEquals,
  assertArrayAlmostEquals,
  assertEquals,
  assertLess,
} from "../../tests/assert.ts";
import type { TypedParam } from "../check/typed.ts";
import { round } from "../core/round.ts";
import type { Init } from "../layers/layer.ts";
import { evaluate } from "../reference/evaluate.ts";
import { verify } from "../ir/verify.ts";
import { initialGraph } from "./initial.ts";
import type { Slot } from "./initial.ts";
import type { Scaling } from "./scaling.ts";

const span = { file: "m.mpt", start: 0, end: 1 };
const param = (
  path: string,
  init: Init,
  shape: number[],
  dtype: TypedParam["dtype"] = "f32",
): TypedParam => ({
  path,
  dtype,
  shape,
  init,
  span,
});
const N = 20_000;
const uniform: Init = { kind: "uniform", low: -0.25, high: 0.75 };
const normal: Init = { kind: "normal", mean: 1, std: 0.5 };

/** Every slot's first value, in the roundings of its dtype. */
function initial(
  params: TypedParam[],
  seed: readonly [number, number],
  slots: Slot[] = [],
  scaling?: Scaling,
) {
  const graph = initialGraph(params, [], slots, scaling);
  assertEquals(verify(graph), []);
  const state = new Map([["seed", { dtype: "u32" as const, shape: [2], data: Float64Array.from(seed) }]]);
  const values = evaluate(graph, { state }, { precision: "rounded" });
  return (slot: string) => values.get(`state/${slot}`)!.data;
}

const mean = (x: Float64Array) => x.reduce((a, b) => a + b, 0) / x.length;
const moment = (x: Float64Array, k: number) => {
  const m = mean(x);
  return x.reduce((a, v) => a + (v - m) ** k, 0) / x.length;
};
function correlation(x: Float64Array, y: Float64Array): number {
  const [mx, my] = [mean(x), mean(y)];
  const cov = x.reduce((s, v, i) => s + (v - mx) * (y[i] - my), 0) / x.length;
  return cov / Math.sqrt(moment(x, 2) * moment(y, 2));
}

Deno.test("initial: uniform draws have their mean, deviation and range, evenly", () => {
  const x = initial([param("w", uniform, [N])], [3, 0])("param/w");
  assertAlmostEquals(mean(x), 0.25, 5 / Math.sqrt(12 * N));
  assertAlmostEquals(moment(x, 2), 1 / 12, 0.003);
  assert(x.every((v) => v >= -0.25 && v < 0.75));
  const bins = new Array(20).fill(0);
  for (const v of x) bins[Math.floor((v + 0.25) * 20)]++;
  // χ² of 19 degrees: 43.8 at 0.1 %.
  const chi = bins.reduce((s, n) => s + (n - N / 20) ** 2 / (N / 20), 0);
  assertLess(chi, 43.8);
});

Deno.test("initial: normal draws have their moments and tails", () => {
  const x = initial([param("w", normal, [N])], [4, 1])("param/w");
  assertAlmostEquals(mean(x), 1, 5 * 0.5 / Math.sqrt(N));
  assertAlmostEquals(Math.sqrt(moment(x, 2)), 0.5, 0.012);
  assertAlmostEquals(moment(x, 3) / moment(x, 2) ** 1.5, 0, 0.1);
  assertAlmostEquals(moment(x, 4) / moment(x, 2) ** 2, 3, 0.2);
  for (const [sigmas, share] of [[1, 0.6827], [2, 0.9545], [3, 0.9973]]) {
    const inside = x.filter((v) => Math.abs(v - 1) < sigmas * 0.5).length / N;
    assertAlmostEquals(inside, share, 0.012);
  }
});

Deno.test("initial: neighbours, sites and seeds are uncorrelated; the same seed gives the same bits", () => {
  const params = [param("a", uniform, [N]), param("b", uniform, [N]), param("c", normal, [N])];
  const first = initial(params, [7, 0]);
  const limit = 5 / Math.sqrt(N);
  const a = first("param/a"), b = first("param/b");
  assertLess(Math.abs(correlation(a, b)), limit);
  assertLess(Math.abs(correlation(a, first("param/c"))), limit);
  assertLess(Math.abs(correlation(a.subarray(1), a.subarray(0, -1))), limit);
  for (const seed of [[8, 0], [7, 1], [0, 7]] as const) {
    assertLess(Math.abs(correlation(a, initial(params, seed)("param/a"))), limit);
  }
  for (const slot of ["param/a", "param/b", "param/c"]) {
    assertEquals(initial(params, [7, 0])(slot), first(slot));
  }
});

Deno.test("initial: a parameter's bits do not depend on the shapes of those after it", () => {
  const one = initial([param("a", uniform, [10]), param("b", uniform, [4])], [1, 0]);
  const two = initial([param("a", uniform, [10]), param("b", normal, [3, 3])], [1, 0]);
  assertEquals(one("param/a"), two("param/a"));
});

Deno.test("initial: constants, and orthogonal matrices", () => {
  const orthogonal: Init = { kind: "orthogonal", gain: 2 };
  const values = initial(
    [param("c", { kind: "constant", value: 0.5 }, [3]), param("o", orthogonal, [3, 5])],
    [9, 0],
  );
  assertEquals([...values("param/c")], [0.5, 0.5, 0.5]);
  const o = values("param/o");
  const gram = Array.from({ length: 9 }, (_, i) => {
    const [r, c] = [Math.floor(i / 3), i % 3];
    return Array.from({ length: 5 }, (_, k) => o[r * 5 + k] * o[c * 5 + k]).reduce((x, y) => x + y);
  });
  assertArrayAlmostEquals(gram, [4, 0, 0, 0, 4, 0, 0, 0, 4], { atol: 1e-5 });
});

Deno.test("initial: masters have their dtype, copies are the masters rounded", () => {
  const params = [param("a", normal, [50]), param("h", normal, [50], "bf16")];
  const graph = initialGraph(params, [{ path: "a", dtype: "f16" }], [], undefined);
  const state = new Map([["seed", { dtype: "u32" as const, shape: [2], data: Float64Array.of(1, 2) }]]);
  const values = evaluate(graph, { state }, { precision: "rounded" });
  const [a, copy, h] = ["param/a", "copy.f16/a", "param/h"].map((s) => values.get(`state/${s}`)!);
  assertEquals([a.dtype, copy.dtype, h.dtype], ["f32", "f16", "bf16"]);
  assertEquals(copy.data, a.data.map((x) => round(x, "f16")));
  assert(h.data.every((x) => x === round(x, "bf16")) && new Set(h.data).size > 20);
});

Deno.test("initial: every other slot is zero, the scale at its first value, the seed left alone", () => {
  const slots: Slot[] = [
    { name: "param/a", dtype: "f32", shape: [2] },
    { name: "adam.m/a", dtype: "f32", shape: [2] },
    { name: "scaler.scale", dtype: "f32", shape: [] },
    { name: "scaler.clean", dtype: "i32", shape: [] },
    { name: "step", dtype: "i32", shape: [] },
    { name: "seed", dtype: "u32", shape: [2] },
    { name: "found_inf", dtype: "u32", shape: [1] },
  ];
  const dynamic: Scaling = {
    kind: "dynamic",
    init: 4096,
    growth: 2,
    backoff: 0.5,
    interval: 10,
    min: 1,
    max: 2 ** 24,
    checked: true,
  };
  const graph = initialGraph([param("a", uniform, [2])], [], slots, dynamic);
  assertEquals(
    graph.outputs.map((o) => o.name).sort(),
    slots.map((s) => s.name).filter((n) => n !== "seed").sort(),
  );
  const values = initial([param("a", uniform, [2])], [5, 5], slots, dynamic);
  assertEquals([...values("scaler.scale")], [4096]);
  for (const slot of ["adam.m/a", "scaler.clean", "step", "found_inf"]) {
    assert(values(slot).every((v) => v === 0), slot);
  }
});
