import { assert, assertEquals } from "../../tests/assert.ts";
import { evaluateKernel, pack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { rounded } from "../../kernels/testing/build.ts";
import { kindOf } from "../core/dtype.ts";
import { acc, coord, type Expr, f32, i32, prim, u32 } from "../core/expr.ts";
import type { Kernel, MapKernel, ReduceKernel } from "../core/kernel.ts";
import { partsOf, physicalBytes } from "../core/kernel.ts";
import { Pool } from "./bound.ts";
import { TARGET_H100_DAWN } from "../core/target.ts";
import { groupKernels } from "./group.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { PreludeOptions } from "./prelude.ts";
import { takePreludes } from "./prelude.ts";
import { packScalars } from "./scalars.ts";
import type { Tensor } from "./tensor.ts";

const grouped = (kernels: readonly BuiltKernel[]) =>
  groupKernels(packScalars(kernels), TARGET_H100_DAWN, ({ kernel }) => kernel.family === "matmul");

function take(
  kernels: readonly BuiltKernel[],
  options: Partial<PreludeOptions> = {},
): readonly BuiltKernel[] {
  return takePreludes(kernels, { maxBindings: 16, launch: 1 << 20, dispatches: grouped, ...options });
}

const temp = (name: string, layout: number[], dtype: Tensor["dtype"] = "f32"): Tensor => ({
  kind: "temp",
  name,
  dtype,
  layout,
});
const state = (name: string, layout: number[], dtype: Tensor["dtype"] = "f32"): Tensor => ({
  kind: "state",
  name,
  dtype,
  layout,
  at: { buffer: name, offset: 0 },
});

/** Whether the scalars are kept even where a dispatch is said to be saved. */
function isRefused(kernels: readonly BuiltKernel[]): boolean {
  const dispatches = (all: readonly BuiltKernel[]) => all === kernels ? all : all.slice(0, 1);
  return take(kernels, { dispatches }) === kernels;
}

/** Writes kernels whose loads name tensors. */
class Kernels {
  readonly pool = new Pool();

  load(t: Tensor, index: Expr = i32(0)): Expr {
    return { e: "load", binding: this.pool.number(t), index, kind: kindOf(t.dtype) };
  }

  map(shape: number[], stores: [Tensor, Expr][], flag?: Tensor): BuiltKernel {
    const base: MapKernel = {
      family: "map",
      name: "",
      bindings: [],
      fuses: [],
      shape,
      stores: this.#stores(stores),
    };
    return this.pool.close(flag ? { ...base, flag: this.pool.number(flag) } : base);
  }

  reduce(inner: number[], terms: Expr[], stores: [Tensor, Expr][], flag?: Tensor): BuiltKernel {
    const base: ReduceKernel = {
      family: "reduce",
      name: "",
      bindings: [],
      fuses: [],
      outer: [1],
      inner,
      phases: [terms.map((value) => ({ combine: value.kind === "bool" ? "or" : "sum", value }))],
      rowStores: this.#stores(stores),
      elementStores: [],
    };
    return this.pool.close(flag ? { ...base, flag: this.pool.number(flag) } : base);
  }

  #stores(stores: [Tensor, Expr][]) {
    return stores.map(([t, value]) => ({ binding: this.pool.number(t), value }));
  }
}

const N = 40, PARTS = 12;

/**
 * The end of a training step: a kernel leaves partial sums of the gradients' squares and partial truths about them, one
 * of a single row ends the norm, the check and the scaler's state, and a map updates the weights unless it overflowed.
 */
