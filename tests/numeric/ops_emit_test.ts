import { Builder } from "../../compiler/ir/builder.ts";
import type { RefTensor, SampleInput } from "../../compiler/ir/op.ts";
import { OPS } from "../../compiler/ops/index.ts";
import { inputNode } from "../../compiler/ops/leaf.ts";
import { compareWithOracle, tensor } from "../support/compare_graph.ts";

function draw({ dtype, shape, range }: SampleInput): RefTensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const float = /f/.test(dtype);
  const one = () => {
    if (range) {
      const [low, high] = range;
      return float ? low + (high - low) * Math.random() : low + Math.floor((high - low + 1) * Math.random());
    }
    if (dtype === "bool") return Math.random() < 0.5 ? 1 : 0;
    return float
      ? (Math.random() < 0.5 ? -1 : 1) * (0.25 + 1.75 * Math.random())
      : Math.floor(8 * Math.random());
  };
  return tensor(dtype, shape, Array.from({ length: size }, one));
}

for (const [name, op] of OPS) {
  if (op.samples.length === 0) continue;
  Deno.test(`${name} emitted agrees with the oracle`, () => {
    for (const sample of op.samples) {
      const b = new Builder();
      const feeds = new Map(sample.inputs.map((s, i) => [`x${i}`, draw(s)]));
      const inputs = sample.inputs.map((s, i) => inputNode(b, `x${i}`, s.dtype, s.shape));
      const node = b.node(op, inputs, sample.attrs);
      compareWithOracle({ outputs: [{ kind: "result", name: "y", node }] }, feeds);
      compareWithOracle({ outputs: [{ kind: "result", name: "y", node }] }, feeds, { fuse: false });
    }
  });
}
