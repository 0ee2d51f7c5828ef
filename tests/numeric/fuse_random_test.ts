import { TARGET_CPU } from "../../compiler/core/target.ts";
import { printGraph } from "../../compiler/ir/print.ts";
import { compareWithOracle } from "../support/compare_graph.ts";
import { randomGraph } from "../support/random_graph.ts";

const limits = (bindings: number) => ({ ...TARGET_CPU.limits, maxStorageBuffersPerShaderStage: bindings });

for (let seed = 1; seed <= 200; seed++) {
  Deno.test(`random graph ${seed}, fused and not, agrees with the oracle`, () => {
    const { graph, feeds } = randomGraph(seed);
    const tolerance = { rtol: 2e-3, atol: 1e-3 };
    for (
      const [name, options] of Object.entries({
        unfused: { fuse: false },
        cpu: {},
        gpu: { target: { ...TARGET_CPU, provider: "dawn" as const, processor: "gpu" as const } },
        narrow: {
          target: { ...TARGET_CPU, provider: "dawn" as const, processor: "gpu" as const, limits: limits(6) },
        },
      })
    ) {
      try {
        compareWithOracle(graph, feeds, { ...options, ...tolerance });
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}\n${printGraph(graph)}`, { cause: error });
      }
    }
  });
}
