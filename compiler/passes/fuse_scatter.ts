import { bound } from "../core/shape.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph } from "../ir/graph.ts";
import { mapGraph, same } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { oneHot } from "../ops/gather.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/view.ts";

/**
 * Writes scatter_add as the product of a one-hot matrix, which the contraction's kernel makes from the ids as it goes
 * and never stores, with the values: deterministic, and as fast as the model's own products over the same rows.
 */
export const lowerScatters: Pass = transform(
  "lower_scatters",
  (graph): Graph =>
    mapGraph(graph, (node, inputs) => {
      if (node.op.kind !== "scatter") return same(node, inputs);
      const b = new Builder(node.origin);
      const [values, ids] = inputs;
      const [count, ...rest] = bound(values.type.shape);
      const width = rest.reduce((x, d) => x * d, 1);
      const { dtype } = values.type;
      const rows = oneHot(b, ids, node.attrs.rows as number, 0, dtype);
      return reshape(b, matmul(b, rows, reshape(b, values, [count, width])), node.type.shape);
    }),
);
