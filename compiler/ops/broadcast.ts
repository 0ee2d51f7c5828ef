import type { DType } from "../core/dtype.ts";
import { isFloat } from "../core/dtype.ts";
import { i32 } from "../core/expr.ts";
import type { Combine } from "../core/kernel.ts";
import type { Shape } from "../core/shape.ts";
import { eqDim, eqShape, showShape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { OpBaseFields, PrecisionClass, ReduceOp, Sample } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { float, ints, sample } from "./sample.ts";
import { reshape, view } from "./view.ts";

/** Repeating and summing are each other's adjoints, so they stand together. */

/** NumPy broadcasting to attrs.shape: new axes in front, and axes of extent 1 repeated. */
export const expandOp = view({
  name: "expand",
  shape(x, attrs) {
    const to = attrs.shape as Shape;
    const lead = to.length - x.length;
    if (lead < 0 || x.some((d, i) => d !== 1 && !eqDim(d, to[i + lead]))) {
      throw new OpError(`${showShape(x)} does not broadcast to ${showShape(to)}`, {
        expected: showShape(to),
        found: showShape(x),
      });
    }
    return to;
  },
  coords(m) {
    const x = m.inputs[0].shape;
    const lead = m.coords.length - x.length;
    return x.map((d, i) => d === 1 && m.type.shape[i + lead] !== 1 ? i32(0) : m.coords[i + lead]);
  },
  grad(b, node, dy) {
    const x = node.inputs[0].type.shape;
    const to = node.type.shape;
    const lead = to.length - x.length;
    const axes = to.map((_, i) => i).filter((i) => i < lead || (x[i - lead] === 1 && !eqDim(to[i], 1)));
    return [reshape(b, reduceSum(b, dy, axes), x)];
  },
  samples: [
    sample([float([3])], { shape: [2, 3] }),
    sample([float([2, 1, 3])], { shape: [2, 4, 3] }),
    sample([float([])], { shape: [2, 2] }),
  ],
});

export function expand(b: Builder, x: Node, shape: Shape): Node {
  return eqShape(x.type.shape, shape) ? x : b.node(expandOp, [x], { shape });
}

/** The axes an op reduces: sorted, from the front. */
export function axesOf(node: Node): readonly number[] {
  return node.attrs.axes as readonly number[];
}

/** The input's shape with the reduced axes kept as 1. */
export function keptShape(node: Node): Shape {
  const axes = axesOf(node);
  return node.inputs[0].type.shape.map((d, i) => axes.includes(i) ? 1 : d);
}

/** A reduction's result, or its gradient, repeated over the axes that were reduced. */
export function spread(b: Builder, reduced: Node, node: Node): Node {
  return expand(b, reshape(b, reduced, keptShape(node)), node.inputs[0].type.shape);
}

export interface ReduceDef {
  readonly name: string;
  readonly combine: Combine;
  readonly class: PrecisionClass;
  readonly result?: (d: DType) => DType;
  readonly grad: OpBaseFields["grad"];
  readonly samples: readonly Sample[];
}

/** A float tensor reduced over its last axis, over two axes, and wholly. */
export const REDUCE_SAMPLES: readonly Sample[] = [
  sample([float([3, 4])], { axes: [1] }),
  sample([float([2, 3, 2])], { axes: [0, 2] }),
  sample([float([5])], { axes: [0] }),
];

/** A reduction from its combine rule. */
export function reduction(def: ReduceDef): ReduceOp {
  return {
    kind: "reduce",
    name: def.name,
    combine: def.combine,
    class: def.class,
    type([x], attrs) {
      const axes = attrs.axes as readonly number[];
      if (axes.some((a, i) => !(a >= 0 && a < x.shape.length) || (i > 0 && a <= axes[i - 1]))) {
        throw new OpError(`${def.name} over axes [${axes}] of a rank-${x.shape.length} tensor`);
      }
      if ((x.dtype === "bool") !== (def.combine === "or")) {
        throw new OpError(`${def.name} does not take ${x.dtype}`, { input: 0 });
      }
      return {
        dtype: def.result ? def.result(x.dtype) : x.dtype,
        shape: x.shape.filter((_, i) => !axes.includes(i)),
      };
    },
    grad: def.grad,
    samples: def.samples,
  };
}

/** Σ over axes, accumulated in f32 and rounded once to the input's dtype; integers wrap. */
export const sumOp = reduction({
  name: "sum",
  combine: "sum",
  class: "full",
  // Small integers are summed in 32 bits.
  result: (d) => isFloat(d) ? d : d === "u8" || d === "u32" ? "u32" : "i32",
  grad: (b, node, dy) => [isFloat(node.inputs[0].type.dtype) ? spread(b, dy, node) : undefined],
  samples: [...REDUCE_SAMPLES, sample([ints([3, 4], -9, 9)], { axes: [0] })],
});

export function reduceSum(b: Builder, x: Node, axes: readonly number[]): Node {
  return axes.length === 0 ? x : b.node(sumOp, [x], { axes });
}
