import type { DType } from "../../compiler/core/dtype.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { cast } from "../../compiler/ops/cast.ts";
import { inputNode } from "../../compiler/ops/leaf.ts";
import { matmul } from "../../compiler/ops/matmul.ts";
import { concat, permute, reshape } from "../../compiler/ops/view.ts";

/**
 * Three products of heads [B, H, T, D], heads merged to [B, T, H·D] and the three side by side, times a matrix: what an
 * attention's gradient does. `D` is a multiple of four where each product can be stored in its place.
 */
export function headsGraph(dtype: DType, d: number): Graph {
  const b = new Builder({ why: "test" });
  const [n, h, t, k] = [2, 3, 5, 6];
  const parts = ["q", "k", "v"].map((name) => {
    const x = inputNode(b, `${name}.x`, dtype, [n, h, t, k]);
    const y = inputNode(b, `${name}.y`, dtype, [n, h, k, d]);
    const product = matmul(b, x, y);
    return reshape(b, permute(b, product, [0, 2, 1, 3]), [n, t, h * d]);
  });
  const joined = concat(b, parts, 2);
  const w = inputNode(b, "w", dtype, [3 * h * d, 7]);
  const out = matmul(b, reshape(b, joined, [n * t, 3 * h * d]), w);
  return { outputs: [{ kind: "result", name: "out", node: cast(b, out, "f32") }] };
}
