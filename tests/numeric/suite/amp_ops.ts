import { evaluateNodes } from "../../../compiler/reference/evaluate.ts";
import type { AmpCase } from "../../support/amp.ts";
import { AMP_CASES, ampGraph, likeAutocast, NOT_COMPARED } from "./amp_case.ts";
import type { Computed } from "./computed.ts";
import { computedTests } from "./computed.ts";
import type { SuiteDevice } from "./on_device.ts";
import { close } from "./ops.ts";

/** The library from f16 inputs under `mixed_f16`, beside PyTorch's autocast and beside the oracle, which rounds where we do. */

function computed(c: AmpCase): Computed {
  const graph = ampGraph(c);
  return {
    name: c.id,
    nodes: graph.nodes,
    feeds: graph.feeds,
    check(values) {
      likeAutocast(c, graph, values);
      const expected = evaluateNodes(graph.nodes, graph.feeds, { precision: "rounded" });
      values.forEach((value, i) => close(value, expected.get(graph.nodes[i])!, graph.expected[i].what));
    },
  };
}

export function ampOpsSuite(on: SuiteDevice): void {
  computedTests(on, "ops: beside autocast f16", AMP_CASES.filter((c) => !(c.id in NOT_COMPARED)), computed);
}
