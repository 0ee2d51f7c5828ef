import type { DType } from "../core/dtype.ts";
import type { Dim, Shape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Attrs, LeafOp, TensorType } from "../ir/op.ts";

const declared = (_: readonly TensorType[], attrs: Attrs): TensorType => ({
  dtype: attrs.dtype as DType,
  shape: (attrs.shape ?? []) as Shape,
});

const leaf = (name: string): LeafOp => ({
  kind: "leaf",
  name,
  class: "fixed",
  type: declared,
  grad: null,
  samples: [],
});

/** A tensor that the host gives at each run: {name, dtype, shape}. */
export const inputOp = leaf("input");
/** A slot of the State, as it was before the run: {slot, dtype, shape}. */
export const stateOp = leaf("state");
/** A scalar known when compiling: {value, dtype}. Rank 0; `expand` gives it a shape. */
export const constOp = leaf("const");

export function inputNode(b: Builder, name: string, dtype: DType, shape: Shape): Node {
  return b.node(inputOp, [], { name, dtype, shape });
}

export function stateNode(b: Builder, slot: string, dtype: DType, shape: Shape): Node {
  return b.node(stateOp, [], { slot, dtype, shape });
}

/** A trainable parameter's master: the slot `param/PATH`. */
export function paramNode(b: Builder, path: string, dtype: DType, shape: Shape): Node {
  return stateNode(b, `param/${path}`, dtype, shape);
}

/** A dim among the values is a number once dims are bound. */
export function constNode(b: Builder, value: Dim, dtype: DType = "f32"): Node {
  return b.node(constOp, [], { value, dtype });
}

/** The value of a `const`, seen through `expand`, `reshape` and `cast`-free views; undefined elsewhere. */
export function constValue(node: Node): number | undefined {
  let n = node;
  while (n.op.kind === "map" && n.op.view) n = n.inputs[0];
  return n.op === constOp && typeof n.attrs.value === "number" ? n.attrs.value : undefined;
}
