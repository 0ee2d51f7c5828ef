import { round } from "../../../compiler/core/round.ts";
import { bound } from "../../../compiler/core/shape.ts";
import { printGraph } from "../../../compiler/ir/print.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { nodesOf } from "../../../compiler/ir/graph.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { decompose } from "../../../compiler/passes/decompose.ts";
import { assertEquals, fail } from "../../assert.ts";
import type { Tolerance } from "../../support/compare_graph.ts";
import { compareOutputs } from "../../support/compare_graph.ts";
import { headsGraph } from "../../support/heads_graph.ts";
import { randomGraph } from "../../support/random_graph.ts";
import { mlpStep, OVERFLOWING, stepFeeds } from "../../support/train_graph.ts";
import type { Rig, SuiteDevice } from "./on_device.ts";
import { deviceTest } from "./on_device.ts";
import { runOnDevice } from "./run_on_device.ts";

/** Whole graphs, fused for the device, beside the oracle: random ones, and a training step. */

/** Runs a graph on the device and compares its results, its state and its flag with the oracle's. */
async function compare(
  rig: Rig,
  graph: Graph,
  feeds: ReadonlyMap<string, RefTensor>,
  tolerance: Tolerance,
): Promise<ReadonlyMap<string, RefTensor>> {
  const ran = await runOnDevice(rig, decompose.run(graph), feeds);
  return compareOutputs(graph, feeds, ran, tolerance);
}

/** Random numbers in (−1, 1), as the inputs' dtypes hold them. */
function randomFeeds(graph: Graph): Map<string, RefTensor> {
  return new Map(
    nodesOf(graph).filter((n) => n.op.name === "input").map(({ type, attrs }) => {
      const shape = bound(type.shape), count = shape.reduce((a, b) => a * b, 1);
      const data = Float64Array.from({ length: count }, () => round(2 * Math.random() - 1, type.dtype));
      return [String(attrs.name), { dtype: type.dtype, shape, data }];
    }),
  );
}

export function deviceGraphSuite(on: SuiteDevice, randomGraphs: number): void {
  deviceTest(on, `graphs: ${randomGraphs} random ones, fused, agree with the oracle`, async (rig) => {
    const wrong: string[] = [];
    const seeds = [
      Math.floor(1e6 * Math.random()),
      ...Array.from({ length: randomGraphs - 1 }, (_, i) => i + 1),
    ];
    for (const seed of seeds) {
      const { graph, feeds } = randomGraph(seed);
      await compare(rig, graph, feeds, { rtol: 2e-3, atol: 1e-3 }).catch((error: Error) => {
        wrong.push(`seed ${seed}: ${error.message}\n${printGraph(graph)}`);
      });
    }
    if (wrong.length > 0) fail(`${wrong.length} of ${seeds.length}:\n${wrong.join("\n")}`);
  });

  for (const compute of ["f32", "f16", "bf16"] as const) {
    deviceTest(on, `graphs: a training step in ${compute} agrees with the oracle`, async (rig) => {
      const graph = mlpStep(7, 13, 6, compute);
      const outputs = await compare(rig, graph, stepFeeds(graph), { rtol: 2e-4, atol: 2e-5 });
      assertEquals(outputs.get("result/skipped")!.data[0], 0);
    });
  }

  for (const dtype of ["f32", "f16", "bf16"] as const) {
    for (const width of [8, 6]) {
      deviceTest(
        on,
        `graphs: heads of ${width} in ${dtype}, merged side by side, agree with the oracle`,
        async (rig) => {
          const graph = headsGraph(dtype, width);
          await compare(rig, graph, randomFeeds(graph), { rtol: 2e-2, atol: 1e-2 });
        },
      );
    }
  }

  deviceTest(on, "graphs: an overflow in f16 skips the step", async (rig) => {
    const graph = mlpStep(5, 8, 4, "f16");
    const given = stepFeeds(graph, OVERFLOWING);
    const outputs = await compare(rig, graph, given, { rtol: 2e-4, atol: 2e-5 });
    assertEquals(outputs.get("result/skipped")!.data[0], 1);
    assertEquals([...outputs.get("state/param/fc1.weight")!.data], [...given.get("param/fc1.weight")!.data]);
    assertEquals(outputs.get("state/found_inf")!.data[0], 0);
    assertEquals(outputs.get("state/scaler.scale")!.data[0], 2 ** 23);
  });
}
