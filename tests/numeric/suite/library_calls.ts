import { check } from "../../../compiler/check/check.ts";
import type { DType } from "../../../compiler/core/dtype.ts";
import type { Diagnostic } from "../../../compiler/core/diagnostic.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { showType } from "../../../compiler/ir/op.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { casts } from "../../../compiler/passes/casts.ts";
import { assertArrayAlmostEquals, assertEquals } from "../../assert.ts";
import type { Computed } from "./computed.ts";
import { computedTests } from "./computed.ts";
import type { SuiteDevice } from "./on_device.ts";

/** Calls of library functions and what they give: edge cases, and functions that PyTorch has not. */

export type Given = Readonly<Record<string, RefTensor>>;

export const t = (shape: readonly number[], values: readonly number[], dtype: DType = "f32"): RefTensor => ({
  dtype,
  shape,
  data: Float64Array.from(values),
});

/** Checks a model whose forward is one call. */
export function checked(call: string, given: Given, result: string, precision = "f32", layer = "") {
  const inputs = Object.entries(given).map(([n, x]) => `${n}: ${showType(x)}`).join(", ");
  const text =
    `model M() { precision ${precision} ${layer} forward(${inputs}) -> ${result} { return ${call} } }`;
  return check({ file: "m.mpt", text }, () => undefined);
}

export const shown = (ds: readonly Diagnostic[]) => ds.map((d) => `${d.message}: ${d.labels[0].text}`);

/** The graph of a call in the language, in f32. Fails where it is refused. */
export function graphOf(call: string, given: Given, result: string, layer?: string): Graph {
  const { program, diagnostics } = checked(call, given, result, "f32", layer);
  assertEquals(shown(diagnostics), [], call);
  return casts.run({ outputs: [{ kind: "result", name: "y", node: program!.forward.outputs[0] }] });
}