function step(options: { readonly raises?: "early" | "late"; readonly rows?: number } = {}) {
  const { raises = "early", rows = N } = options;
  const k = new Kernels();
  const [g, w] = [state("grads", [rows]), state("w", [rows])];
  const [flag, clean] = [state("found_inf", [1], "u32"), state("clean", [], "i32")];
  const [tick, loss] = [state("tick", [], "u32"), temp("loss", [])];
  const [sums, bads] = [temp("sums", [PARTS]), temp("bads", [PARTS], "bool")];
  const factor = temp("factor", []);
  const skipped: Tensor = { ...temp("skipped", [], "u32"), kind: "result" };
  const c0 = coord(0), x = k.load(g, c0);
  const raising = prim("mul", f32(3e5), k.load(w, i32(1)));
  const first = k.map([rows], [[g, prim("add", x, rounded(raising, "f16", true))]], flag);
  const part = prim("mul", k.load(g, c0), k.load(g, prim("mod", prim("add", c0, i32(7)), i32(rows))));
  const partial = k.map(
    [PARTS],
    [[sums, raises === "late" ? rounded(part, "f16", true) : part], [bads, prim("gt", part, f32(9))]],
    raises === "late" ? flag : undefined,
  );
  const lossAt = k.map([], [[loss, prim("mul", k.load(w), f32(2))]]);
  const found = prim(
    "or",
    prim("ne", k.load(flag), u32(0)),
    prim("or", acc(1, "bool"), prim("not", prim("is_finite", k.load(loss)))),
  );
  const skip = prim("select", found, u32(1), u32(0));
  const next = prim("add", k.load(clean), i32(1));
  const end = k.reduce([PARTS], [k.load(sums, coord(1)), k.load(bads, coord(1))], [
    [skipped, skip],
    [factor, prim("div", f32(1), prim("add", prim("abs", acc(0)), f32(1)))],
    [flag, u32(0)],
    [clean, prim("select", found, i32(0), next)],
    [tick, prim("add", k.load(tick), u32(1))],
  ]);
  const moved = prim("sub", k.load(w, c0), prim("mul", k.load(g, c0), k.load(factor)));
  const update = k.map([rows], [[
    w,
    prim("select", prim("ne", k.load(skipped), u32(0)), k.load(w, c0), moved),
  ]]);
  const kernels = [first, lossAt, partial, end, update];
  return { k, kernels, tensors: { g, w, flag, clean, tick, skipped, factor, sums, bads, loss } };
}

/** Runs kernels one after another; `reversed` takes the parts of a dispatch from the last to the first. */
function run(kernels: readonly BuiltKernel[], memory: ReadonlyMap<string, Words>, reversed = false) {
  const all = new Map(memory);
  for (const { kernel, tensors } of kernels) {
    const parts = partsOf(kernel);
    for (const part of reversed ? [...parts].reverse() : parts) {
      const key = (t: Tensor) => t.at?.buffer ?? t.name;
      const words = tensors.map((t) =>
        all.get(key(t)) ?? new Uint32Array(physicalBytes(t.layout, t.dtype) / 4)
      );
      const bindings: Kernel["bindings"] = kernel.bindings;
      const after = evaluateKernel({ ...part, bindings }, words);
      tensors.forEach((t, i) => all.set(key(t), bindings[i].access === "read" ? words[i] : after[i]));
    }
  }
  return all;
}

/** Random values, such that the step overflows or not. */
function memoryOf({ tensors: { g, w } }: ReturnType<typeof step>, overflows: boolean): Map<string, Words> {
  const values = (t: Tensor) => Array.from({ length: t.layout[0] }, () => Math.fround(Math.random() - 0.5));
  const weights = values(w);
  weights[1] = overflows ? 0.75 : 1e-6 * Math.random();
  return new Map([
    ["grads", pack(values(g), g.layout, "f32")],
    ["w", pack(weights, w.layout, "f32")],
    ["clean", pack([3], [], "i32")],
    ["tick", pack([8], [], "u32")],
    ["found_inf", pack([0], [1], "u32")],
  ]);
}

const STATE = ["w", "clean", "tick", "found_inf", "skipped"];

Deno.test("a map makes a row's scalars itself, and the row's kernel shares its dispatch", () => {
  const made = step();
  const after = take(made.kernels);
  assertEquals([grouped(made.kernels).length, grouped(after).length], [4, 3]);
  const update = after.at(-1)!;
  const { prelude } = update.kernel as MapKernel;
  assertEquals(prelude?.inner, [PARTS]);
  assertEquals(prelude?.phases.map((p) => p.map((a) => a.combine)), [["sum", "or"]]);
  assert(!update.tensors.some((t) => t === made.tensors.factor || t === made.tensors.skipped));
});

