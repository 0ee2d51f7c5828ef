import { assert, assertArrayAlmostEquals, assertEquals, assertStringIncludes } from "../../tests/assert.ts";
import { draw, scalar } from "../../tests/numeric/suite/graphs.ts";
import { Random } from "../../tests/numeric/suite/random.ts";
import { GraphRunner, through } from "../../tests/numeric/suite/run_graph.ts";
import type { Setting, TypedTrain } from "../check/typed.ts";
import type { DType } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import type { RefTensor } from "../ir/op.ts";
import { constNode, inputNode, paramNode } from "../ops/leaf.ts";
import { optimizer } from "./optimizer.ts";

const span = { file: "m.mpt", start: 0, end: 5 };
const setting = (name: string, args: Setting["args"]): Setting => ({ name, args, span });

/** A parameter's update in f64, straight from PyTorch's documentation; `t` counts updates from 1. */
type Formula = (p: number, g: number, s: Record<string, number>, t: number, lr: number) => number;

interface Case {
  readonly optimizer: Setting;
  readonly formula: (weightDecay: number) => Formula;
}

const sgd = (mu: number, damp: number, nesterov: boolean) => (wd: number): Formula => (p, g, s, t, lr) => {
  g += wd * p;
  if (mu) {
    s.b = t === 1 ? g : mu * s.b + (1 - damp) * g;
    g = nesterov ? g + mu * s.b : s.b;
  }
  return p - lr * g;
};

const adam =
  (b1: number, b2: number, eps: number, decoupled: boolean) => (wd: number): Formula => (p, g, s, t, lr) => {
    if (decoupled) p -= lr * wd * p;
    else g += wd * p;
    s.m = b1 * (s.m ?? 0) + (1 - b1) * g;
    s.v = b2 * (s.v ?? 0) + (1 - b2) * g * g;
    const step = lr / (1 - b1 ** t);
    return p - step * s.m / (Math.sqrt(s.v) / Math.sqrt(1 - b2 ** t) + eps);
  };

const lion = (b1: number, b2: number) => (wd: number): Formula => (p, g, s, _t, lr) => {
  p -= lr * wd * p;
  const update = Math.sign(b1 * (s.m ?? 0) + (1 - b1) * g);
  s.m = b2 * (s.m ?? 0) + (1 - b2) * g;
  return p - lr * update;
};

const SGD = { lr: 0.1, momentum: 0, dampening: 0, nesterov: false, weight_decay: 0, no_decay: [] };
const ADAM = { lr: 0.01, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0, no_decay: [] };
const CASES: Record<string, Case> = {
  "SGD": { optimizer: setting("SGD", SGD), formula: sgd(0, 0, false) },
  "SGD, decay": { optimizer: setting("SGD", { ...SGD, weight_decay: 0.05 }), formula: sgd(0, 0, false) },
  "SGD, momentum": { optimizer: setting("SGD", { ...SGD, momentum: 0.9 }), formula: sgd(0.9, 0, false) },
  "SGD, nesterov and decay": {
    optimizer: setting("SGD", { ...SGD, momentum: 0.9, nesterov: true, weight_decay: 0.02 }),
    formula: sgd(0.9, 0, true),
  },
  "SGD, dampening": {
    optimizer: setting("SGD", { ...SGD, momentum: 0.8, dampening: 0.3, weight_decay: 0.01 }),
    formula: sgd(0.8, 0.3, false),
  },
  "Adam": { optimizer: setting("Adam", ADAM), formula: adam(0.9, 0.999, 1e-8, false) },
  "Adam, decay and a large epsilon": {
    optimizer: setting("Adam", { ...ADAM, betas: [0.8, 0.95], eps: 1e-2, weight_decay: 0.1 }),
    formula: adam(0.8, 0.95, 1e-2, false),
  },
  "Adam, betas of 0": {
    optimizer: setting("Adam", { ...ADAM, betas: [0, 0] }),
    formula: adam(0, 0, 1e-8, false),
  },
  "AdamW": {
    optimizer: setting("AdamW", { ...ADAM, weight_decay: 0.1 }),
    formula: adam(0.9, 0.999, 1e-8, true),
  },
  "AdamW, no decay": { optimizer: setting("AdamW", ADAM), formula: adam(0.9, 0.999, 1e-8, true) },
  "Lion": {
    optimizer: setting("Lion", { lr: 1e-3, betas: [0.9, 0.99], weight_decay: 0.1, no_decay: [] }),
    formula: lion(0.9, 0.99),
  },
};

const PATHS: Record<string, readonly number[]> = { "fc1.weight": [3, 4], "fc1.bias": [3], "scale": [] };

