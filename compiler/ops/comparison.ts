import { isFloat } from "../core/dtype.ts";
import type { Prim } from "../core/expr.ts";
import { prim } from "../core/expr.ts";
import { eqShape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { MapOp } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import type { Operand, OpFunction } from "./apply.ts";
import { commonShape, isNode, pointwise, sameKind, tensor } from "./apply.ts";
import { expand } from "./broadcast.ts";
import { elementwise } from "./define.ts";
import { constNode } from "./leaf.ts";
import type { LibraryFunction } from "./library.ts";
import { literal } from "./literal.ts";
import { bools, float, ints, sample } from "./sample.ts";

/** Comparisons give bool and carry no gradient. They compare in the dtype that the operands meet in. */

function comparison(name: "eq" | "ne" | "lt" | "le" | "gt" | "ge", doc: string): OpFunction {
  const equality = name === "eq" || name === "ne";
  const op = elementwise({
    name,
    class: "follow",
    arity: 2,
    accepts: (d) => equality || d !== "bool",
    result: () => "bool",
    exact: true,
    expr: (x, y) => prim(name, x, y),
    derivative: null,
  });
  return pointwise(op, 2, { doc });
}

export const eq = comparison("eq", "x == y");
export const ne = comparison("ne", "x != y");
export const lt = comparison("lt", "x < y");
export const le = comparison("le", "x <= y");
export const gt = comparison("gt", "x > y");
export const ge = comparison("ge", "x >= y");

const logical = (name: Prim & ("and" | "or" | "not"), arity: number): MapOp =>
  elementwise({
    name,
    class: "fixed",
    arity,
    accepts: (d) => d === "bool",
    exact: true,
    expr: (...x) => prim(name, ...x),
    derivative: null,
  });

export const andOp = logical("and", 2);
export const orOp = logical("or", 2);
export const notOp = logical("not", 1);

/** Input 1 where input 0 (bool) holds, else input 2; equal shapes. */
export const whereOp: MapOp = {
  kind: "map",
  name: "where",
  class: "follow",
  exact: true,
  view: false,
  type([c, x, y]) {
    if (c.dtype !== "bool") {
      throw new OpError("where takes a condition of bools", { expected: "bool", found: c.dtype, input: 0 });
    }
    for (const [i, t] of [[1, x], [2, y]] as const) {
      if (t.dtype !== x.dtype || !eqShape(t.shape, c.shape)) {
        throw new OpError("the operands of where differ", {
          expected: showType({ dtype: x.dtype, shape: c.shape }),
          found: showType(t),
          input: i,
        });
      }
    }
    return x;
  },
  expr: (m) => prim("select", m.read(0, m.coords), m.read(1, m.coords), m.read(2, m.coords)),
  grad(b, node, dy) {
    if (!isFloat(node.type.dtype)) return [undefined, undefined, undefined];
    const zero = expand(b, constNode(b, 0, dy.type.dtype), dy.type.shape);
    const c = node.inputs[0];
    return [undefined, b.node(whereOp, [c, dy, zero]), b.node(whereOp, [c, zero, dy])];
  },
  samples: [
    sample([bools([2, 3]), float([2, 3]), float([2, 3])]),
    sample([bools([4]), ints([4], -9, 9), ints([4], -9, 9)]),
  ],
};

/** x where the condition holds, else y; all three broadcast, numbers are weakly typed. */
export function where(b: Builder, condition: Node, x: Operand, y: Operand): Node {
  const values = sameKind(b, [x, y]);
  const shape = commonShape([condition, ...values].map((n) => n.type.shape));
  return b.node(whereOp, [condition, ...values].map((n) => expand(b, n, shape)));
}

export const whereFunction: LibraryFunction = {
  name: "where",
  params: [tensor("condition"), tensor("x"), tensor("y")],
  class: "follow",
  doc: "x where condition (bool) holds, else y; all broadcast",
  build(b, args) {
    const c = args.condition as Operand;
    return where(b, isNode(c) ? c : literal(b, c, []), args.x as Operand, args.y as Operand);
  },
};