Deno.test("what the maps make again, nobody stores", () => {
  const made = step();
  const after = take(made.kernels);
  assert(!after.some((k) => k.tensors.includes(made.tensors.factor)));
  const late = after.find((k) => k.kernel.family === "reduce")!.kernel as ReduceKernel;
  assertEquals(late.phases.map((p) => p.map((a) => a.combine)), [["or"]]);
});

Deno.test("the flag is read and reset before the dispatch whose parts want it", () => {
  const { kernels, tensors: { flag, loss, tick } } = step();
  const after = take(kernels);
  const early = after[after.findIndex((k) => k.kernel.family === "reduce") - 1];
  assertEquals(early.kernel.family, "map");
  for (const t of [flag, loss, tick]) assert(early.tensors.includes(t), t.name);
  for (const k of after.slice(after.indexOf(early) + 1)) assert(!k.tensors.includes(flag));
});

for (const overflows of [false, true]) {
  Deno.test(`with a prelude ${overflows ? "an overflowing" : "a"} step does what it did, in any order of parts`, () => {
    for (const raises of ["early", "late"] as const) {
      const made = step({ raises });
      const memory = memoryOf(made, overflows);
      const before = run(made.kernels, memory);
      assertEquals(before.get("skipped")![0], Number(overflows));
      const after = take(made.kernels);
      for (const list of [after, grouped(after)]) {
        for (const reversed of [false, true]) {
          const found = run(list, memory, reversed);
          for (const name of STATE) assertEquals(found.get(name), before.get(name), name);
        }
      }
    }
  });
}

Deno.test("a launch that costs less than the terms are read for keeps the scalars", () => {
  const { kernels } = step({ rows: 1 << 16 });
  // 60 bytes for each of 1024 workgroups, at a quarter of the price.
  assert(take(kernels, { launch: 1024 * 15 + 1 }) !== kernels);
  assert(take(kernels, { launch: 1024 * 15 - 1 }) === kernels);
});

Deno.test("a dispatch that would bind too much keeps the scalars", () => {
  const { kernels } = step();
  const widest = Math.max(...grouped(take(kernels)).map((d) => d.tensors.length));
  assert(take(kernels, { maxBindings: widest }) !== kernels);
  assert(take(kernels, { maxBindings: widest - 1 }) === kernels);
});

Deno.test("where no dispatch is saved nothing changes: the flag may be raised until the sums are made", () => {
  const { kernels } = step({ raises: "late" });
  assert(take(kernels) === kernels);
});

Deno.test("where no dispatch is saved nothing changes: the map waits for something later anyway", () => {
  const { k, kernels, tensors: { g, factor } } = step();
  const doubled = temp("doubled", [N]);
  const later = k.map([N], [[doubled, prim("mul", k.load(g, coord(0)), f32(2))]]);
  const wide = { ...later, kernel: { ...later.kernel, family: "matmul" } as unknown as Kernel };
  const reads = k.map([N], [[state("v", [N]), prim("mul", k.load(doubled, coord(0)), k.load(factor))]]);
  const all = [...kernels.slice(0, -1), wide, reads];
  assert(take(all) === all);
});

Deno.test("what is reduced must still be there: a map that overwrites it keeps the scalars", () => {
  const { k, kernels, tensors: { sums, factor } } = step();
  const over = k.map([PARTS], [[sums, prim("mul", k.load(sums, coord(0)), k.load(factor))]]);
  const other = k.map([PARTS], [[
    temp("other", [PARTS]),
    prim("mul", k.load(sums, coord(0)), k.load(factor)),
  ]]);
  assert(!isRefused([...kernels.slice(0, -1), other]));
  const all = [...kernels.slice(0, -1), over];
  assert(isRefused(all));
});

