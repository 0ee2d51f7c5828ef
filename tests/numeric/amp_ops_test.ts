import { evaluateNodes } from "../../compiler/reference/evaluate.ts";
import { AMP_CASES, ampGraph, likeAutocast, NOT_COMPARED } from "./suite/amp_case.ts";

/** Values and gradients from f16 inputs under `mixed_f16`, by the oracle, beside PyTorch's under autocast on a GPU. */

for (const c of AMP_CASES) {
  const skipped = NOT_COMPARED[c.id];
  Deno.test({
    name: `autocast f16: ${c.id}${skipped ? `: ${skipped}` : ""}`,
    ignore: skipped !== undefined,
    fn() {
      const graph = ampGraph(c);
      const values = evaluateNodes(graph.nodes, graph.feeds, { precision: "rounded" });
      likeAutocast(c, graph, graph.nodes.map((n) => values.get(n)!));
    },
  });
}
