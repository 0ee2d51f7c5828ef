import { evaluateNodes } from "../../compiler/reference/evaluate.ts";
import { likeTorch, TORCH_CASES, torchGraph } from "./suite/torch_case.ts";

/** Values and gradients of the library by the oracle, beside PyTorch's. */

for (const c of TORCH_CASES) {
  Deno.test(`torch: ${c.id}`, () => {
    const graph = torchGraph(c);
    const precision = c.id.endsWith(".bf16") ? "rounded" : "f64";
    const values = evaluateNodes(graph.nodes, graph.feeds, { precision });
    likeTorch(c, graph, graph.nodes.map((n) => values.get(n)!), { rtol: 2e-6, atol: 1e-6 });
  });
}
