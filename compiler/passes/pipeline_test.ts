import { assert, assertArrayAlmostEquals, assertEquals } from "../../tests/assert.ts";
import { feedsFor, mlp, randomLoss, scalar } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import type { Setting, TypedTrain } from "../check/typed.ts";
import { round } from "../core/round.ts";
import type { Graph } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { verify } from "../ir/verify.ts";
import type { Feeds, Value } from "../reference/evaluate.ts";
import { evaluate } from "../reference/evaluate.ts";
import { autodiff } from "./autodiff.ts";
import { casts } from "./casts.ts";
import { clip } from "./clip.ts";
import { copiesOf, useCopies } from "./copies.ts";
import { decompose } from "./decompose.ts";
import { inference } from "./inference.ts";
import { optimizer } from "./optimizer.ts";
import { reportGrads, resolveScaling, scaleLoss, tick, unscale } from "./scaling.ts";
import { cse, simplify } from "./simplify.ts";

/** Every pass of a training step leaves every output that was there before it as it was. */

const span = { file: "m.mpt", start: 0, end: 1 };
const setting = (name: string, args: Setting["args"]): Setting => ({ name, args, span });
const TRAIN = {
  optimizer: setting("AdamW", { lr: 0.01, betas: [0.9, 0.99], eps: 1e-8, weight_decay: 0.1 }),
  schedule: setting("cosine", { total: 30, warmup: 4, final: 0.1 }),
} as unknown as TypedTrain;

/** How closely a pass keeps its graph's values in f64. */
const KEEPS: Record<string, number> = {
  casts: 0,
  inference: 0,
  scale_loss: 0,
  autodiff: 0,
  report_grads: 0,
  optimizer: 0,
  tick: 0,
  // The scale is a power of two: dividing by it is exact.
  unscale: 0,
  clip: 0,
  // Constants are folded as f32 or f16 values.
  copies: 0,
  simplify: 1e-12,
  cse: 0,
  // Expressions' constants are f32, and references sum in another order.
  decompose: 2e-6,
};

function passesOf(source: Graph): Pass[] {
  const cast = casts.run(source);
  const scaling = resolveScaling(setting("dynamic", { init: 1024 }), cast);
  return [
    casts,
    inference,
    scaleLoss(scaling, 1),
    autodiff,
    unscale(scaling),
    reportGrads,
    clip(setting("norm", { x: 0.5 })),
    optimizer(TRAIN),
    tick,
    useCopies(copiesOf(cast)),
    decompose,
    simplify,
    cse,
  ];
}

/** Values for all that any of the graphs reads; copies are their masters, unrounded in f64. */
function feed(graphs: readonly Graph[], random: Random, precision: "f64" | "rounded"): Feeds {
  const all: Graph = { outputs: graphs.flatMap((g) => g.outputs) };
  const { inputs, state } = feedsFor(all, random);
  for (const [slot, t] of state) {
    const copy = /^copy\.(\w+)\/(.*)$/.exec(slot);
    if (copy) {
      const master = state.get(`param/${copy[2]}`)!;
      state.set(slot, {
        ...t,
        data: precision === "f64" ? master.data : master.data.map((x) => round(x, t.dtype)),
      });
    }
    if (/adam\.v/.test(slot)) state.set(slot, { ...t, data: t.data.map(Math.abs) });
  }
  state.set("scaler.scale", scalar("f32", 1024));
  state.set("scaler.clean", scalar("i32", 1999));
  state.set("step", scalar("i32", 9));
  state.set("found_inf", scalar("u32", 0, [1]));
  return { inputs, state };
}

