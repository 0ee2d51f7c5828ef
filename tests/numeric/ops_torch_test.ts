import { check } from "../../compiler/check/check.ts";
import { isFloat } from "../../compiler/core/dtype.ts";
import type { Graph, Node } from "../../compiler/ir/graph.ts";
import { nodesOf } from "../../compiler/ir/graph.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import { cast } from "../../compiler/ops/cast.ts";
import { LATER } from "../../compiler/ops/later.ts";
import { inputNode } from "../../compiler/ops/leaf.ts";
import { casts } from "../../compiler/passes/casts.ts";
import { boundType, evaluateNodes } from "../../compiler/reference/evaluate.ts";
import { numbersOf, type StoredTensor } from "../../runtime/io/safetensors.ts";
import { assert, assertArrayAlmostEquals, assertEquals } from "../assert.ts";
import { type FixtureType, type OpCase, opCases, opTensors } from "../support/fixtures.ts";
import { backward } from "./ops_support.ts";

/** Values and gradients of the library against PyTorch's, through the checker: each case is a program of its own. */

const show = ({ dtype, shape }: FixtureType) => shape.length ? `${dtype}[${shape.join(", ")}]` : dtype;

/** A model whose forward is the case's call. A layer's weights are its own. */
function program({ kind, call, inputs, outputs, id }: OpCase): string {
  const given = Object.entries(inputs).filter(([name]) => !name.startsWith("weight:"));
  const types = outputs.map(show);
  const layer = kind === "layer";
  const result = layer ? `l(${given.map(([name]) => name).join(", ")})` : call;
  return `model M() {
    precision ${id.endsWith(".bf16") ? "pure_bf16" : "f32"}
    ${layer ? `layer l = ${call}` : ""}
    forward(${given.map(([name, t]) => `${name}: ${show(t)}`).join(", ")}) -> ${
    types.length === 1 ? types[0] : `(${types.join(", ")})`
  } { return ${result} }
  }`;
}

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

/** The leaf that reads an input or a weight of the case. */
function leafOf(nodes: readonly Node[], name: string): Node {
  const path = name.startsWith("weight:") ? `param/l.${name.slice("weight:".length)}` : name;
  const leaf = nodes.find((n) => (n.op.name === "state" ? n.attrs.slot : n.attrs.name) === path);
  assert(leaf, `no node reads ${path}`);
  return leaf;
}

for (const c of opCases()) {
  if (LATER.has(c.fn)) continue;
  Deno.test(`torch: ${c.id}`, () => {
    const { inputs, outputs, cotangents, grads } = opTensors(c);
    const ys = forward(c);
    const nodes = nodesOf({ outputs: ys.map((node, i) => ({ kind: "result", name: `${i}`, node })) });
    const feeds = {
      inputs: new Map<string, RefTensor>(),
      state: new Map<string, RefTensor>(),
    };
    for (const [name, tensor] of inputs) {
      const value = reference(tensor, c.inputs[name]);
      if (!name.startsWith("weight:")) feeds.inputs.set(name, value);
      else feeds.state.set(`param/l.${name.slice("weight:".length)}`, value);
    }
    const b = new Builder({ why: "test" });
    const dys = cotangents.map((t, i) => {
      if (!t) return undefined;
      feeds.inputs.set(`dy${i}`, reference(t, c.outputs[i]));
      return cast(b, inputNode(b, `dy${i}`, c.outputs[i].dtype, c.outputs[i].shape), ys[i].type.dtype);
    });
    const varied = [...grads.keys()];
    const dxs = backward(ys, dys, varied.map((name) => leafOf(nodes, name)));

    const low = c.id.endsWith(".bf16");
    const options = { precision: low ? "rounded" : "f64" } as const;
    // PyTorch rounds partial sums to bf16, where the oracle rounds once: such errors go by the largest element.
    const close = (actual: Float64Array, expected: Float64Array) => {
      const largest = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const tolerance = low ? { rtol: 1.6e-2, atol: 1.6e-2 * largest } : { rtol: 2e-6, atol: 1e-6 };
      assertArrayAlmostEquals(actual, expected, tolerance);
    };
    const values = evaluateNodes([...ys, ...dxs.filter((x) => x !== undefined)], feeds, options);
    ys.forEach((y, i) => {
      assertEquals(boundType(y), { dtype: c.outputs[i].dtype, shape: [...c.outputs[i].shape] });
      close(values.get(y)!.data, numbersOf(outputs[i]));
    });
    varied.forEach((name, i) => {
      const expected = numbersOf(grads.get(name)!);
      const dx = dxs[i];
      if (!dx) return close(expected.map(() => 0), expected);
      assert(isFloat(dx.type.dtype));
      close(values.get(dx)!.data, expected);
    });
  });
}
