import { assert, assertEquals, assertMatch } from "../../tests/assert.ts";
import { call, mlp, region, scalar } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import { GraphRunner, through } from "../../tests/numeric/suite/run_graph.ts";
import type { Setting, TypedTrain } from "../check/typed.ts";
import type { DType } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { inputNode, paramNode } from "../ops/leaf.ts";
import { autodiff } from "./autodiff.ts";
import { casts } from "./casts.ts";
import { optimizer } from "./optimizer.ts";
import type { Scaling } from "./scaling.ts";
import { reportGrads, resolveScaling, scaleLoss, tick, unscale } from "./scaling.ts";

const span = { file: "m.mpt", start: 0, end: 1 };
const setting = (name: string, args: Setting["args"] = {}): Setting => ({ name, args, span });
const LR = 2 ** -4;
const SGD = { optimizer: setting("SGD", { lr: LR }) } as unknown as TypedTrain;

/** loss = Σ p·x, whose gradient is x: scripted gradients. In f16 both edges are f16. */
function scripted(compute: DType, count = 3): Graph {
  const b = new Builder({ why: "", span }, region(compute));
  const p = paramNode(b, "p", "f32", [count]), x = inputNode(b, "x", "f32", [count]);
  const half = (n: typeof p) => compute === "f32" ? n : call(b, "cast", { x: n, to: compute });
  const loss = call(b, "sum", { x: call(b, "mul", { x: half(p), y: half(x) }) });
  return { outputs: [{ kind: "result", name: "loss", node: loss }] };
}

function stepOf(source: Graph, s: Scaling, train = SGD): Graph {
  return through(source, [casts, scaleLoss(s, 1), autodiff, unscale(s), reportGrads, optimizer(train), tick]);
}

const vector = (...data: number[]) => ({
  dtype: "f32" as const,
  shape: [data.length],
  data: Float64Array.from(data),
});

/** torch.amp.GradScaler as NUMERICS.md spells it, with the floor and cap of the language. */
class GradScaler {
  clean = 0;
  constructor(
    public scale: number,
    readonly growth: number,
    readonly backoff: number,
    readonly interval: number,
    readonly min: number,
    readonly max: number,
  ) {}

  update(found: boolean): void {
    if (found) {
      this.scale = Math.max(this.min, this.scale * this.backoff);
      this.clean = 0;
      return;
    }
    this.clean++;
    if (this.clean === this.interval) {
      this.scale = Math.min(this.max, this.scale * this.growth);
      this.clean = 0;
    }
  }
}

const SCALERS: Record<string, Omit<Scaling & { kind: "dynamic" }, "kind" | "checked">> = {
  "PyTorch's factors": { init: 1024, growth: 2, backoff: 0.5, interval: 3, min: 2 ** -14, max: 2 ** 24 },
  "a low cap and a high floor": { init: 64, growth: 4, backoff: 0.25, interval: 2, min: 16, max: 256 },
  "interval 1": { init: 1, growth: 2, backoff: 0.5, interval: 1, min: 2 ** -14, max: 2 ** 24 },
  "factors that are no powers of two": {
    init: 1000,
    growth: 1.5,
    backoff: 0.7,
    interval: 4,
    min: 0.5,
    max: 1e6,
  },
};

for (const [name, numbers] of Object.entries(SCALERS)) {
  for (const seed of seeds(3)) {
    Deno.test(`scaling: 200 scripted steps as GradScaler's: ${name}, seed ${seed}`, () => {
      const random = new Random(seed);
      const exact = !name.startsWith("factors");
      const runner = new GraphRunner(
        stepOf(scripted("f32"), { kind: "dynamic", ...numbers, checked: true }),
        new Map([["param/p", vector(1, -2, 3)], ["scaler.scale", scalar("f32", numbers.init)]]),
      );
      const { init, growth, backoff, interval, min, max } = numbers;
      const scaler = new GradScaler(init, growth, backoff, interval, min, max);
      const weights = [1, -2, 3];
      let updates = 0, skips = 0, streak = 0;
      for (let run = 0; run < 200; run++) {
        // Runs of overflows, so that the floor is reached, and runs of clean steps, so that the cap is.
        if (streak === 0) streak = 1 + random.below(14);
        const overflow = --streak % 5 !== 4 && run % 60 > 40;
        const x = [random.signed(), random.signed(), random.signed()];
        if (overflow) x[random.below(3)] = random.pick([Infinity, -Infinity, NaN]);
        const row = runner.step({ x: vector(...x) });
        if (exact) assertEquals(row.get("scale")!.data[0], scaler.scale, `scale of run ${run}`);
        else assert(Math.abs(row.get("scale")!.data[0] / scaler.scale - 1) < 1e-5, `scale of run ${run}`);
        assertEquals(row.get("skipped")!.data[0], overflow ? 1 : 0, `skip of run ${run}`);
        if (!overflow) {
          updates++;
          x.forEach((g, i) => weights[i] = Math.fround(weights[i] - Math.fround(Math.fround(g) * LR)));
        } else skips++;
        scaler.update(overflow);
        if (exact) assertEquals([...runner.state.get("param/p")!.data], weights, `weights after run ${run}`);
        assertEquals(runner.scalar("scaler.clean"), scaler.clean, `clean steps after run ${run}`);
        assertEquals([runner.scalar("step"), runner.scalar("tick")], [updates, run + 1]);
      }
      assert(skips > 30 && updates > 60, `${skips} skips, ${updates} updates`);
      assertEquals(runner.scalar("found_inf"), 0);
    });
  }
}

