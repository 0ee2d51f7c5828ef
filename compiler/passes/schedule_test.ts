import { readFileSync } from "node:fs";
import { assert, assertArrayAlmostEquals, assertEquals } from "../../tests/assert.ts";
import type { Setting } from "../check/typed.ts";
import { Builder } from "../ir/builder.ts";
import { nodesOf } from "../ir/graph.ts";
import { verify } from "../ir/verify.ts";
import { inputNode } from "../ops/leaf.ts";
import { evaluate } from "../reference/evaluate.ts";
import { MathBuilder } from "./math.ts";
import { scheduleFactor } from "./schedule.ts";

type Numbers = Record<string, number>;

const setting = (name: string, args: Numbers): Setting => ({
  name,
  args,
  span: { file: "m.mpt", start: 0, end: 1 },
});

/** The graph of a schedule, all steps at once. */
function graphOf(schedule: Setting | undefined, steps: number) {
  const m = new MathBuilder(new Builder({ why: "test" }));
  const node = scheduleFactor(m, schedule, inputNode(m.b, "t", "f32", [steps]));
  return { outputs: [{ kind: "result" as const, name: "factor", node }] };
}

/** The factor at t = from, from + stride, … as a training step computes it, in f32. */
function factors(schedule: Setting | undefined, steps: number, from = 0, stride = 1): Float64Array {
  const graph = graphOf(schedule, steps);
  assertEquals(verify(graph), []);
  const data = Float64Array.from({ length: steps }, (_, i) => from + i * stride);
  const inputs = new Map([["t", { dtype: "f32" as const, shape: [steps], data }]]);
  const out = evaluate(graph, { inputs }, { precision: "rounded" }).get("result/factor")!;
  return out.data.length === steps ? out.data : new Float64Array(steps).fill(out.data[0]);
}

/** The contract's formulas, in f64. */
const FORMULAS: Record<string, (t: number, u: number, a: Numbers) => number> = {
  constant: () => 1,
  linear: (_, u, { final = 0 }) => 1 + (final - 1) * u,
  cosine: (_, u, { final = 0 }) => final + (1 - final) * (1 + Math.cos(Math.PI * u)) / 2,
  polynomial: (_, u, { final = 0, power = 1 }) => final + (1 - final) * (1 - u) ** power,
  step: (t, _, { every, gamma }) => gamma ** Math.floor(t / every),
  exponential: (t, _, { gamma }) => gamma ** t,
};

function expected(name: string, a: Numbers, t: number): number {
  const { warmup: w = 0, total = 0 } = a;
  if (t < w) return (t + 1) / w;
  return FORMULAS[name](t, Math.min(1, (t - w) / (total - w)), a);
}

const CASES: [string, Numbers][] = [
  ["constant", {}],
  ["constant", { warmup: 7 }],
  ["linear", { total: 50 }],
  ["linear", { total: 50, warmup: 10, final: 0.25 }],
  ["linear", { total: 50, warmup: 1, final: 2 }],
  ["cosine", { total: 60 }],
  ["cosine", { total: 2000, warmup: 100 }],
  ["cosine", { total: 60, warmup: 13, final: 0.1 }],
  ["polynomial", { total: 40, power: 1 }],
  ["polynomial", { total: 40, power: 2, final: 0.01, warmup: 5 }],
  ["polynomial", { total: 40, power: 0.5 }],
  ["polynomial", { total: 40, power: 0 }],
  ["step", { every: 10, gamma: 0.5 }],
  ["step", { every: 3, gamma: 0.9, warmup: 4 }],
  ["step", { every: 1, gamma: 0.97 }],
  ["step", { every: 7, gamma: 0 }],
  ["exponential", { gamma: 0.99 }],
  ["exponential", { gamma: 0.5, warmup: 3 }],
  ["exponential", { gamma: 1 }],
  ["exponential", { gamma: 1.01 }],
  ["exponential", { gamma: 0 }],
];

for (const [name, args] of CASES) {
  Deno.test(`schedule: ${name} ${JSON.stringify(args)} at every step, and past its end`, () => {
    const steps = (args.total ?? 100) + 20;
    const want = Array.from({ length: steps }, (_, t) => expected(name, args, t));
    // gamma^t is exp(t ln gamma): its error grows with the exponent.
    const rtol = name === "exponential" || name === "step" ? 1e-5 : 1e-6;
    assertArrayAlmostEquals(factors(setting(name, args), steps), want, { rtol, atol: 3e-7 });
  });

  Deno.test(`schedule: ${name} ${JSON.stringify(args)} has finite constants alone`, () => {
    for (const n of nodesOf(graphOf(setting(name, args), 4))) {
      if (n.op.name === "const") assert(Number.isFinite(n.attrs.value), `${n.attrs.value}`);
    }
  });
}

Deno.test("schedule: without one the factor is 1", () => {
  assertEquals([...factors(undefined, 3)], [1, 1, 1]);
});

Deno.test("schedule: step changes at multiples of every and nowhere else, though a division may be an ulp short", () => {
  for (const every of [1, 3, 7, 10, 49, 100, 1000]) {
    const graph = graphOf(setting("step", { every, gamma: 0.5 }), 1);
    const division = nodesOf(graph).find((n) => n.op.name === "div")!;
    const floor = nodesOf(graph).find((n) => n.op.name === "floor")!;
    assert(division && floor);
    for (let k = 1; k <= 20; k++) {
      for (const [t, want] of [[k * every - 1, k - 1], [k * every, k]]) {
        // A shader's quotient is within 2.5 ulp.
        const inputs = new Map([["t", { dtype: "f32" as const, shape: [1], data: Float64Array.of(t) }]]);
        const at = { outputs: [{ kind: "result" as const, name: "q", node: division }] };
        const q = evaluate(at, { inputs }, { precision: "rounded" }).get("result/q")!.data[0];
        for (const error of [1 - 3 * 2 ** -23, 1, 1 + 3 * 2 ** -23]) {
          assertEquals(Math.floor(q * error), want, `t ${t}, every ${every}`);
        }
      }
    }
  }
});

const { one_cycle: ONE_CYCLE } = JSON.parse(
  readFileSync(new URL("../../tests/fixtures/schedules.json", import.meta.url), "utf8"),
) as { one_cycle: Record<string, number[]> };

for (const [total, want] of Object.entries(ONE_CYCLE)) {
  Deno.test(`schedule: one_cycle over ${total} steps is PyTorch's OneCycleLR`, () => {
    const schedule = setting("one_cycle", { total: Number(total), max: 0.5 });
    assertArrayAlmostEquals(factors(schedule, want.length), want, { rtol: 1e-6, atol: 2e-7 });
    // PyTorch refuses a step past the end; here the last rate stays.
    const after = factors(schedule, 5, want.length);
    assertArrayAlmostEquals(after, after.map(() => want.at(-1)!), { rtol: 1e-6, atol: 2e-7 });
  });
}

Deno.test("schedule: factors hold far from the start", () => {
  const cosine = { total: 1_000_000, warmup: 1000, final: 0.1 };
  const want = Array.from({ length: 100 }, (_, i) => expected("cosine", cosine, 900_000 + i * 997));
  assertArrayAlmostEquals(factors(setting("cosine", cosine), 100, 900_000, 997), want, { rtol: 1e-6 });
});
