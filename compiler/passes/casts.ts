import type { DType } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { mapGraph, same } from "../ir/graph.ts";
import { operandDTypes } from "../ir/op.ts";
import { transform } from "../ir/rewrite.ts";
import { castOp } from "../ops/cast.ts";

/**
 * Makes precision explicit: each operand is cast to what its consumer's class asks for in its region, once a value and
 * dtype however many consumers there are. Afterwards no node depends on a region.
 */
export const casts = transform("casts", (graph) => {
  const made = new Map<Node, Map<DType, Node>>();
  const castOnce = (x: Node, dtype: DType, consumer: Node): Node => {
    const known = made.get(x) ?? made.set(x, new Map()).get(x)!;
    const old = known.get(dtype);
    if (old) return old;
    const region = consumer.region!;
    const rule = {
      compute: `${consumer.op.name} computes in ${dtype}: ${region.why}`,
      full: `${consumer.op.name} is computed in f32`,
      follow: `${consumer.op.name} follows its widest operand, ${dtype}`,
      fixed: "",
    }[consumer.op.class];
    const b = new Builder({
      why: rule,
      // A policy that stands nowhere (the outermost default) leaves the consumer's own line.
      span: (consumer.op.class === "compute" ? region.span : undefined) ?? consumer.origin.span,
      ...(consumer.origin.segment === undefined ? {} : { segment: consumer.origin.segment }),
    });
    const node = b.node(castOp, [x], { to: dtype });
    known.set(dtype, node);
    return node;
  };
  return mapGraph(graph, (node, inputs) => {
    if (!node.region) return same(node, inputs);
    const dtypes = operandDTypes(node.op, inputs.map((i) => i.type), node.region);
    const { op, attrs, type, origin } = node;
    return {
      op,
      inputs: inputs.map((x, i) => x.type.dtype === dtypes[i] ? x : castOnce(x, dtypes[i], node)),
      attrs,
      type,
      origin,
    };
  });
});