Deno.test("scaling: the defaults are PyTorch's, between 2^-14 and 2^24", () => {
  const s = resolveScaling(undefined, casts.run(scripted("f16")));
  assertEquals(s, {
    kind: "dynamic",
    init: 65536,
    growth: 2,
    backoff: 0.5,
    interval: 2000,
    min: 2 ** -14,
    max: 2 ** 24,
    checked: true,
  });
});

for (const compute of ["f32", "bf16", "f16", "f8e5m2", "f8e4m3"] as const) {
  const narrow = compute === "f16" || compute === "f8e5m2";
  Deno.test(`scaling: gradient edges in ${compute} ${narrow ? "ask for" : "do not ask for"} scaling`, () => {
    const graph = casts.run(scripted(compute));
    assertEquals(resolveScaling(undefined, graph).kind, narrow ? "dynamic" : "none");
    assertEquals(resolveScaling(setting("none"), graph), { kind: "none", checked: narrow });
    assertEquals(resolveScaling(setting("static", { s: 128 }), graph), {
      kind: "static",
      scale: 128,
      checked: true,
    });
    const asked = resolveScaling(setting("dynamic", { init: 4, interval: 7, max: null }), graph);
    assert(asked.kind === "dynamic");
    assertEquals([asked.init, asked.interval, asked.max, asked.growth], [4, 7, 2 ** 24, 2]);
  });
}

Deno.test("scaling: an f16 value that carries no gradient asks for none", () => {
  const b = new Builder({ why: "" }, region("f16"));
  const x = call(b, "cast", {
    x: call(b, "cast", { x: inputNode(b, "x", "f32", [3]), to: "f16" }),
    to: "f32",
  });
  const y = call(b.within(region("f32")), "mul", { x, y: paramNode(b, "p", "f32", [3]) });
  const graph: Graph = { outputs: [{ kind: "result", name: "loss", node: call(b, "sum", { x: y }) }] };
  assertEquals(resolveScaling(undefined, casts.run(graph)), { kind: "none", checked: false });
});

const SCALINGS: Record<string, Scaling> = {
  none: { kind: "none", checked: false },
  "none, checked": { kind: "none", checked: true },
  "static 1024": { kind: "static", scale: 1024, checked: true },
  "static 1000": { kind: "static", scale: 1000, checked: true },
  dynamic: { kind: "dynamic", ...SCALERS["PyTorch's factors"], checked: true },
};

for (const [name, s] of Object.entries(SCALINGS)) {
  Deno.test(`scaling: ${name}: gradients come out unscaled, the loss as it was`, () => {
    const plain = through(mlp({ compute: ["f32", "f32"] }), [casts, autodiff]);
    const scaled = through(mlp({ compute: ["f32", "f32"] }), [
      casts,
      scaleLoss(s, 1),
      autodiff,
      unscale(s),
      reportGrads,
    ]);
    const random = new Random(5);
    const inputs = {
      image: {
        dtype: "u8" as const,
        shape: [4, 6],
        data: Float64Array.from({ length: 24 }, () => random.below(256)),
      },
      label: {
        dtype: "i32" as const,
        shape: [4],
        data: Float64Array.from({ length: 4 }, () => random.below(3)),
      },
    };
    const params = new Map(
      [["fc1.weight", [5, 6]], ["fc1.bias", [5]], ["fc2.weight", [3, 5]], ["fc2.bias", [3]]].map(
        ([path, shape]) => [`param/${path}`, {
          dtype: "f32" as const,
          shape: shape as number[],
          data: Float64Array.from({
            length: (shape as number[]).reduce((a, d) => a * d),
          }, () => random.signed()),
        }],
      ),
    );
    const asResults: Graph = {
      outputs: plain.outputs.map((o) =>
        o.kind === "grad" ? { ...o, kind: "result", name: `grad/${o.name}` } : o
      ),
    };
    const f64 = { precision: "f64" } as const;
    const want = new GraphRunner(asResults, params, f64).step(inputs);
    const runner = new GraphRunner(scaled, new Map([...params, ["scaler.scale", scalar("f32", 1024)]]), f64);
    const got = runner.step(inputs);
    for (const [key, { data }] of want) {
      got.get(key)!.data.forEach((x, i) => {
        assert(Math.abs(x - data[i]) <= 1e-7 * Math.abs(data[i]) + 1e-15, `${key}[${i}]: ${x}, ${data[i]}`);
      });
    }
    assert([...want.keys()].filter((k) => k.startsWith("grad/")).length === 4);
    assertEquals(got.get("skipped")!.data[0], 0);
    assertEquals(got.get("scale")!.data[0], s.kind === "none" ? 1 : s.kind === "static" ? s.scale : 1024);
  });
}

