import { assertEquals } from "../../tests/assert.ts";
import { bound } from "../core/shape.ts";
import { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { reduceSum } from "../ops/broadcast.ts";
import { inputNode } from "../ops/leaf.ts";
import { matmul } from "../ops/matmul.ts";
import type { CostModel } from "./fuse_cost.ts";
import { CPU_COSTS, GPU_COSTS, LANE_COSTS } from "./fuse_cost.ts";
import { splitLong } from "./fuse_split.ts";

const b = new Builder({ why: "test" });

/** The terms of the sums that make `node`, once it is split for a device. */
function termsOf(node: Node, costs: CostModel): number[] {
  const { outputs } = splitLong(costs).run({ outputs: [{ kind: "result", name: "y", node }] });
  return nodesOf({ outputs }).flatMap((n) => {
    const shape = n.inputs.length > 0 ? bound(n.inputs[0].type.shape) : [];
    if (n.op.kind === "contract") return [shape[shape.length - 1]];
    return n.op.kind === "reduce" ? [(n.attrs.axes as number[]).reduce((p, a) => p * shape[a], 1)] : [];
  });
}

Deno.test("split: a long sum is made in parts wherever several cores may share it", () => {
  const sum = reduceSum(b, inputNode(b, "x", "f32", [2 ** 20]), [0]);
  assertEquals(termsOf(sum, GPU_COSTS), [2 ** 20 / 256, 256]);
  assertEquals(termsOf(sum, LANE_COSTS), [2 ** 20 / 64, 64]);
  assertEquals(termsOf(sum, CPU_COSTS), [2 ** 20]);
});

Deno.test("split: a contraction that leaves a GPU's cores idle gives work to those of a CPU", () => {
  const product = matmul(b, inputNode(b, "x", "f16", [256, 4096]), inputNode(b, "y", "f16", [4096, 256]));
  assertEquals(termsOf(product, GPU_COSTS), [512, 8]);
  assertEquals(termsOf(product, LANE_COSTS), [4096]);
  const inner = matmul(b, inputNode(b, "u", "f16", [8, 2 ** 16]), inputNode(b, "v", "f16", [2 ** 16, 8]));
  assertEquals(termsOf(inner, LANE_COSTS), [2 ** 16 / 128, 128]);
});