/** Each call, its inputs, its result's type and its elements. */
export const CALLS: readonly (readonly [string, Given, string, readonly number[]])[] = [
  ["x % y", { x: t([4], [7, -7, 7, -7], "i32"), y: t([4], [3, 3, -3, -3], "i32") }, "i32[4]", [1, 2, -2, -1]],
  ["x % 3", { x: t([2], [5.5, -5.5]) }, "f32[2]", [2.5, 0.5]],
  ["x % 256", { x: t([2], [7, 200], "u8") }, "f32[2]", [7, 200]],
  ["x / y", { x: t([2], [7, -7], "i32"), y: t([1], [2], "i32") }, "f32[2]", [3.5, -3.5]],
  ["x / 2", { x: t([1], [3], "u8") }, "f32[1]", [1.5]],
  ["-x", { x: t([2], [3, -4], "i32") }, "i32[2]", [-3, 4]],
  ["x ** 2", { x: t([2], [-3, 4]) }, "f32[2]", [9, 16]],
  ["x ** 3", { x: t([3], [-3, 0, 2]) }, "f32[3]", [-27, 0, 8]],
  ["x ** 0", { x: t([3], [-3, 0, 2]) }, "f32[3]", [1, 1, 1]],
  ["x ** y", { x: t([3], [-2, 2, 0]), y: t([3], [-1, 0.5, 2]) }, "f32[3]", [-0.5, Math.SQRT2, 0]],
  ["x ** 2", { x: t([2], [-3, 4], "i32") }, "f32[2]", [9, 16]],
  ["min(x, 2)", { x: t([3], [1, 2, 3], "i32") }, "i32[3]", [1, 2, 2]],
  ["max(x, 2.5)", { x: t([3], [1, 2, 3]) }, "f32[3]", [2.5, 2.5, 3]],
  ["clamp(x, min: 0)", { x: t([3], [-1, 0, 2]) }, "f32[3]", [0, 0, 2]],
  ["clamp(x, max: 1)", { x: t([3], [-1, 0, 2], "i32") }, "i32[3]", [-1, 0, 1]],
  ["where(x > 0, x, -1)", { x: t([3], [-5, 0, 2]) }, "f32[3]", [-1, -1, 2]],
  ["mean(x == y)", { x: t([4], [1, 2, 3, 4], "i32"), y: t([4], [1, 0, 3, 9], "i32") }, "f32", [0.5]],
  ["sum(x)", { x: t([3], [200, 100, 50], "u8") }, "u32", [350]],
  ["sum(x > 1)", { x: t([3], [1, 2, 3]) }, "i32", [2]],
  ["var(x, unbiased: false)", { x: t([4], [1, 2, 3, 6]) }, "f32", [3.5]],
  ["argmin(x, axis: 0)", { x: t([3, 2], [3, 1, 1, 1, 1, 5]) }, "i32[2]", [1, 0]],
  ["argmax(x)", { x: t([2, 2], [1, 7, 7, 2]) }, "i32", [1]],
  ["argmax(x, axis: 1, keepdim: true)", { x: t([2, 2], [1, 7, 7, 2]) }, "i32[2, 1]", [1, 0]],
  ["relu(x)", { x: t([2], [-3, 4], "i32") }, "f32[2]", [0, 4]],
  ["softplus(x)", { x: t([2], [25, -800]) }, "f32[2]", [25, 0]],
  ["softplus(x, beta: 2)", { x: t([1], [1]) }, "f32[1]", [Math.log1p(Math.exp(2)) / 2]],
  ["sigmoid(x)", { x: t([2], [800, -800]) }, "f32[2]", [1, 0]],
  ["silu(x)", { x: t([2], [800, -800]) }, "f32[2]", [800, 0]],
  ["elu(x, alpha: 2)", { x: t([2], [1, -700]) }, "f32[2]", [1, -2]],
  ["logsumexp(x)", { x: t([2, 1], [1000, 1000]) }, "f32", [1000 + Math.log(2)]],
  ["arange(4)", {}, "i32[4]", [0, 1, 2, 3]],
  ["arange(2, 9, 3)", {}, "i32[3]", [2, 5, 8]],
  ["arange(5, 0, step: -2)", {}, "i32[3]", [5, 3, 1]],
  ["full([2], 2.5)", {}, "f32[2]", [2.5, 2.5]],
  ["ones([2], dtype: i32)", {}, "i32[2]", [1, 1]],
  ["zeros([1, 2])", {}, "f32[1, 2]", [0, 0]],
  ["causal_mask(2, 3)", {}, "bool[2, 3]", [1, 0, 0, 1, 1, 0]],
  ["one_hot(x, 3)", { x: t([3], [2, 0, 5], "i32") }, "i32[3, 3]", [0, 0, 1, 1, 0, 0, 0, 0, 0]],
  ["pad(x, [1, 0], value: 7)", { x: t([2, 1], [1, 2]) }, "f32[2, 2]", [7, 1, 7, 2]],
  ["pad(x, 1)", { x: t([2], [1, 2]) }, "f32[4]", [0, 1, 2, 0]],
  ["pad(x, [-1, 1])", { x: t([3], [1, 2, 3]) }, "f32[3]", [2, 3, 0]],
  ["flip(x, [0, 1])", { x: t([2, 2], [1, 2, 3, 4]) }, "f32[2, 2]", [4, 3, 2, 1]],
  ["squeeze(x)", { x: t([1, 2, 1], [1, 2]) }, "f32[2]", [1, 2]],
  ["flatten(x, 0)", { x: t([2, 2], [1, 2, 3, 4]) }, "f32[4]", [1, 2, 3, 4]],
  ["flatten(x)", { x: t([2], [1, 2]) }, "f32[2, 1]", [1, 2]],
  ["reshape(x, [-1, 2])", { x: t([4], [1, 2, 3, 4]) }, "f32[2, 2]", [1, 2, 3, 4]],
  ["x[::-1]", { x: t([3], [1, 2, 3]) }, "f32[3]", [3, 2, 1]],
  ["x[-2]", { x: t([3, 1], [1, 2, 3]) }, "f32[1]", [2]],
  ["x @ y", { x: t([2], [1, 2]), y: t([2], [3, 4]) }, "f32", [11]],
  ["x @ y", { x: t([2], [1, 2]), y: t([2, 2], [3, 4, 5, 6]) }, "f32[2]", [13, 16]],
  ["x @ y", { x: t([2, 2], [3, 4, 5, 6]), y: t([2], [1, 2]) }, "f32[2]", [11, 17]],
  ["concat([x, y])", { x: t([1], [1], "i32"), y: t([1], [2.5]) }, "f32[2]", [1, 2.5]],
  [
    "cosine_embedding(x, y, s)",
    {
      x: t([2, 2], [1, 0, 3, 4]),
      y: t([2, 2], [0, 2, 3, 4]),
      s: t([2], [1, -1], "i32"),
    },
    "f32",
    [1],
  ],
  ["hinge(x, y)", { x: t([3], [2, 0.5, -1]), y: t([3], [1, 1, 1]) }, "f32", [2.5 / 3]],
  ["smooth_l1(x, y, beta: 0)", { x: t([2], [3, 1]), y: t([2], [1, 4]) }, "f32", [2.5]],
  ["kl_div(x, y, log_target: true)", { x: t([1], [-2]), y: t([1], [-1]) }, "f32", [Math.exp(-1)]],
  ["kl_div(x, y)", { x: t([2], [-2, -1]), y: t([2], [0, 1]) }, "f32", [0.5]],
  ["cross_entropy(x, y)", { x: t([2, 2], [1, 2, 3, 4]), y: t([2], [-100, -100], "i32") }, "f32", [0]],
  ["cross_entropy(x, y)", { x: t([2, 2], [1, 2, 3, 4]), y: t([2], [0, 2], "i32") }, "f32", [NaN]],
  ["nll(x, y)", { x: t([2, 2], [-1, -2, -3, -4]), y: t([2], [1, -100], "i32") }, "f32", [2]],
  ["gather(x, y, axis: 0)", { x: t([2, 1], [5, 6]), y: t([2, 1], [1, 9], "i32") }, "f32[2, 1]", [6, NaN]],
  ["checkpoint(relu, x)", { x: t([2], [-1, 1]) }, "f32[2]", [0, 1]],
  ["dropout(x, 0)", { x: t([2], [-1, 1]) }, "f32[2]", [-1, 1]],
];

/** Compares elements of which some are to be NaN. */
export function like(actual: Float64Array, expected: readonly number[], atol = 1e-7): void {
  const visible = (v: number) => Number.isNaN(v) ? 1e30 : v;
  assertArrayAlmostEquals([...actual].map(visible), expected.map(visible), { rtol: 1e-6, atol });
}

function computed([call, given, result, expected]: (typeof CALLS)[number]): Computed {
  return {
    name: `${call} of ${Object.values(given).map(showType).join(", ") || "nothing"}`,
    nodes: graphOf(call, given, result).outputs.map((o) => o.node),
    feeds: { inputs: new Map(Object.entries(given)) },
    check: ([y]) => like(y.data, expected, 1e-6),
  };
}

export function librarySuite(on: SuiteDevice): void {
  computedTests(on, "ops: edge cases", CALLS, computed);
}
