import type { DType } from "../../../compiler/core/dtype.ts";
import { isFloat } from "../../../compiler/core/dtype.ts";
import { round } from "../../../compiler/core/round.ts";
import type { Node } from "../../../compiler/ir/graph.ts";
import type { Op, RefTensor, Sample } from "../../../compiler/ir/op.ts";
import { OPS } from "../../../compiler/ops/index.ts";
import { inputNode } from "../../../compiler/ops/leaf.ts";
import type { Value } from "../../../compiler/reference/evaluate.ts";
import { evaluateNodes } from "../../../compiler/reference/evaluate.ts";
import { assertArrayAlmostEquals, assertLessOrEqual } from "../../assert.ts";
import { cotangent, stream, trial } from "../ops_support.ts";
import type { Computed } from "./computed.ts";
import { computedTests } from "./computed.ts";
import type { SuiteDevice } from "./on_device.ts";

/** Every sample of every op, its value and its gradients, beside the oracle. */

interface OpSample {
  readonly op: Op;
  readonly sample: Sample;
  readonly name: string;
}

const SAMPLES: readonly OpSample[] = [...OPS.values()].filter((op) => op.kind !== "flag").flatMap((op) =>
  op.samples.map((sample, i) => ({ op, sample, name: `${op.name}, sample ${i}` }))
);

/** The call, and its gradients from a random cotangent. */
function computed({ op, sample, name }: OpSample, seed: number): Computed {
  const random = stream(`${name} ${seed}`);
  const { b, node, inputs } = trial(op, sample, random);
  const nodes: Node[] = [node];
  if (op.grad && isFloat(node.type.dtype)) {
    const dy = cotangent(node, random);
    inputs.set("dy", dy);
    nodes.push(...op.grad(b, node, inputNode(b, "dy", dy.dtype, dy.shape)).filter((g) => g !== undefined));
  }
  const feeds = { inputs: new Map([...inputs].map(([key, t]) => [key, stored(t)])) };
  return {
    name: `${name}, seed ${seed}`,
    nodes,
    feeds,
    check(values) {
      const expected = evaluateNodes(nodes, feeds, { precision: "rounded" });
      values.forEach((value, i) =>
        close(value, expected.get(nodes[i])!, i === 0 ? "value" : `gradient ${i - 1}`)
      );
    },
  };
}

/** As its dtype holds it. */
const stored = (t: RefTensor): RefTensor => ({ ...t, data: t.data.map((x) => round(x, t.dtype)) });

/** One unit in the last place. */
const ULP: Partial<Record<DType, number>> = { f16: 2 ** -10, bf16: 2 ** -7 };

/**
 * Compares what a device computed with the oracle's rounded value. Integers and bools must be equal, f32 close. Of f16
 * and bf16 nearly every element must be equal, since a rounding that is left out or added moves many of them; a device
 * that contracts or approximates f32 arithmetic moves one now and then, by a unit in the last place.
 */
export function close(actual: RefTensor, expected: Value, message: string): void {
  const { dtype, data } = expected;
  if (!isFloat(dtype)) return assertArrayAlmostEquals(actual.data, data, { rtol: 0, atol: 0, message });
  const largest = data.reduce((m, v) => Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m, 0);
  const ulp = ULP[dtype] ?? 0, atol = 1e-5 * Math.max(1, largest) + ulp * largest;
  assertArrayAlmostEquals(actual.data, data, { rtol: 1e-4 + ulp, atol, message });
  if (ulp === 0) return;
  const moved = data.reduce((n, v, i) => n + (v === actual.data[i] ? 0 : 1), 0);
  assertLessOrEqual(moved, 2 + data.length / 10, `${message}: elements that are not rounded as the oracle's`);
}

export function opsSuite(on: SuiteDevice): void {
  const seed = Math.floor(Math.random() * 1e6);
  computedTests(on, `ops: values and gradients, seed ${seed}`, SAMPLES, (s) => computed(s, seed));
}
