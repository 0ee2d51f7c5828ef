/**
 * Many small graphs in one Program: a device compiles their kernels side by side and runs them in one submit, where a
 * Program for each would wait for its pipelines and its readback again and again.
 */
import type { EmitOptions } from "../../../compiler/emit/emit.ts";
import { Builder } from "../../../compiler/ir/builder.ts";
import type { Graph, Node, Output } from "../../../compiler/ir/graph.ts";
import { mapGraph, same } from "../../../compiler/ir/graph.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { inputNode } from "../../../compiler/ops/leaf.ts";
import { decompose } from "../../../compiler/passes/decompose.ts";
import { cse, simplify } from "../../../compiler/passes/simplify.ts";
import type { Feeds } from "../../../compiler/reference/evaluate.ts";
import { fail } from "../../assert.ts";
import type { Rig, SuiteDevice } from "./on_device.ts";
import { deviceTest } from "./on_device.ts";
import { runOnDevice } from "./run_on_device.ts";

/** Values for a device to compute, and what they must be. */
export interface Computed {
  /** What a failure is called by. */
  readonly name: string;
  /** Casts explicit, dims bound, no flags among them. */
  readonly nodes: readonly Node[];
  readonly feeds: Feeds;
  /** Throws where the values of `nodes` are wrong. */
  check(values: readonly RefTensor[]): void;
}

/** Graphs in one Program: enough to keep both the pipeline compiler and a reader of failures content. */
const TOGETHER = 40;

/**
 * Tests that compute `cases` on a device, some dozens in a Program. Cases are made when their test runs; a failure
 * lists every case that is wrong.
 */
export function computedTests<T>(
  on: SuiteDevice,
  what: string,
  cases: readonly T[],
  make: (item: T) => Computed,
  options: Pick<EmitOptions, "fuse"> = {},
): void {
  const parts = Math.ceil(cases.length / TOGETHER);
  for (let part = 0; part < parts; part++) {
    const chosen = cases.slice(part * TOGETHER, (part + 1) * TOGETHER);
    const name = `${what}, ${part + 1} of ${parts} (${chosen.length} cases)`;
    deviceTest(on, name, (rig) => computeAll(rig, chosen.map(make), options));
  }
}

/** Computes and checks all of them, in one Program where it can be built. */
export async function computeAll(
  rig: Rig,
  cases: readonly Computed[],
  options: Pick<EmitOptions, "fuse"> = {},
): Promise<void> {
  const wrong: string[] = [];
  const check = (c: Computed, values: readonly RefTensor[]) => {
    try {
      c.check(values);
    } catch (error) {
      wrong.push(`${c.name}: ${messageOf(error)}`);
    }
  };
  try {
    const values = await compute(rig, cases, options);
    cases.forEach((c, i) => check(c, values[i]));
  } catch (error) {
    // One bad kernel fails them all: find whose it is.
    for (const c of cases) {
      try {
        check(c, (await compute(rig, [c], options))[0]);
      } catch (alone) {
        wrong.push(`${c.name} does not run: ${messageOf(alone)}`);
      }
    }
    if (wrong.length === 0) throw error;
  }
  if (wrong.length > 0) fail(`${wrong.length} of ${cases.length}:\n${wrong.join("\n")}`);
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/** The values of each case's nodes, from one run of one Program. */
async function compute(
  rig: Rig,
  cases: readonly Computed[],
  options: Pick<EmitOptions, "fuse">,
): Promise<RefTensor[][]> {
  const inputs = new Map<string, RefTensor>();
  const outputs = cases.flatMap(({ nodes, feeds }, i) => {
    const given = nodes.map((node, k): Output => ({ kind: "result", name: `c${i}.${k}`, node }));
    const { graph, named } = asInputs({ outputs: given }, feeds, `c${i}.`);
    for (const [name, tensor] of named) inputs.set(name, tensor);
    return graph.outputs;
  });
  const graph = [decompose, simplify, cse].reduce<Graph>((g, p) => p.run(g), { outputs });
  const { results } = await runOnDevice(rig, graph, inputs, options);
  return cases.map(({ nodes }, i) => nodes.map((_, k) => results.get(`c${i}.${k}`)!));
}

/** The graph with every leaf that is fed an input of its own name, so that many graphs fit into one. */
function asInputs(graph: Graph, feeds: Feeds, prefix: string) {
  const named = new Map<string, RefTensor>();
  const b = new Builder({ why: "test" });
  const renamed = mapGraph(graph, (node, inputs) => {
    if (node.op.name !== "input" && node.op.name !== "state") return same(node, inputs);
    const own = String(node.attrs.name ?? node.attrs.slot);
    const tensor = (node.op.name === "state" ? feeds.state : feeds.inputs)?.get(own);
    if (!tensor) throw new Error(`${own} is not fed`);
    const name = `${prefix}${node.op.name}.${own}`;
    named.set(name, tensor);
    return inputNode(b, name, node.type.dtype, node.type.shape);
  });
  return { graph: renamed, named };
}
