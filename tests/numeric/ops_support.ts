import { isFloat } from "../../compiler/core/dtype.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import type { Graph, Node } from "../../compiler/ir/graph.ts";
import { topological } from "../../compiler/ir/graph.ts";
import type { Op, RefTensor, Sample, SampleInput } from "../../compiler/ir/op.ts";
import { add } from "../../compiler/ops/arithmetic.ts";
import { inputNode } from "../../compiler/ops/leaf.ts";
import type { EvaluateOptions, Value } from "../../compiler/reference/evaluate.ts";
import { boundType, evaluate } from "../../compiler/reference/evaluate.ts";

/** Numbers in [0, 1) that depend on a name alone (mulberry32), so that a failure repeats. */
export function stream(name: string): () => number {
  let state = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619), 2166136261);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An input as its sample asks for. */
export function draw({ dtype, shape, range }: SampleInput, random: () => number): RefTensor {
  const one = (): number => {
    if (dtype === "bool") return random() < 0.5 ? 0 : 1;
    if (isFloat(dtype)) {
      if (range) return range[0] + (range[1] - range[0]) * random();
      return (random() < 0.5 ? -1 : 1) * (0.25 + 1.75 * random());
    }
    const [low, high] = range ?? [0, 7];
    return low + Math.floor((high - low + 1) * random());
  };
  const size = shape.reduce((a, d) => a * d, 1);
  return { dtype, shape, data: Float64Array.from({ length: size }, one) };
}

/** An op called once on inputs `x0`, `x1`, …, with values for them. */
export interface Trial {
  readonly b: Builder;
  readonly node: Node;
  readonly inputs: Map<string, RefTensor>;
}

export function trial(op: Op, sample: Sample, random: () => number): Trial {
  const b = new Builder({ why: "test" });
  const inputs = new Map(sample.inputs.map((s, i) => [`x${i}`, draw(s, random)]));
  const nodes = sample.inputs.map((s, i) => inputNode(b, `x${i}`, s.dtype, s.shape));
  return { b, node: b.node(op, nodes, sample.attrs ?? {}), inputs };
}

export const F64: EvaluateOptions = { precision: "f64" };

/** One node's value. */
export function valueOf(node: Node, inputs: ReadonlyMap<string, RefTensor>, options = F64): Value {
  const graph: Graph = { outputs: [{ kind: "result", name: "y", node }] };
  return evaluate(graph, { inputs }, options).get("result/y")!;
}

/** ∂(Σ dy·node)/∂input by central differences in f64. */
export function numericGradient(
  node: Node,
  inputs: ReadonlyMap<string, RefTensor>,
  dy: RefTensor,
  name: string,
): Float64Array {
  const x = inputs.get(name)!;
  const at = (i: number, delta: number): number => {
    const data = x.data.slice();
    data[i] += delta;
    const y = valueOf(node, new Map(inputs).set(name, { ...x, data }));
    return y.data.reduce((sum, v, k) => sum + v * dy.data[k], 0);
  };
  const h = 1e-5;
  return x.data.map((_, i) => (at(i, h) - at(i, -h)) / (2 * h));
}

/** A gradient of the node's own type. */
export function cotangent(node: Node, random: () => number): RefTensor {
  return draw(boundType(node), random);
}

/**
 * The gradients of Σᵢ ⟨outputs[i], cotangents[i]⟩ with respect to some nodes, by the ops' own rules: a plain reverse mode
 * that takes any node for a variable. undefined where nothing flows.
 */
export function backward(
  outputs: readonly Node[],
  cotangents: readonly (Node | undefined)[],
  wrt: readonly Node[],
): (Node | undefined)[] {
  const b = new Builder({ why: "test" });
  const sums = new Map<Node, Node>();
  const give = (to: Node, part: Node) => {
    const sum = sums.get(to);
    sums.set(to, sum ? add(b, sum, part) : part);
  };
  outputs.forEach((y, i) => cotangents[i] && give(y, cotangents[i]));
  for (const node of topological(outputs).reverse()) {
    const dy = sums.get(node);
    if (!dy || !node.op.grad || wrt.includes(node)) continue;
    node.op.grad(b, node, dy).forEach((part, i) => part && give(node.inputs[i], part));
  }
  return wrt.map((x) => sums.get(x));
}