function assertKept(
  before: Map<string, Value>,
  after: Map<string, Value>,
  rtol: number,
  name: string,
): number {
  let kept = 0;
  for (const [key, { data, dtype, shape }] of before) {
    const now = after.get(key);
    // Used up: what is scaled by autodiff, gradients by the optimizer.
    if (!now) {
      assert(key === "result/scaled_loss" || key.startsWith("grad/"), `${name} lost ${key}`);
      continue;
    }
    // Passes that change gradients or masters say so in their name; their own tests say how.
    if (key.startsWith("grad/") && ["unscale", "clip"].includes(name)) continue;
    assertEquals([now.dtype, ...now.shape], [dtype, ...shape], `${key} after ${name}`);
    assertArrayAlmostEquals(now.data, data, { rtol, atol: rtol, message: `${key} after ${name}` });
    kept++;
  }
  return kept;
}

function assertPipeline(source: Graph, seed: number): void {
  const passes = passesOf(source);
  const graphs = passes.reduce((all, p) => [...all, p.run(all.at(-1)!)], [source]);
  for (const g of graphs) assertEquals(verify(g), []);
  const feeds = feed(graphs, new Random(seed), "f64");
  const values = graphs.map((g) => evaluate(g, feeds, { precision: "f64" }));
  passes.forEach(({ name }, i) => {
    assert(name in KEEPS, `${name} has no tolerance`);
    const kept = assertKept(values[i], values[i + 1], KEEPS[name], name);
    assert(kept >= source.outputs.length, `${name} kept ${kept} outputs`);
  });
  // The rounded values of the last passes, on which the devices are compared, are equal bit for bit.
  const from = passes.indexOf(decompose) + 1;
  const rounded = feed(graphs, new Random(seed), "rounded");
  const [plain, ...rest] = graphs.slice(from).map((g) => evaluate(g, rounded, { precision: "rounded" }));
  for (const after of rest) {
    for (const [key, { data }] of plain) {
      assertEquals(
        after.get(key)!.data.map((x) => x + 0),
        data.map((x) => x + 0),
        key,
      );
    }
  }
}

for (const seed of seeds(25)) {
  Deno.test(`passes: the training step of random graph ${seed} keeps its values through every pass`, () => {
    assertPipeline(randomLoss(new Random(seed), { smooth: true }), seed);
  });
}

for (const [compute, seed] of [[["f16", "f32"], 3], [["f32", "f32"], 4], [["bf16", "f16"], 5]] as const) {
  Deno.test(`passes: the MLP's training step in ${compute} keeps its values through every pass`, () => {
    assertPipeline(mlp({ compute }), seed);
  });
}

Deno.test("passes: gradients reported are those of finite differences, whatever was added around them", () => {
  const source = randomLoss(new Random(77), { smooth: true });
  const graphs = passesOf(source).reduce((all, p) => [...all, p.run(all.at(-1)!)], [source]);
  const feeds = feed(graphs, new Random(78), "f64");
  // Without copies: they would have to move with their masters.
  const step = passesOf(source).filter((p) => p.name !== "copies").reduce((g, p) => p.run(g), source);
  const reported = evaluate(step, feeds, { precision: "f64" });
  let moved = 0;
  for (const [slot, x] of feeds.state!) {
    if (!slot.startsWith("param/")) continue;
    const at = (i: number, delta: number) => {
      const data = x.data.slice();
      data[i] += delta;
      return evaluate(source, { ...feeds, state: new Map(feeds.state).set(slot, { ...x, data }) }, {
        precision: "f64",
      })
        .get("result/loss")!.data[0];
    };
    const numeric = x.data.map((_, i) => (at(i, 1e-5) - at(i, -1e-5)) / 2e-5);
    const grad = reported.get(`result/grad/${slot.slice(6)}`)!;
    assertArrayAlmostEquals(grad.data, numeric, { rtol: 1e-5, atol: 1e-6, message: slot });
    moved += numeric.filter((g) => g !== 0).length;
  }
  assert(moved > 5);
});

Deno.test("passes: after them no node depends on a region or is a composite", () => {
  const step = passesOf(mlp()).reduce((g, p) => p.run(g), mlp());
  assertEquals(verify(step, { explicit: true }), []);
  for (const n of nodesOf(step)) assert(n.op.kind !== "composite", n.op.name);
});
