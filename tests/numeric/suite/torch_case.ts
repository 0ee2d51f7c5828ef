/** PyTorch's fixtures as graphs: each case is a program of its own, through the checker, with its gradients. */
import { check } from "../../../compiler/check/check.ts";
import type { Graph, Node } from "../../../compiler/ir/graph.ts";
import { nodesOf } from "../../../compiler/ir/graph.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { Builder } from "../../../compiler/ir/builder.ts";
import { cast } from "../../../compiler/ops/cast.ts";
import { LATER } from "../../../compiler/ops/later.ts";
import { inputNode } from "../../../compiler/ops/leaf.ts";
import { casts } from "../../../compiler/passes/casts.ts";
import { boundType } from "../../../compiler/reference/evaluate.ts";
import type { Feeds } from "../../../compiler/reference/evaluate.ts";
import { numbersOf, type StoredTensor } from "../../../runtime/io/safetensors.ts";
import { assert, assertArrayAlmostEquals, assertEquals } from "../../assert.ts";
import type { ArrayTolerance } from "../../assert.ts";
import { type FixtureType, type OpCase, opCases, opTensors } from "../../support/fixtures.ts";
import { backward } from "../ops_support.ts";

/** The cases whose functions the compiler has. */
export const TORCH_CASES: readonly OpCase[] = opCases().filter((c) => !LATER.has(c.fn));

/** A case's graph, its inputs, and the numbers that PyTorch has for the graph's nodes. */
export interface TorchGraph {
  /** The outputs, then the gradients that the graph has. */
  readonly nodes: readonly Node[];
  readonly feeds: Required<Feeds>;
  /** PyTorch's for each of `nodes`, and what they are. */
  readonly expected: readonly { readonly what: string; readonly data: Float64Array }[];
}

const show = ({ dtype, shape }: FixtureType) => shape.length ? `${dtype}[${shape.join(", ")}]` : dtype;

/** A model whose forward is the case's call. A layer's weights are its own. */
function program({ kind, call, inputs, outputs, id }: OpCase): string {
  const given = Object.entries(inputs).filter(([name]) => !name.startsWith("weight:"));
  const types = outputs.map(show);
  const layer = kind === "layer";
  const result = layer ? `l(${given.map(([name]) => name).join(", ")})` : call;
  return `model M() {
    precision ${isLow({ id }) ? "pure_bf16" : "f32"}
    ${layer ? `layer l = ${call}` : ""}
    forward(${given.map(([name, t]) => `${name}: ${show(t)}`).join(", ")}) -> ${
    types.length === 1 ? types[0] : `(${types.join(", ")})`
  } { return ${result} }
  }`;
}

/** Whether PyTorch computed the case in bf16 throughout. */
const isLow = ({ id }: Pick<OpCase, "id">) => id.endsWith(".bf16");

function forward(c: OpCase): readonly Node[] {
  const text = program(c);
  const { program: typed, diagnostics } = check({ file: `${c.id}.mpt`, text }, () => undefined);
  assertEquals(diagnostics.map((d) => `${d.message}: ${d.labels[0].text}`), [], text);
  const graph: Graph = {
    outputs: typed!.forward.outputs.map((node, i) => ({ kind: "result", name: `${i}`, node })),
  };
  return casts.run(graph).outputs.map((o) => o.node);
}

const reference = (t: StoredTensor, type: FixtureType): RefTensor => ({ ...type, data: numbersOf(t) });

/** What an input or a weight of the case is called in the graph. */
export const leafName = (name: string) =>
  name.startsWith("weight:") ? `param/l.${name.slice("weight:".length)}` : name;

/** The leaf that reads an input or a weight of a case. */
export function leafOf(nodes: readonly Node[], name: string): Node {
  const leaf = nodes.find((n) => (n.op.name === "state" ? n.attrs.slot : n.attrs.name) === leafName(name));
  assert(leaf, `no node reads ${name}`);
  return leaf;
}

/** The graph of a case. Fails where its types are not PyTorch's, or a gradient that it has not is not 0. */
export function torchGraph(c: OpCase): TorchGraph {
  const { inputs, outputs, cotangents, grads } = opTensors(c);
  const ys = forward(c);
  ys.forEach((y, i) =>
    assertEquals(boundType(y), { dtype: c.outputs[i].dtype, shape: [...c.outputs[i].shape] })
  );
  const nodes = nodesOf({ outputs: ys.map((node, i) => ({ kind: "result", name: `${i}`, node })) });
  const feeds = { inputs: new Map<string, RefTensor>(), state: new Map<string, RefTensor>() };
  for (const [name, tensor] of inputs) {
    const to = name.startsWith("weight:") ? feeds.state : feeds.inputs;
    to.set(leafName(name), reference(tensor, c.inputs[name]));
  }
  const b = new Builder({ why: "test" });
  const dys = cotangents.map((t, i) => {
    if (!t) return undefined;
    feeds.inputs.set(`dy${i}`, reference(t, c.outputs[i]));
    return cast(b, inputNode(b, `dy${i}`, c.outputs[i].dtype, c.outputs[i].shape), ys[i].type.dtype);
  });
  const varied = [...grads.keys()];
  const dxs = backward(ys, dys, varied.map((name) => leafOf(nodes, name)));
  const expected = ys.map((node, i) => ({ node, what: `output ${i}`, data: numbersOf(outputs[i]) }));
  varied.forEach((name, i) => {
    const data = numbersOf(grads.get(name)!), node = dxs[i];
    if (node) expected.push({ node, what: `gradient of ${name}`, data });
    else assertEquals([...data], [...data].map(() => 0), `gradient of ${name}`);
  });
  return { nodes: expected.map((e) => e.node), feeds, expected };
}

/** Compares values of a case's nodes with PyTorch's; `f32` is the tolerance of what PyTorch computed in f64. */
export function likeTorch(
  c: OpCase,
  { expected }: TorchGraph,
  values: readonly RefTensor[],
  f32: ArrayTolerance,
): void {
  values.forEach(({ data }, i) => {
    const { what, data: want } = expected[i];
    const largest = want.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    // PyTorch rounds partial sums to bf16, where we round once: such errors go by the largest element.
    const tolerance = isLow(c) ? { rtol: 1.6e-2, atol: 1.6e-2 * largest } : f32;
    assertArrayAlmostEquals(data, want, { ...tolerance, message: what });
  });
}
