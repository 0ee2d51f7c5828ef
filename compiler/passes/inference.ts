import { rewrite } from "../ir/rewrite.ts";

/** What differs between training and evaluation: nothing is dropped. */
export const inference = rewrite("inference", [
  {
    algebra: "dropout(x, …) → x",
    apply: (n) => n.op.name === "dropout" ? n.inputs[0] : undefined,
  },
]);
