import type { DType } from "../core/dtype.ts";
import { isFloat, isNarrowRange, kindOf } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { coord } from "../core/expr.ts";
import { overflows, round } from "../core/round.ts";
import { bound } from "../core/shape.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { topological } from "../ir/graph.ts";
import type { BoundType, MapOp, RefTensor } from "../ir/op.ts";
import { linearize } from "../ops/view.ts";
import type { Columns } from "./columns.ts";
import { evaluateColumns } from "./columns.ts";
import { contract, reduce } from "./structured.ts";

/** Host values that a graph reads: row-major, unpadded, one f64 an element whatever the dtype. */
export interface Feeds {
  readonly inputs?: ReadonlyMap<string, RefTensor>;
  readonly state?: ReadonlyMap<string, RefTensor>;
}

export interface EvaluateOptions {
  /** `f64`: floats are not rounded. `rounded`: each node's result is rounded once to its dtype. */
  readonly precision: "f64" | "rounded";
  /** Composites by their decompositions, where they would go by their references. */
  readonly decomposed?: boolean;
}

/** A node's elements, and whether a rounding to f16 or f8e5m2 overflowed in it or among its ancestors. */
export interface Value extends RefTensor {
  readonly overflowed: boolean;
}

/**
 * The oracle: the value of each output of a bound graph, by `kind/name`, from each op's own rule and in f64 throughout.
 * It is plain rather than fast. Throws Error for an input or state slot that is not fed, or fed in another type.
 */
export function evaluate(graph: Graph, feeds: Feeds, options: EvaluateOptions): Map<string, Value> {
  const values = evaluateNodes(graph.outputs.map((o) => o.node), feeds, options);
  return new Map(graph.outputs.map((o) => [`${o.kind}/${o.name}`, values.get(o.node)!]));
}

/** The value of every node that the roots reach; `values` holds those already known. */
export function evaluateNodes(
  roots: readonly Node[],
  feeds: Feeds,
  options: EvaluateOptions,
  values: Map<Node, Value> = new Map(),
): Map<Node, Value> {
  for (const node of topological(roots)) {
    if (!values.has(node)) values.set(node, evaluateNode(node, feeds, options, values));
  }
  return values;
}

function evaluateNode(node: Node, feeds: Feeds, options: EvaluateOptions, values: Map<Node, Value>): Value {
  const type = boundType(node);
  const inputs = node.inputs.map((n) => values.get(n)!);
  const overflowed = inputs.some((i) => i.overflowed);
  const finish = (data: Float64Array) => store({ ...type, data, overflowed }, options);
  const { op, attrs } = node;
  switch (op.kind) {
    case "leaf":
      return finish(leaf(node, type, feeds));
    case "map":
      return finish(mapped(op, node, type, inputs));
    case "reduce":
      return finish(reduce(op.combine, inputs[0], attrs.axes as readonly number[]));
    case "contract":
      return finish(contract(inputs[0], inputs[1]));
    case "composite": {
      if (!options.decomposed) return finish(op.reference(inputs, attrs, type));
      const body = op.decompose(new Builder(node.origin), node);
      return evaluateNodes([body], feeds, options, values).get(body)!;
    }
    case "flag": {
      const raised = feeds.state?.get("found_inf")?.data[0];
      const found = overflowed || raised || inputs.some((t) => !t.data.every(Number.isFinite));
      return { ...type, data: Float64Array.of(found ? 1 : 0), overflowed: false };
    }
  }
}

/** The node's type with its dims as numbers. Throws DimError where one is not bound. */
export function boundType(node: Node): BoundType {
  return { dtype: node.type.dtype, shape: bound(node.type.shape) };
}

/** The value as its dtype holds it: integers wrap, floats are rounded if asked for, overflows are noted. */
function store(v: Value, { precision }: EvaluateOptions): Value {
  if (isFloat(v.dtype) && precision === "f64") return v;
  const narrow = isNarrowRange(v.dtype);
  const overflowed = v.overflowed || (narrow && v.data.some((x) => overflows(x, v.dtype)));
  const to: DType = v.dtype;
  return { ...v, data: v.data.map((x) => round(x, to)), overflowed };
}

function leaf({ op, attrs }: Node, type: BoundType, feeds: Feeds): Float64Array {
  if (op.name === "const") return Float64Array.of(attrs.value as number);
  const isState = op.name === "state";
  const name = (isState ? attrs.slot : attrs.name) as string;
  const fed = (isState ? feeds.state : feeds.inputs)?.get(name);
  if (!fed) throw new Error(`${isState ? "state slot" : "input"} ${name} is not fed`);
  const show = (t: BoundType) => `${t.dtype}[${t.shape.join(", ")}]`;
  if (show(fed) !== show(type)) throw new Error(`${name} is ${show(type)}, fed ${show(fed)}`);
  return fed.data;
}

function mapped(op: MapOp, node: Node, type: BoundType, inputs: readonly Value[]): Float64Array {
  const expr = op.expr({
    coords: type.shape.map((_, axis) => coord(axis)),
    type,
    inputs,
    attrs: node.attrs,
    read(k, at, guard): Expr {
      const { shape, dtype } = inputs[k];
      return { e: "load", binding: k, index: linearize(at, shape), guard, kind: kindOf(dtype) };
    },
  });
  return evaluateColumns(expr, columnsOf(type.shape, inputs));
}

function columnsOf(shape: readonly number[], inputs: readonly Value[]): Columns {
  const length = shape.reduce((a, d) => a * d, 1);
  return {
    length,
    coord(axis) {
      const inner = shape.slice(axis + 1).reduce((a, d) => a * d, 1);
      return new Float64Array(length).map((_, i) => Math.floor(i / inner) % shape[axis]);
    },
    load(k, index, guard) {
      const { data } = inputs[k];
      return index.map((at, i) => {
        if (guard && !guard[i]) return 0;
        if (!(at >= 0 && at < data.length)) {
          throw new Error(`an op read element ${at} of ${data.length} without a guard`);
        }
        return data[at];
      });
    },
    overflow() {},
  };
}