Deno.test("a rounding that may raise the flag is made once", () => {
  const { k, kernels, tensors: { sums, factor, w, flag } } = step();
  const value = rounded(prim("mul", acc(0), f32(2)), "f16", true);
  const end = k.reduce([PARTS], [k.load(sums, coord(1))], [[factor, value]], flag);
  const update = k.map([N], [[w, prim("mul", k.load(w, coord(0)), k.load(factor))]]);
  const all = [...kernels.slice(0, 3), end, update];
  assert(isRefused(all));
});

Deno.test("a long row is not made again", () => {
  const { k, kernels, tensors: { factor, w, g } } = step({ rows: 2000 });
  const end = k.reduce([2000], [k.load(g, coord(1))], [[factor, acc(0)]]);
  const update = k.map([2000], [[w, prim("mul", k.load(w, coord(0)), k.load(factor))]]);
  const all = [...kernels.slice(0, 2), end, update];
  assert(isRefused(all));
});

/** What becomes of kernels where every prelude is said to save a dispatch. */
function taken(kernels: readonly BuiltKernel[]): readonly BuiltKernel[] {
  let count = kernels.length;
  return take(kernels, { dispatches: (all) => all.slice(0, count--) });
}

/** A map that wants a sum and a truth which two kernels of one row make, the second over so many terms. */
function twoRows(terms: number) {
  const { k, kernels, tensors: { sums, w, bads } } = step();
  const [factor, bad] = [temp("factor", []), temp("bad", [], "bool")];
  const other = temp("other", [terms], "bool");
  const ends = [
    k.reduce([PARTS], [k.load(sums, coord(1))], [[factor, acc(0)]]),
    k.map([terms], [[other, prim("not", k.load(bads, prim("mod", coord(0), i32(PARTS))))]]),
    k.reduce([terms], [k.load(other, coord(1))], [[bad, acc(0, "bool")]]),
  ];
  const moved = prim("mul", k.load(w, coord(0)), k.load(factor));
  const update = k.map([N], [[w, prim("select", k.load(bad), moved, k.load(w, coord(0)))]]);
  return [...kernels.slice(0, 3), ...ends, update];
}

Deno.test("two rows of the same terms are one prelude, others are not", () => {
  const kernels = twoRows(PARTS);
  const after = taken(kernels);
  const { prelude } = after.at(-1)!.kernel as MapKernel;
  assertEquals(prelude?.phases.map((p) => p.map((a) => a.combine)), [["sum", "or"]]);
  const memory = memoryOf(step(), false);
  assertEquals(run(after, memory).get("w"), run(kernels, memory).get("w"));

  const first = taken(twoRows(PARTS + 1)).at(-1)!.kernel as MapKernel;
  assertEquals(first.prelude?.phases.map((p) => p.map((a) => a.combine)), [["sum"]]);
});

Deno.test("scalars that one kernel stores stand side by side, and are read there", () => {
  const k = new Kernels();
  const [a, b, n] = [temp("a", []), temp("b", [1]), temp("n", [], "i32")];
  const w = state("w", [N]);
  const source = k.reduce([N], [k.load(w, coord(1))], [[a, acc(0)], [b, prim("neg", acc(0))], [n, i32(5)]]);
  const sum = [k.load(a), k.load(b), k.load(a)].reduce((x, y) => prim("add", x, y), f32(1));
  const reader = k.map([N], [[w, prim("mul", prim("to_f32", k.load(n)), sum)]]);
  const packed = packScalars([source, reader]);
  const shared = packed.map((p) => p.tensors.find((t) => t.layout[0] === 2));
  assertEquals(packed.map((p) => p.tensors.length), [3, 3]);
  assert(shared[0] && shared[0] === shared[1]);
  const memory = new Map([["w", pack(Array.from({ length: N }, Math.random), [N], "f32")]]);
  const [before, after] = [run([source, reader], memory), run(packed, memory)];
  assertEquals(after.get("w"), before.get("w"));
});
