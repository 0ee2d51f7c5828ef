import type { DType } from "../../compiler/core/dtype.ts";
import type { Program } from "../../compiler/core/program.ts";
import { round } from "../../compiler/core/round.ts";
import { TARGET_CPU } from "../../compiler/core/target.ts";
import type { EmitOptions } from "../../compiler/emit/emit.ts";
import { emit, layoutState } from "../../compiler/emit/emit.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { nodesOf } from "../../compiler/ir/graph.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { decompose } from "../../compiler/passes/decompose.ts";
import type { Slot } from "../../compiler/passes/initial.ts";
import { FOUND_INF } from "../../compiler/passes/slots.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { assert, assertArrayAlmostEquals, assertEquals } from "../assert.ts";
import type { RunOutput } from "./run_program.ts";
import { runProgram } from "./run_program.ts";

export interface Compared {
  readonly program: Program;
  readonly outputs: ReadonlyMap<string, RefTensor>;
}

/** The slots that a graph reads or writes, and the flag. */
export function slotsOf(graph: Graph): Slot[] {
  const slots = new Map<string, Slot>([[FOUND_INF, { name: FOUND_INF, dtype: "u32", shape: [1] }]]);
  for (const n of nodesOf(graph)) {
    const name = String(n.attrs.slot);
    if (n.op.name === "state") slots.set(name, { name, ...n.type });
  }
  for (const o of graph.outputs) {
    if (o.kind === "state" && !slots.has(o.name)) slots.set(o.name, { name: o.name, ...o.node.type });
  }
  return [...slots.values()];
}

/**
 * Emits a graph and compares one run of the Program, on the scalar evaluator, with the oracle on the graph as given.
 * Integers and bools must be equal.
 */
export function compareWithOracle(
  graph: Graph,
  feeds: ReadonlyMap<string, RefTensor>,
  options: Partial<EmitOptions> & Tolerance = {},
): Compared {
  const layout = layoutState(slotsOf(graph));
  const program = emit(decompose.run(graph), {
    entry: "predict",
    dims: {},
    target: TARGET_CPU,
    state: layout,
    ...options,
  });
  const ran = runProgram(program, layout, feeds, feeds);
  return { program, outputs: compareOutputs(graph, feeds, ran, options) };
}

/** Tolerances of f32; narrower floats may be a unit in the last place off besides. */
export interface Tolerance {
  readonly rtol?: number;
  readonly atol?: number;
}

/** Compares what a run of a graph left behind with the oracle's; gives it by `kind/name`. */
export function compareOutputs(
  graph: Graph,
  feeds: ReadonlyMap<string, RefTensor>,
  ran: RunOutput,
  options: Tolerance,
): Map<string, RefTensor> {
  const expected = evaluate(graph, { inputs: feeds, state: feeds }, { precision: "rounded" });
  const outputs = new Map<string, RefTensor>();
  for (const [key, want] of expected) {
    const [kind, name] = [key.slice(0, key.indexOf("/")), key.slice(key.indexOf("/") + 1)];
    const got = (kind === "state" ? ran.state : ran.results).get(name);
    assert(got, `${key} is missing`);
    assertEquals([got.dtype, got.data.length], [want.dtype, want.data.length]);
    outputs.set(key, got);
    const exact = !["f32", "f16", "bf16", "f8e4m3", "f8e5m2"].includes(want.dtype);
    const { rtol = 2e-5, atol = 2e-6 } = exact ? { rtol: 0, atol: 0 } : options;
    const slack = EPSILON[want.dtype] ?? 0;
    const tolerance = { rtol: rtol + slack, atol: atol + (slack && 1e-3), message: key };
    assertArrayAlmostEquals(got.data, want.data, tolerance);
  }
  return outputs;
}

/** One unit in the last place: sums in another order may round to the neighbour. */
const EPSILON: Partial<Record<DType, number>> = {
  f16: 2 ** -10,
  bf16: 2 ** -7,
  f8e4m3: 2 ** -2,
  f8e5m2: 2 ** -1,
};

/** Values as `dtype` holds them. */
export function tensor(dtype: DType, shape: readonly number[], data: ArrayLike<number>): RefTensor {
  return { dtype, shape, data: Float64Array.from(data, (x) => round(x, dtype)) };
}