/** Gradients that are inputs `g/PATH`, and the flag that is input `skip`, or a constant where nothing is checked. */
function source(checked = true, dtype: DType = "f32"): Graph {
  const b = new Builder({ why: "test" });
  const skip: Node = checked ? inputNode(b, "skip", "u32", []) : constNode(b, 0, "u32");
  const masters: Output[] = Object.entries(PATHS).map(([path, shape]) => ({
    kind: "result",
    name: `was/${path}`,
    node: paramNode(b, path, dtype, shape),
  }));
  return {
    outputs: [
      { kind: "result", name: "skipped", node: skip },
      ...masters,
      ...Object.entries(PATHS).map(([path, shape]): Output => ({
        kind: "grad",
        name: path,
        node: inputNode(b, `g/${path}`, "f32", shape),
      })),
    ],
  };
}

const trainOf = (o: Setting, schedule?: Setting) => ({ optimizer: o, schedule }) as unknown as TypedTrain;

/** Steps of both side by side: the graph in f32, the formula in f64. Steps in `skips` are skipped. */
function compare(
  { optimizer: o, formula }: Case,
  steps: number,
  skips: ReadonlySet<number>,
  options: {
    schedule?: Setting;
    factor?: (t: number) => number;
    decays?: (path: string) => boolean;
    lr?: (path: string) => number;
  } = {},
): GraphRunner {
  const random = new Random(11);
  const state = new Map<string, RefTensor>();
  for (const [path, shape] of Object.entries(PATHS)) state.set(`param/${path}`, draw("f32", shape, random));
  const weights = new Map([...state].map(([slot, t]) => [slot.slice(6), [...t.data]]));
  const moments = new Map([...weights].map(([path, w]) => [path, w.map((): Record<string, number> => ({}))]));
  const runner = new GraphRunner(through(source(), [optimizer(trainOf(o, options.schedule))]), state);
  let t = 0;
  for (let run = 0; run < steps; run++) {
    const skip = skips.has(run);
    const inputs: Record<string, RefTensor> = { skip: scalar("u32", skip ? 1 : 0) };
    for (const [path, shape] of Object.entries(PATHS)) {
      const g = draw("f32", shape, random);
      // A skipped step's gradients are not numbers; they must leave no trace.
      if (skip) g.data.fill(random.pick([NaN, Infinity, -Infinity]));
      inputs[`g/${path}`] = g;
    }
    const before = new Map(runner.state);
    runner.step(inputs);
    if (skip) {
      for (const [slot, { data }] of before) {
        assertEquals(runner.state.get(slot)!.data, data, `${slot} moved on a skip`);
      }
      continue;
    }
    const factor = options.factor?.(t) ?? 1;
    t++;
    for (const [path, w] of weights) {
      const lr = (options.lr?.(path) ?? o.args.lr as number) * factor;
      const wd = options.decays?.(path) === false ? 0 : o.args.weight_decay as number;
      w.forEach((p, i) => w[i] = formula(wd)(p, inputs[`g/${path}`].data[i], moments.get(path)![i], t, lr));
      const got = runner.state.get(`param/${path}`)!.data;
      assertArrayAlmostEquals(got, w, { rtol: 2e-6, atol: 1e-6, message: `${path} after update ${t}` });
    }
    assertEquals(runner.scalar("step"), t);
  }
  return runner;
}

for (const [name, one] of Object.entries(CASES)) {
  Deno.test(`optimizer: ${name}: 20 steps as PyTorch's formula`, () => void compare(one, 20, new Set()));
  Deno.test(`optimizer: ${name}: skipped steps, the first among them, change nothing and do not count`, () => {
    compare(one, 24, new Set([0, 1, 5, 6, 7, 20]));
  });
  Deno.test(`optimizer: ${name}: no constant is infinite, none NaN`, () => {
    for (const n of nodesOf(optimizer(trainOf(one.optimizer)).run(source()))) {
      if (n.op.name === "const") assert(Number.isFinite(n.attrs.value), `${n.attrs.value}`);
    }
  });
}

Deno.test("optimizer: the schedule's factor is that of the update, which skips do not advance", () => {
  const schedule = setting("linear", { total: 10, warmup: 3, final: 0.5 });
  const factor = (t: number) => t < 3 ? (t + 1) / 3 : 1 - 0.5 * Math.min(1, (t - 3) / 7);
  compare(CASES.AdamW, 16, new Set([1, 2, 8]), { schedule, factor });
  compare(CASES["SGD, momentum"], 16, new Set([0, 9]), { schedule, factor });
});

