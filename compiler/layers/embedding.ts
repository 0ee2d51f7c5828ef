import type { Dim } from "../core/shape.ts";
import { bound } from "../core/shape.ts";
import { isFloat } from "../core/dtype.ts";
import type { Node } from "../ir/graph.ts";
import { OpError, showType } from "../ir/op.ts";
import { take } from "../ops/take.ts";
import { normal } from "./init.ts";
import type { Layer } from "./layer.ts";

/** torch.nn.Embedding: rows of weight [num_embeddings, embedding_dim], which start standard normal. */
export const Embedding: Layer = {
  name: "Embedding",
  doc:
    "The weight's row for each integer id, in the weight's own dtype, as under autocast: [...] to [..., embedding_dim]. " +
    "The row of padding_idx reads as zeros and is not trained. An id outside the table gives NaN.",
  params: [
    { name: "num_embeddings", type: "int" },
    { name: "embedding_dim", type: "int" },
    { name: "padding_idx", type: "int", optional: true },
  ],
  inputs: [{ name: "ids", type: "tensor" }],
  weights(args) {
    const shape = [args.num_embeddings as Dim, args.embedding_dim as Dim];
    const [rows] = bound(shape);
    const hole = args.padding_idx as number | undefined;
    if (hole !== undefined && !(hole >= -rows && hole < rows)) {
      throw new OpError("padding_idx is a row of the table", {
        expected: `${-rows} to ${rows - 1}`,
        found: String(hole),
        input: 2,
      });
    }
    return [{ name: "weight", shape, init: normal(0, 1) }];
  },
  build(b, args, { weight }, inputs) {
    const ids = inputs.ids as Node;
    if (isFloat(ids.type.dtype) || ids.type.dtype === "bool") {
      throw new OpError("Embedding looks up integers", {
        expected: "i32",
        found: showType(ids.type),
        input: 0,
      });
    }
    const hole = args.padding_idx as number | undefined;
    const rows = args.num_embeddings as number;
    return take(b, weight, ids, hole === undefined ? undefined : hole < 0 ? hole + rows : hole);
  },
};