Deno.test("scaling: without a narrow edge a non-finite gradient is not looked for, as in PyTorch without a scaler", () => {
  const runner = new GraphRunner(
    stepOf(scripted("f32"), SCALINGS.none),
    new Map([["param/p", vector(1, 2, 3)]]),
  );
  assertEquals(runner.step({ x: vector(1, Infinity, 1) }).get("skipped")!.data[0], 0);
  assertEquals(runner.state.get("param/p")!.data[1], -Infinity);
});

for (const name of ["none, checked", "static 1024", "dynamic"]) {
  Deno.test(`scaling: ${name}: an f16 overflow in the forward pass skips the step, though it was clamped`, () => {
    const s = SCALINGS[name];
    const runner = new GraphRunner(
      stepOf(scripted("f16"), s),
      new Map([["param/p", vector(300, 2, 3)], ["scaler.scale", scalar("f32", 1)]]),
    );
    // 300·300 overflows f16; the gradients, 300 and 1, do not.
    assertEquals(
      runner.step({ x: vector(300, 1, 1) }).get("skipped")!.data[0],
      name === "static 1024" ? 1 : 1,
    );
    assertEquals([...runner.state.get("param/p")!.data], [300, 2, 3]);
    assertEquals(runner.scalar("step"), 0);
    assertEquals(runner.step({ x: vector(2, 1, 1) }).get("skipped")!.data[0], 0);
    assertEquals(runner.scalar("step"), 1);
  });
}

Deno.test("scaling: the scaled backward pass overflows in f16, backs off until it fits, and then learns", () => {
  const s: Scaling = {
    kind: "dynamic",
    ...SCALERS["PyTorch's factors"],
    init: 65536,
    interval: 1000,
    checked: true,
  };
  const runner = new GraphRunner(
    stepOf(scripted("f16"), s),
    new Map([["param/p", vector(1, 1, 1)], ["scaler.scale", scalar("f32", 65536)]]),
  );
  // The largest gradient is 5·scale: 65536, 32768 and 16384 overflow; 8192·5 = 40960 fits.
  const rows = Array.from({ length: 5 }, () => runner.step({ x: vector(5, 0.5, 0.25) }));
  assertEquals(rows.map((r) => r.get("skipped")!.data[0]), [1, 1, 1, 0, 0]);
  assertEquals(rows.map((r) => r.get("scale")!.data[0]), [65536, 32768, 16384, 8192, 8192]);
  assertEquals(runner.scalar("step"), 2);
  assertEquals([...runner.state.get("param/p")!.data], [1 - 2 * LR * 5, 1 - 2 * LR * 0.5, 1 - 2 * LR * 0.25]);
});

Deno.test("scaling: 1e-4 · 1e-4 is lost in f16 without scaling and kept with it", () => {
  const b = new Builder({ why: "" }, region("f16"));
  const p = call(b, "cast", { x: paramNode(b, "p", "f32", [1]), to: "f16" });
  const x = call(b, "cast", { x: inputNode(b, "x", "f32", [1]), to: "f16" });
  const c = call(b, "cast", { x: inputNode(b, "c", "f32", [1]), to: "f16" });
  const y = call(b, "mul", { x: call(b, "mul", { x: p, y: x }), y: c });
  const source: Graph = { outputs: [{ kind: "result", name: "loss", node: call(b, "sum", { x: y }) }] };
  const tiny = { x: vector(1e-4), c: vector(1e-4) };
  for (const [s, want] of [[SCALINGS["none, checked"], 0], [SCALINGS["static 1024"], 1e-8]] as const) {
    const runner = new GraphRunner(stepOf(source, s), new Map([["param/p", vector(1)]]));
    const grad = runner.step(tiny).get("grad/p")!.data[0];
    assert(Math.abs(grad - want) <= 0.02 * want, `${s.kind}: ${grad}, ${want}`);
  }
});

Deno.test("scaling: everything about it says so", () => {
  const s = SCALINGS.dynamic;
  const before = new Set(nodesOf(through(scripted("f16"), [casts])));
  const graph = scaleLoss(s, 4).run(casts.run(scripted("f16")));
  const added = nodesOf(graph).filter((n) => ![...before].some((m) => m.op === n.op));
  for (const n of added) assertMatch(n.origin.why, /loss scaling/);
});

Deno.test("scaling: accumulation divides the scaled loss by the number of micro-batches, not the loss", () => {
  for (const s of Object.values(SCALINGS)) {
    const runner = new GraphRunner(
      through(scripted("f32"), [casts, scaleLoss(s, 4), autodiff, unscale(s), reportGrads]),
      new Map([["param/p", vector(1, 1, 1)], ["scaler.scale", scalar("f32", 1024)]]),
    );
    const row = runner.step({ x: vector(4, 8, -12) });
    assertEquals(row.get("loss")!.data[0], 0);
    const grads = row.get("grad/p")!.data;
    [1, 2, -3].forEach((g, i) => assert(Math.abs(grads[i] - g) < 1e-6 * Math.abs(g), `${s.kind}: ${grads}`));
  }
});
