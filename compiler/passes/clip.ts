import type { Setting } from "../check/typed.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { reduceSum } from "../ops/broadcast.ts";
import { MathBuilder } from "./math.ts";

/**
 * Clips unscaled gradients. `norm(x)`: g·min(1, x / (‖g‖ + 1e-6)) with the norm over all parameters, as PyTorch's
 * clip_grad_norm_. `value(x)`: each element to [−x, x].
 */
export function clip(setting: Setting | undefined): Pass {
  return transform("clip", (graph): Graph => {
    const grads = graph.outputs.filter((o) => o.kind === "grad").map((o) => o.node);
    if (!setting || grads.length === 0) return graph;
    const m = new MathBuilder(new Builder({ why: `clip = ${setting.name}`, span: setting.span }));
    const limit = Number(setting.args.x);
    if (setting.name === "value") {
      return mapGrads(graph, (g) => m.max(m.min(g, limit), -limit));
    }
    const squares = grads.map((g) => reduceSum(m.b, m.mul(g, g), g.type.shape.map((_, i) => i)));
    const norm = m.sqrt(squares.reduce((a, b) => m.add(a, b)));
    const factor = m.min(m.div(limit, m.add(norm, 1e-6)), 1);
    return mapGrads(graph, (g) => m.mul(g, factor));
  });
}

type Outputs = Graph["outputs"];

/** The graph with every gradient replaced. */
function mapGrads(
  graph: Graph,
  f: (g: Outputs[number]["node"], path: string) => Outputs[number]["node"],
): Graph {
  return { outputs: graph.outputs.map((o) => o.kind === "grad" ? { ...o, node: f(o.node, o.name) } : o) };
}