Deno.test("optimizer: no_decay exempts the paths that its globs cover", () => {
  for (
    const [globs, exempt] of [
      [["**.bias"], ["fc1.bias"]],
      [["fc1.*"], ["fc1.weight", "fc1.bias"]],
      [["fc1"], ["fc1.weight", "fc1.bias"]],
      [["scale", "**.weight"], ["scale", "fc1.weight"]],
    ]
  ) {
    for (const name of ["AdamW", "SGD, dampening"]) {
      const { optimizer: o, formula } = CASES[name];
      const at = { ...o, args: { ...o.args, no_decay: globs, weight_decay: 0.3 } };
      compare({ optimizer: at, formula }, 5, new Set(), { decays: (path) => !exempt.includes(path) });
    }
  }
});

Deno.test("optimizer: groups have rates of their own, the most specific one's, under the same schedule", () => {
  const groups = [{ path: "fc1.weight", lr: 0.003 }, { path: "**.bias", lr: 0.05 }, {
    path: "fc1.**",
    lr: 0.02,
  }];
  const rates: Record<string, number> = { "fc1.weight": 0.003, "fc1.bias": 0.02 };
  const schedule = setting("linear", { total: 10, warmup: 3, final: 0.5 });
  const factor = (t: number) => t < 3 ? (t + 1) / 3 : 1 - 0.5 * Math.min(1, (t - 3) / 7);
  for (const name of ["AdamW", "SGD, momentum", "Lion"]) {
    const { optimizer: o, formula } = CASES[name];
    const at = { ...o, args: { ...o.args, groups, weight_decay: 0.1 } };
    const lr = (path: string) => rates[path] ?? o.args.lr as number;
    compare({ optimizer: at, formula }, 8, new Set([2]), { schedule, factor, lr });
  }
});

Deno.test("optimizer: gradients are used up; the State has the masters, the moments and the count", () => {
  const names = (o: Setting) =>
    optimizer(trainOf(o)).run(source()).outputs.filter((x) => x.kind !== "result").map((x) =>
      `${x.kind} ${x.name}`
    );
  assertEquals(names(CASES.SGD.optimizer), [
    "state param/fc1.weight",
    "state param/fc1.bias",
    "state param/scale",
    "state step",
  ]);
  const adam = names(CASES.Adam.optimizer).join("\n");
  for (const path of Object.keys(PATHS)) {
    assertStringIncludes(adam, `state adam.m/${path}`);
    assertStringIncludes(adam, `state adam.v/${path}`);
  }
});

Deno.test("optimizer: moments stay f32 and the update is made in f32 where parameters are f16 or bf16", () => {
  for (const dtype of ["f16", "bf16"] as const) {
    const graph = through(source(true, dtype), [optimizer(trainOf(CASES.Adam.optimizer))]);
    for (const { kind, name, node } of graph.outputs) {
      if (kind === "state" && name.startsWith("param/")) assertEquals(node.type.dtype, dtype);
      if (kind === "state" && name.startsWith("adam.")) assertEquals(node.type.dtype, "f32");
    }
    for (const n of nodesOf(graph)) if (n.op.name === "sqrt") assertEquals(n.type.dtype, "f32");
  }
});

Deno.test("optimizer: where nothing is checked nothing is selected", () => {
  const names = (checked: boolean) =>
    nodesOf(optimizer(trainOf(CASES.SGD.optimizer)).run(source(checked))).map((n) => n.op.name);
  assert(names(true).includes("where") && !names(false).includes("where"));
});

Deno.test("optimizer: Adam's bias correction keeps its digits on the first step", () => {
  const { optimizer: o } = CASES.Adam;
  const random = new Random(2);
  const state = new Map<string, RefTensor>([["step", scalar("i32", 0)]]);
  for (const [path, shape] of Object.entries(PATHS)) state.set(`param/${path}`, draw("f32", shape, random));
  // 1 − 0.999¹ = 0.001 loses four digits where it is computed as 1 − β^t in f32.
  const runner = new GraphRunner(through(source(), [optimizer(trainOf(o))]), state);
  const before = runner.state.get("param/scale")!.data[0];
  const g = Object.fromEntries(
    Object.entries(PATHS).map(([p, shape]) => [`g/${p}`, draw("f32", shape, random)]),
  );
  runner.step({ skip: scalar("u32", 0), ...g });
  const moved = runner.state.get("param/scale")!.data[0] - before;
  assertArrayAlmostEquals([moved], [-0.01 * Math.sign(g["g/scale"].data[0])], { rtol: 3e-5 });
});
