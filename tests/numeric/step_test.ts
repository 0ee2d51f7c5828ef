import type { DType } from "../../compiler/core/dtype.ts";
import type { Target } from "../../compiler/core/target.ts";
import { TARGET_CPU } from "../../compiler/core/target.ts";
import { emit, layoutState } from "../../compiler/emit/emit.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { nodesOf } from "../../compiler/ir/graph.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { inputNode, paramNode } from "../../compiler/ops/leaf.ts";
import { linear } from "../../compiler/ops/linear.ts";
import { assert, assertEquals } from "../assert.ts";
import { compareWithOracle, slotsOf, tensor } from "../support/compare_graph.ts";
import { emittable, modelBuilder, trainingStep } from "../support/train_graph.ts";

/** As a GPU would be compiled for, with so many storage buffers a stage. */
export function gpuTarget(bindings: number): Target {
  const limits = { ...TARGET_CPU.limits, maxStorageBuffersPerShaderStage: bindings };
  return { ...TARGET_CPU, name: "test", provider: "dawn", limits };
}

/** mlp.mpt's training step: image bytes, two layers of which the second is pinned to f32, accuracy. */
function mlpStep(rows: number, pixels: number, hidden: number, compute: DType): Graph {
  const { b, call } = modelBuilder(compute);
  const f32 = b.within({ compute: "f32", accum: "f32", why: "" });
  const image = inputNode(b, "image", "u8", [rows, pixels]);
  const label = inputNode(b, "label", "i32", [rows]);
  const x = call("div", { x: call("cast", { x: image, to: compute }), y: 255 });
  const weight = (path: string, shape: number[]) => paramNode(b, path, "f32", shape);
  const z = linear(b, x, weight("fc1.weight", [hidden, pixels]), weight("fc1.bias", [hidden]));
  const logits = linear(
    f32,
    call("relu", { x: z }),
    weight("fc2.weight", [10, hidden]),
    weight("fc2.bias", [10]),
  );
  const defaults = { axis: -1, label_smoothing: 0, ignore_index: -100, reduction: "mean" };
  const loss = call("cross_entropy", { logits, target: label, ...defaults });
  const hit = call("eq", { x: call("argmax", { x: logits, axis: -1, keepdim: false }), y: label });
  return emittable(trainingStep(loss, { accuracy: call("mean", { x: hit }) }));
}

function feeds(graph: Graph, over: Record<string, readonly number[]> = {}): Map<string, RefTensor> {
  const out = new Map<string, RefTensor>();
  const fill = (name: string, dtype: DType, shape: readonly number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const draw = () => {
      if (name === "image") return Math.floor(256 * Math.random());
      if (name === "label") return Math.floor(10 * Math.random());
      if (name === "scaler.scale") return 1024;
      if (name === "step" || name === "scaler.clean") return 7;
      if (name === "found_inf") return 0;
      return name.startsWith("adam.v") ? Math.random() * 1e-3 : (Math.random() - 0.5) / 4;
    };
    out.set(name, tensor(dtype, shape, over[name] ?? Array.from({ length: size }, draw)));
  };
  for (const s of slotsOf(graph)) fill(s.name, s.dtype, s.shape as number[]);
  for (const n of nodesOf(graph).filter((n) => n.op.name === "input")) {
    fill(String(n.attrs.name), n.type.dtype, n.type.shape as number[]);
  }
  // Copies agree with their masters.
  for (const [name, t] of out) {
    const master = out.get(name.replace(/^copy\.\w+/, "param"));
    if (name.startsWith("copy.")) out.set(name, tensor(t.dtype, t.shape, master!.data));
  }
  return out;
}

const TOLERANCE = { rtol: 2e-4, atol: 2e-5 };

for (const compute of ["f32", "f16", "bf16"] as const) {
  for (
    const [name, options] of Object.entries({
      "fused for a GPU": { target: gpuTarget(16) },
      "fused for ten buffers": { target: gpuTarget(10) },
      "fused for a CPU": {},
      unfused: { fuse: false },
    })
  ) {
    Deno.test(`a training step in ${compute}, ${name}, agrees with the oracle`, () => {
      const graph = mlpStep(7, 13, 6, compute);
      const { program, outputs } = compareWithOracle(graph, feeds(graph), { ...options, ...TOLERANCE });
      assertEquals(outputs.get("result/skipped")!.data[0], 0);
      for (const k of program.kernels) {
        const most = (options as { target?: Target }).target?.limits.maxStorageBuffersPerShaderStage ??
          Infinity;
        assert(k.bindings.length <= most, `${k.name} binds ${k.bindings.length} buffers`);
      }
    });
  }
}

Deno.test("an overflow in f16 skips the step, fused or not", () => {
  for (const fuse of [true, false]) {
    const graph = mlpStep(5, 8, 4, "f16");
    const over = {
      "scaler.scale": [2 ** 24],
      "param/fc2.weight": Array.from({ length: 40 }, (_, i) => i % 8 < 4 ? 3 : -3),
    };
    const given = feeds(graph, over);
    const { outputs } = compareWithOracle(graph, given, { fuse, target: gpuTarget(16), ...TOLERANCE });
    assertEquals(outputs.get("result/skipped")!.data[0], 1);
    assertEquals([...outputs.get("state/param/fc1.weight")!.data], [...given.get("param/fc1.weight")!.data]);
    assertEquals(outputs.get("state/found_inf")!.data[0], 0);
    assertEquals(outputs.get("state/scaler.scale")!.data[0], 2 ** 23);
  }
});

Deno.test("a step of the MNIST program is a few launches", () => {
  const graph = mlpStep(128, 784, 64, "f16");
  for (const [bindings, most] of [[16, 15], [10, 17]]) {
    const options = {
      entry: "step",
      dims: {},
      target: gpuTarget(bindings),
      state: layoutState(slotsOf(graph)),
    } as const;
    const { length } = emit(graph, options).dispatches;
    assert(length <= most, `${length} dispatches`);
  }
});
