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
  /** How often each stage asked or changed a Map or a Set. */
  readonly lookups: ReadonlyMap<string, number>;
}

/** Counts the calls of what Maps and Sets are asked and changed by, while `f` runs; it is given the count so far. */
function countingLookups<T>(f: (count: () => number) => T): T {
  let count = 0;
  const methods = [[Map, "get"], [Map, "has"], [Map, "set"], [Set, "has"], [Set, "add"]] as const;
  const restore = methods.map(([{ prototype }, name]) => {
    const own = Object.getOwnPropertyDescriptor(prototype, name)!;
    Object.defineProperty(prototype, name, {
      ...own,
      value(...args: unknown[]) {
        count++;
        return own.value.apply(this, args);
      },
    });
    return () => Object.defineProperty(prototype, name, own);
  });
  try {
    return f(() => count);
  } finally {
    restore.forEach((undo) => undo());
  }
}

function compileStep(depth: number): Compilation {
  const made = new Map<string, number>();
  const runs = new Map<string, number>();
  const lookups = new Map<string, number>();
  const source = { file: "stack.mpt", text: stack(depth) };
  return countingLookups((count) => {
    let began = 0;
    const onStage = (e: StageEvent) => {
      if (e.at === "begin") {
        began = count();
        return;
      }
      lookups.set(e.stage, (lookups.get(e.stage) ?? 0) + count() - began);
      runs.set(e.stage, (runs.get(e.stage) ?? 0) + 1);
      if (e.made) made.set(e.stage, e.made().count);
    };
    const { bundle, diagnostics } = compile(source, { target: TARGET_H100_DAWN, onStage });
    if (!bundle) fail(diagnostics.map((d) => d.message).join("\n"));
    return { program: bundle.program("step", { B: 2 }), made, runs, lookups };
  });
}

Deno.test("what a deep stack's stages do and make grows with its layers, and its kernels are the same ones", () => {
  const [some, twice] = [12, 24].map(compileStep);
  for (const [stage, count] of twice.made) {
    assert(count <= 2 * some.made.get(stage)!, `${stage}: ${some.made.get(stage)} → ${count}`);
  }
  for (const [stage, count] of twice.lookups) {
    const before = some.lookups.get(stage)!;
    assert(count <= 2.1 * before + 100, `${stage} looks up ${before} → ${count} times`);
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
