/** Runs a training graph step after step through the oracle, carrying its state. */
import { bound } from "../../../compiler/core/shape.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { nodesOf } from "../../../compiler/ir/graph.ts";
import type { Pass } from "../../../compiler/ir/rewrite.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { verify } from "../../../compiler/ir/verify.ts";
import type { EvaluateOptions } from "../../../compiler/reference/evaluate.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { assertEquals } from "../../assert.ts";

/** The passes in order, the graph verified after each. */
export function through(graph: Graph, passes: readonly Pass[]): Graph {
  return passes.reduce((g, pass) => {
    const next = pass.run(g);
    assertEquals(verify(next), [], `after ${pass.name}`);
    return next;
  }, graph);
}

/** One graph with its State; slots that are not given start at zero. */
export class GraphRunner {
  readonly state: Map<string, RefTensor>;

  constructor(
    readonly graph: Graph,
    initial: ReadonlyMap<string, RefTensor>,
    readonly options: EvaluateOptions = { precision: "rounded" },
  ) {
    this.state = new Map(initial);
    for (const { op, attrs, type } of nodesOf(graph)) {
      const slot = String(attrs.slot);
      if (op.name !== "state" || this.state.has(slot)) continue;
      const shape = bound(type.shape);
      const data = new Float64Array(shape.reduce((a, d) => a * d, 1));
      this.state.set(slot, { dtype: type.dtype, shape, data });
    }
  }

  /** Runs the graph once on these inputs; gives its results by name. */
  step(inputs: Readonly<Record<string, RefTensor>>): Map<string, RefTensor> {
    const feeds = { inputs: new Map(Object.entries(inputs)), state: this.state };
    const values = evaluate(this.graph, feeds, this.options);
    const results = new Map<string, RefTensor>();
    for (const { kind, name } of this.graph.outputs) {
      const { dtype, shape, data } = values.get(`${kind}/${name}`)!;
      if (kind === "result") results.set(name, { dtype, shape, data });
      else if (kind === "state") this.state.set(name, { dtype, shape, data });
    }
    return results;
  }

  /** A scalar of the State. */
  scalar(slot: string): number {
    return this.state.get(slot)!.data[0];
  }
}
