import { assert, assertEquals, fail } from "../tests/assert.ts";
import { compile } from "./compile.ts";
import type { Program } from "./core/program.ts";
import type { StageEvent } from "./core/stage.ts";
import { TARGET_H100_DAWN } from "./core/target.ts";

/** A stack of transformer blocks, so small that only their number matters. */
function stack(depth: number): string {
  return `
model Attention(dim: int) {
  layer qkv  = Linear(dim, 3 * dim)
  layer proj = Linear(dim, dim)
  forward(x: float[B, T, dim]) -> float[B, T, dim] {
    let (q, k, v) = qkv(x) |> split(3, axis: -1)
    return proj(attention(q, k, v, causal: true))
  }
}
model Block(dim: int) {
  layer ln1  = LayerNorm(dim)
  layer attn = Attention(dim)
  layer ln2  = LayerNorm(dim)
  layer up   = Linear(dim, 2 * dim)
  layer down = Linear(2 * dim, dim)
  forward(x: float[B, T, dim]) -> float[B, T, dim] {
    let x = x + attn(ln1(x))
    return x + (x |> ln2 |> up |> gelu |> down)
  }
}
model Net(dim: int) {
  precision { params: f32, compute: f16, accum: f32 }
  layer blocks = Block(dim) * ${depth}
  layer head   = Linear(dim, 1)
  forward(x: f32[B, T, dim]) -> f32[B, T, 1] { return x |> blocks |> head }
}
train Net(dim: 16) {
  batch(x: f32[B, 8, 16], y: f32[B, 8, 1])
  loss      = mse(Net(x), y)
  optimizer = AdamW(lr: 1e-3)
}
`;
}

interface Compilation {
  readonly program: Program;
  /** What each stage made, in order, by its name. */
  readonly made: ReadonlyMap<string, number>;
  /** How often each stage ran. */
  readonly runs: ReadonlyMap<string, number>;
}

function compileStep(depth: number): Compilation {
  const made = new Map<string, number>();
  const runs = new Map<string, number>();
  const onStage = (e: StageEvent) => {
    if (e.at === "begin") return;
    runs.set(e.stage, (runs.get(e.stage) ?? 0) + 1);
    if (e.made) made.set(e.stage, e.made().count);
  };
  const source = { file: "stack.mpt", text: stack(depth) };
  const { bundle, diagnostics } = compile(source, { target: TARGET_H100_DAWN, onStage });
  if (!bundle) fail(diagnostics.map((d) => d.message).join("\n"));
  return { program: bundle.program("step", { B: 2 }), made, runs };
}

Deno.test("what a deep stack's stages make grows with its layers, and its kernels are the same ones", () => {
  const [some, twice] = [12, 24].map(compileStep);
  for (const [stage, count] of twice.made) {
    assert(count <= 2 * some.made.get(stage)!, `${stage}: ${some.made.get(stage)} → ${count}`);
  }
  assertEquals(twice.runs, some.runs);
  // Layers alike share their pipelines.
  const pipelines = ({ program }: Compilation) => new Set(program.kernels.map((k) => k.shader!.code)).size;
  assert(twice.program.dispatches.length > 1.8 * some.program.dispatches.length);
  assert(pipelines(twice) < 1.2 * pipelines(some), `${pipelines(some)} → ${pipelines(twice)} pipelines`);
  assert(pipelines(twice) === twice.program.kernels.length, "a kernel is made once");
});

Deno.test("two hundred layers compile", () => {
  const began = performance.now();
  const { program, runs } = compileStep(200);
  // Seconds; a minute where other work has the machine. A step that is quadratic in layers takes many.
  assert(performance.now() - began < 60_000);
  assert(program.dispatches.length > 2000, String(program.dispatches.length));
  assert(program.kernels.length < 150, `${program.kernels.length} pipelines`);
  assertEquals(runs.get("fuse"), 1);
});
