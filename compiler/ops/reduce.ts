import { reduction } from "./broadcast.ts";

/** Positions are i32, row-major in the reduced axes, the first of equals. */
export const argmaxOp = reduction({
  name: "argmax",
  combine: "argmax",
  class: "follow",
  result: () => "i32",
  grad: null,
});
