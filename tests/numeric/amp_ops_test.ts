import { Builder } from "../../compiler/ir/builder.ts";
import { type Node, nodesOf } from "../../compiler/ir/graph.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { cast } from "../../compiler/ops/cast.ts";
import { LATER } from "../../compiler/ops/later.ts";
import { inputNode } from "../../compiler/ops/leaf.ts";
import { type DType, isFloat } from "../../compiler/core/dtype.ts";
import { evaluateNodes } from "../../compiler/reference/evaluate.ts";
import { numbersOf } from "../../runtime/io/safetensors.ts";
import { assert, assertArrayAlmostEquals, assertEquals, assertLessOrEqual } from "../assert.ts";
import { type AmpCase, ampCases, ampForward } from "../support/amp.ts";
import { readFixture } from "../support/fixtures.ts";
import { backward } from "./ops_support.ts";

/** Values and gradients from f16 inputs under `mixed_f16`, by the oracle, beside PyTorch's under autocast on a GPU. */

/** Cases that are not compared, and why. */
const NOT_COMPARED: Readonly<Record<string, string>> = {
  one_hot: "integers, which the fixture's script turns into floats",
};

/** Cases whose errors go by the largest element, and why. */
const CANCELLING: Readonly<Record<string, string>> = {
  "operator.divide":
    "PyTorch rounds x/y and its product with the gradient to f16 before they are summed and cancel",
  "cumsum.last":
    "PyTorch sums the gradient in f16, since autocast passes cumsum a dtype rather than a cast input",
  "MultiHeadAttention": "three products in a row, each of terms that cancel",
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

for (const c of ampCases()) {
  if (LATER.has(c.fn) || "error" in c.f16) continue;
  const skipped = NOT_COMPARED[c.id];
  Deno.test({
    name: `autocast f16: ${c.id}${skipped ? `: ${skipped}` : ""}`,
    ignore: skipped !== undefined,
    fn: () => compare(c),
  });
}

function compare(c: AmpCase): void {
  const { outputs: ys, diagnostics } = ampForward(c, "f16");
  assertEquals(diagnostics.map((d) => d.message), []);
  const nodes = nodesOf({ outputs: ys.map((node, i) => ({ kind: "result", name: `${i}`, node })) });
  const inputs = new Map<string, RefTensor>(), state = new Map<string, RefTensor>();
  const path = (name: string) =>
    name.startsWith("weight:") ? `param/l.${name.slice("weight:".length)}` : name;
  for (const [name, { dtype, shape }] of Object.entries(c.inputs)) {
    const t = stored(c, `in.${name}`);
    assert(t, `the fixtures have no ${name}`);
    // A weight's master is f32, and holds what the fixture's f16 holds.
    if (name.startsWith("weight:")) state.set(path(name), { dtype: "f32", shape, data: numbersOf(t) });
    else inputs.set(name, { dtype: dtypeOf(dtype), shape, data: numbersOf(t) });
  }
  const leaf = (name: string) => {
    const found = nodes.find((n) => (n.op.name === "state" ? n.attrs.slot : n.attrs.name) === path(name));
    assert(found, `no node reads ${name}`);
    return found;
  };
  const b = new Builder({ why: "test" });
  const dys = ys.map((y, i) => {
    const t = stored(c, `cotangent.${i}`);
    if (!t) return undefined;
    const dtype = t.dtype as DType;
    inputs.set(`dy${i}`, { dtype, shape: t.shape, data: numbersOf(t) });
    return cast(b, inputNode(b, `dy${i}`, dtype, t.shape), y.type.dtype);
  });
  const dxs = backward(ys, dys, c.grads.map(leaf));
  const roots = [...ys, ...dxs.filter((x) => x !== undefined)];
  const values = evaluateNodes(roots, { inputs, state }, { precision: "rounded" });
  const exact = evaluateNodes(roots, { inputs, state }, { precision: "f64" });
  const close = (node: Node, expected: Float64Array, message: string) => {
    const ours = values.get(node)!.data, truth = exact.get(node)!.data;
    const atol = c.id in CANCELLING ? 2e-3 * largest(truth) : 1e-3;
    assertArrayAlmostEquals(ours, expected, { rtol: 2e-3 * Math.sqrt(depth(c)), atol, message });
    // Where the two differ, it is not ours that is far from the value without roundings.
    assertLessOrEqual(largest(ours, truth), 2 * largest(expected, truth) + 1e-4, message);
  };
  ys.forEach((y, i) => close(y, numbersOf(stored(c, `out.${i}`)!), `output ${i}`));
  c.grads.forEach((name, i) => {
    const t = stored(c, `grad.${name}`), dx = dxs[i];
    assert(t || !dx, `PyTorch has no gradient for ${name}`);
    if (dx) close(dx, numbersOf(t!), `gradient of ${name}`);
    else if (t) assertEquals(largest(numbersOf(t)), 0, `gradient of ${name}`);
  });
}
