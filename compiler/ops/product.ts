import { isFloat } from "../core/dtype.ts";
import type { Dim } from "../core/shape.ts";
import { eqDim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError, showType } from "../ir/op.ts";
import { commonShape, isNode, sameKind, tensor } from "./apply.ts";
import { expand } from "./broadcast.ts";
import type { LibraryFunction } from "./library.ts";
import { matmul as contract } from "./matmul.ts";
import { reshape, unsqueeze } from "./view.ts";

/** x @ y as torch.matmul: batch axes broadcast, and a vector stands as a row on the left, as a column on the right. */
export const matmul: LibraryFunction = {
  name: "matmul",
  params: [tensor("x"), tensor("y")],
  class: "compute",
  doc:
    "x @ y: [..., m, k] by [..., k, n]. Batch axes broadcast; a vector is a row on the left, a column on the " +
    "right, and its axis goes away. i8 by i8 is i32 and u8 by u8 is u32, exactly.",
  build(b, args) {
    for (const [input, name] of ["x", "y"].entries()) {
      const v = args[name];
      if (!isNode(v) || v.type.shape.length === 0) {
        throw new OpError("matmul multiplies matrices or vectors, not numbers", { input, help: "use *" });
      }
    }
    const given = [args.x as Node, args.y as Node];
    // Integers are multiplied as they are or not at all: in i32 a product would take four times the time.
    const [x, y] = given.some((v) => isFloat(v.type.dtype)) ? sameKind(b, given) : given;
    return product(b, x, y);
  },
};

/** x @ y of two tensors of one dtype, as `matmul` takes them. */
export function product(b: Builder, x: Node, y: Node): Node {
  const row = x.type.shape.length === 1, column = y.type.shape.length === 1;
  const left = row ? unsqueeze(b, x, 0) : x;
  const right = column ? unsqueeze(b, y, 1) : y;
  const [m, k] = left.type.shape.slice(-2);
  const [k2, n] = right.type.shape.slice(-2);
  if (!eqDim(k, k2)) {
    throw new OpError("the operands of matmul do not fit", {
      expected: `${k} along axis ${column ? 0 : -2} of the right operand`,
      found: showType(y.type),
      input: 1,
    });
  }
  const lead = commonShape([left.type.shape.slice(0, -2), right.type.shape.slice(0, -2)]);
  const out = contract(b, expand(b, left, [...lead, m, k]), expand(b, right, [...lead, k, n]));
  const kept: Dim[] = [...lead, ...(row ? [] : [m]), ...(column ? [] : [n])];
  return reshape(b, out, kept);
}
