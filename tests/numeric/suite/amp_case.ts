/** The library under PyTorch's autocast to f16 as graphs: each case under `mixed_f16`, with its gradients. */
import { type DType, isFloat } from "../../../compiler/core/dtype.ts";
import { Builder } from "../../../compiler/ir/builder.ts";
import { type Node, nodesOf } from "../../../compiler/ir/graph.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { cast } from "../../../compiler/ops/cast.ts";
import { LATER } from "../../../compiler/ops/later.ts";
import { inputNode } from "../../../compiler/ops/leaf.ts";
import type { Feeds } from "../../../compiler/reference/evaluate.ts";
import { evaluateNodes } from "../../../compiler/reference/evaluate.ts";
import { numbersOf } from "../../../runtime/io/safetensors.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertLessOrEqual } from "../../assert.ts";
import { type AmpCase, ampCases, ampForward } from "../../support/amp.ts";
import { readFixture } from "../../support/fixtures.ts";
import { backward } from "../ops_support.ts";
import { leafName, leafOf } from "./torch_case.ts";

/** The cases that the compiler has and that ran under autocast. */
export const AMP_CASES: readonly AmpCase[] = ampCases().filter((c) =>
  !LATER.has(c.fn) && !("error" in c.f16)
);

/** Cases that are not compared, and why. */
export const NOT_COMPARED: Readonly<Record<string, string>> = {
  one_hot: "integers, which the fixture's script turns into floats",
};

/** Cases whose errors go by the largest element, and why. */
const CANCELLING: Readonly<Record<string, string>> = {
  "operator.divide":
    "PyTorch rounds x/y and its product with the gradient to f16 before they are summed and cancel",
  "cumsum.last":
    "PyTorch sums the gradient in f16, since autocast passes cumsum a dtype rather than a cast input",
  "MultiHeadAttention": "three products in a row, each of terms that cancel",
  "MultiHeadAttention.causal": "three products in a row, each of terms that cancel",
};

const { tensors } = readFixture("amp/ops.safetensors");
const stored = (c: AmpCase, name: string) => tensors.get(`${c.id}/${name}`);

/** The longest sum that a result of the case is made of. */
function depth({ kind, inputs }: AmpCase): number {
  if (kind !== "matrix" && kind !== "layer") return 1;
  return Math.max(...Object.values(inputs).map(({ shape }) => shape[shape.length - 1] ?? 1));
}

/** The largest element, or the largest distance between two tensors' elements. */
const largest = (x: Float64Array, y?: Float64Array) =>
  x.reduce((m, v, i) => Math.max(m, Math.abs(v - (y?.[i] ?? 0))), 0);

const dtypeOf = (dtype: DType) => isFloat(dtype) ? "f16" : dtype;

/** A case's graph, its inputs in f16, and what PyTorch made of them. */
export interface AmpGraph {
  /** The outputs, then the gradients that the graph has. */
  readonly nodes: readonly Node[];
  readonly feeds: Required<Feeds>;
  /** For each of `nodes`: what it is, PyTorch's value, and the value without any rounding. */
  readonly expected: readonly {
    readonly what: string;
    readonly data: Float64Array;
    readonly truth: Float64Array;
  }[];
}

/** The graph of a case. Fails where the compiler refuses it, or a gradient that it has not is not 0. */
export function ampGraph(c: AmpCase): AmpGraph {
  const { outputs: ys, diagnostics } = ampForward(c, "f16");
  assertEquals(diagnostics.map((d) => d.message), []);
  const all = nodesOf({ outputs: ys.map((node, i) => ({ kind: "result", name: `${i}`, node })) });
  const inputs = new Map<string, RefTensor>(), state = new Map<string, RefTensor>();
  for (const [name, { dtype, shape }] of Object.entries(c.inputs)) {
    const t = stored(c, `in.${name}`);
    assert(t, `the fixtures have no ${name}`);
    // A weight's master is f32, and holds what the fixture's f16 holds.
    if (name.startsWith("weight:")) state.set(leafName(name), { dtype: "f32", shape, data: numbersOf(t) });
    else inputs.set(name, { dtype: dtypeOf(dtype), shape, data: numbersOf(t) });
  }
  const b = new Builder({ why: "test" });
  const dys = ys.map((y, i) => {
    const t = stored(c, `cotangent.${i}`);
    if (!t) return undefined;
    const dtype = t.dtype as DType;
    inputs.set(`dy${i}`, { dtype, shape: t.shape, data: numbersOf(t) });
    return cast(b, inputNode(b, `dy${i}`, dtype, t.shape), y.type.dtype);
  });
  const dxs = backward(ys, dys, c.grads.map((name) => leafOf(all, name)));
  const found = ys.map((node, i) => ({ node, what: `output ${i}`, data: numbersOf(stored(c, `out.${i}`)!) }));
  c.grads.forEach((name, i) => {
    const t = stored(c, `grad.${name}`), node = dxs[i], what = `gradient of ${name}`;
    assert(t || !node, `PyTorch has no gradient for ${name}`);
    if (node) found.push({ node, what, data: numbersOf(t!) });
    else if (t) assertEquals(largest(numbersOf(t)), 0, what);
  });
  const nodes = found.map((e) => e.node), feeds = { inputs, state };
  const exact = evaluateNodes(nodes, feeds, { precision: "f64" });
  return { nodes, feeds, expected: found.map((e) => ({ ...e, truth: exact.get(e.node)!.data })) };
}

/** Compares values of a case's nodes with PyTorch's. */
export function likeAutocast(c: AmpCase, { expected }: AmpGraph, values: readonly RefTensor[]): void {
  values.forEach(({ data: ours }, i) => {
    const { what, data, truth } = expected[i];
    const atol = c.id in CANCELLING ? 2e-3 * largest(truth) : 1e-3;
    assertArrayAlmostEquals(ours, data, { rtol: 2e-3 * Math.sqrt(depth(c)), atol, message: what });
    // Where the two differ, it is not ours that is far from the value without roundings.
    assertLessOrEqual(largest(ours, truth), 2 * largest(data, truth) + 1e-4, what);
  });
}
