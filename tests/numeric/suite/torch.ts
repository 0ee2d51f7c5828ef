import { evaluateNodes } from "../../../compiler/reference/evaluate.ts";
import type { OpCase } from "../../support/fixtures.ts";
import type { Computed } from "./computed.ts";
import { computedTests } from "./computed.ts";
import type { SuiteDevice } from "./on_device.ts";
import { close } from "./ops.ts";
import { likeTorch, TORCH_CASES, torchGraph } from "./torch_case.ts";

/** The library's values and gradients beside PyTorch's; those in bf16 beside the oracle too, which rounds where we do. */

function computed(c: OpCase): Computed {
  const graph = torchGraph(c);
  return {
    name: c.id,
    nodes: graph.nodes,
    feeds: graph.feeds,
    check(values) {
      likeTorch(c, graph, values, { rtol: 1e-4, atol: 1e-5 });
      const expected = evaluateNodes(graph.nodes, graph.feeds, { precision: "rounded" });
      values.forEach((value, i) => close(value, expected.get(graph.nodes[i])!, graph.expected[i].what));
    },
  };
}

export function torchSuite(on: SuiteDevice): void {
  computedTests(on, "ops: beside PyTorch", TORCH_CASES, computed);
}
