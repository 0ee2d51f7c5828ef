import type { Target } from "../../compiler/core/target.ts";
import { TARGET_CPU } from "../../compiler/core/target.ts";
import { emit, layoutState } from "../../compiler/emit/emit.ts";
import { assert, assertEquals } from "../assert.ts";
import { compareWithOracle, slotsOf } from "../support/compare_graph.ts";
import { mlpStep, OVERFLOWING, stepFeeds } from "../support/train_graph.ts";

/** As a GPU would be compiled for, with so many storage buffers a stage. */
export function gpuTarget(bindings: number): Target {
  const limits = { ...TARGET_CPU.limits, maxStorageBuffersPerShaderStage: bindings };
  return { ...TARGET_CPU, name: "test", provider: "dawn", processor: "gpu", limits };
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
      const { program, outputs } = compareWithOracle(graph, stepFeeds(graph), { ...options, ...TOLERANCE });
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
    const given = stepFeeds(graph, OVERFLOWING);
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
