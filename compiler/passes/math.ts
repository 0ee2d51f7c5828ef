import type { DType } from "../core/dtype.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { apply } from "../ops/apply.ts";
import { cast } from "../ops/cast.ts";
import { where } from "../ops/comparison.ts";
import { OPS } from "../ops/index.ts";
import { constNode } from "../ops/leaf.ts";

export type Operand = Node | number;

/** Arithmetic on nodes for passes that write formulas: numbers become constants of the other operands' dtype. */
export class MathBuilder {
  constructor(readonly b: Builder) {}

  /** An elementwise op by name, operands broadcast together. */
  call(name: string, ...operands: Operand[]): Node {
    const op = OPS.get(name);
    if (op?.kind !== "map") throw new Error(`no elementwise op ${name}`);
    return apply(this.b, op, operands);
  }

  add(x: Operand, y: Operand): Node {
    return this.call("add", x, y);
  }
  sub(x: Operand, y: Operand): Node {
    return this.call("sub", x, y);
  }
  /** x·y; a factor of 1 is dropped. */
  mul(x: Operand, y: Operand): Node {
    if (x === 1 && typeof y !== "number") return y;
    if (y === 1 && typeof x !== "number") return x;
    return this.call("mul", x, y);
  }
  div(x: Operand, y: Operand): Node {
    return this.call("div", x, y);
  }
  neg(x: Node): Node {
    return this.call("neg", x);
  }
  min(x: Operand, y: Operand): Node {
    return this.call("min", x, y);
  }
  max(x: Operand, y: Operand): Node {
    return this.call("max", x, y);
  }
  sqrt(x: Node): Node {
    return this.call("sqrt", x);
  }
  where(condition: Node, x: Operand, y: Operand): Node {
    return where(this.b, condition, x, y);
  }
  cast(x: Node, dtype: DType): Node {
    return cast(this.b, x, dtype);
  }
  constant(value: number, dtype: DType = "f32"): Node {
    return constNode(this.b, value, dtype);
  }
}
