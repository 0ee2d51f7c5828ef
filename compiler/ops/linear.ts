import { isFloat } from "../core/dtype.ts";
import { eqDim, showDim, sizeOf } from "../core/shape.ts";
import type { Shape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { CompositeOp } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { add } from "./arithmetic.ts";
import { reduceSum } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { total } from "./composite.ts";
import { matmul } from "./matmul.ts";
import { float, sample } from "./sample.ts";
import { reshape, transpose } from "./view.ts";

/** [rows, last axis], as matmul and its gradients take it. */
function rows(b: Builder, x: Node): Node {
  const shape = x.type.shape;
  return reshape(b, x, [sizeOf(shape.slice(0, -1)), shape[shape.length - 1]]);
}

/**
 * y[…, n] = Σ_k x[…, k]·w[n, k] + bias[n], torch.nn.functional.linear. The sum and the bias are in f32 and the result is
 * rounded once; so is each of dx, dw and dbias.
 */
export const linearOp: CompositeOp = {
  kind: "composite",
  name: "linear",
  class: "compute",
  type(inputs) {
    const [x, w, bias] = inputs;
    const k = x.shape.at(-1);
    if (!inputs.every((t) => isFloat(t.dtype) && t.dtype === x.dtype)) {
      throw new OpError("linear takes floats of one dtype", {
        found: inputs.map(showType).join(", "),
        input: 0,
      });
    }
    if (w.shape.length !== 2) {
      throw new OpError("a linear weight is a matrix", { found: showType(w), input: 1 });
    }
    if (k === undefined || !eqDim(k, w.shape[1])) {
      throw new OpError("the input does not fit the weight", {
        expected: showType({ dtype: x.dtype, shape: [...x.shape.slice(0, -1), w.shape[1]] }),
        found: showType(x),
        input: 0,
      });
    }
    if (bias && (bias.shape.length !== 1 || !eqDim(bias.shape[0], w.shape[0]))) {
      throw new OpError("the bias does not fit the weight", {
        expected: `[${showDim(w.shape[0])}]`,
        found: showType(bias),
        input: 2,
      });
    }
    return { dtype: x.dtype, shape: [...x.shape.slice(0, -1), w.shape[0]] };
  },
  decompose(b, node) {
    const [x, w, bias] = node.inputs;
    const dtype = node.type.dtype;
    const shape: Shape = node.type.shape;
    const product = (out?: "f32") => matmul(b, rows(b, x), transpose(b, w), out);
    if (!bias) return reshape(b, product(), shape);
    return reshape(b, cast(b, add(b, product("f32"), cast(b, bias, "f32")), dtype), shape);
  },
  reference([x, w, bias], _, type) {
    const [n, k] = w.shape;
    return Float64Array.from({ length: type.shape.reduce((a, d) => a * d, 1) }, (_, i) => {
      const row = Math.floor(i / n) * k, column = i % n;
      const terms = Array.from({ length: k }, (_, j) => x.data[row + j] * w.data[column * k + j]);
      return total(terms) + (bias ? bias.data[column] : 0);
    });
  },
  grad(b, node, dy) {
    const [x, w, bias] = node.inputs;
    const d = rows(b, dy);
    const dx = reshape(b, matmul(b, d, w), x.type.shape);
    const dw = matmul(b, transpose(b, d), rows(b, x));
    return bias ? [dx, dw, reduceSum(b, d, [0])] : [dx, dw];
  },
  samples: [
    sample([float([3, 4]), float([2, 4]), float([2])]),
    sample([float([2, 3, 4]), float([5, 4])]),
    sample([float([4]), float([3, 4]), float([3])]),
  ],
};

/** x[…, k], weight[n, k], bias[n] or none. */
export function linear(b: Builder, x: Node, weight: Node, bias?: Node): Node {
  return b.node(linearOp, bias ? [x, weight, bias] : [x, weight]);
}
