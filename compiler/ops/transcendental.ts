import { isFloat } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, prim, u32 } from "../core/expr.ts";
import type { PrecisionClass } from "../ir/op.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Operand, OpFunction } from "./apply.ts";
import { apply, isNode, pointwise, toFloat } from "./apply.ts";
import { elementwise } from "./define.ts";

/** Powers, exponentials, logarithms, roots and circular functions of floats. */

function unary(
  name: "exp" | "log" | "sqrt" | "rsqrt" | "sin" | "cos" | "tanh",
  cls: PrecisionClass,
  doc: string,
  domain?: readonly [number, number],
): OpFunction {
  const op = elementwise({
    name,
    class: cls,
    arity: 1,
    accepts: isFloat,
    expr: (x) => prim(name, x),
    domain: [domain],
  });
  return pointwise(op, 1, { doc, float: true });
}

export const exp = unary("exp", "full", "eˣ, in f32");
export const log = unary("log", "full", "The natural logarithm, in f32", [0.2, 3]);
export const sqrt = unary("sqrt", "follow", "√x", [0.2, 3]);
export const rsqrt = unary("rsqrt", "full", "1/√x, in f32", [0.2, 3]);
export const sin = unary("sin", "follow", "Sine of radians");
export const cos = unary("cos", "follow", "Cosine of radians");
export const tanh = unary("tanh", "follow", "Hyperbolic tangent");

export const expm1Op = elementwise({
  name: "expm1",
  class: "full",
  arity: 1,
  accepts: isFloat,
  expr: (x) => prim("expm1", x),
});

export const floorOp = elementwise({
  name: "floor",
  class: "follow",
  arity: 1,
  accepts: isFloat,
  expr: (x) => prim("floor", x),
});

/** 1/x of a power of two in [2⁻¹²⁶, 2¹²⁶], exactly: the exponent is negated in the bits. */
export const reciprocalPow2Op = elementwise({
  name: "reciprocal_pow2",
  class: "fixed",
  arity: 1,
  accepts: (d) => d === "f32",
  domain: [[0.5, 0.5]],
  expr: (x) => prim("f32_of_bits", prim("sub", u32(0x7f000000), prim("bits_of", x))),
  derivative: null,
});

/** xʸ as IEEE's pow where that is finite: WGSL's is undefined for a negative base and for 0⁰. */
function power(x: Expr, y: Expr): Expr {
  const size = prim("pow", prim("abs", x), y);
  const odd = prim("ne", prim("mul", prim("floor", prim("mul", y, f32(0.5))), f32(2)), y);
  const whole = prim("eq", prim("floor", y), y);
  const negated = prim("select", odd, prim("neg", size), size);
  // A negative base with a fractional exponent has no real power: NaN, as the root of a negative is.
  const negative = prim("select", whole, negated, prim("sqrt", x));
  const value = prim("select", prim("lt", x, f32(0)), negative, size);
  return prim("select", prim("eq", y, f32(0)), f32(1), value);
}

export const powOp = elementwise({
  name: "pow",
  class: "full",
  arity: 2,
  accepts: isFloat,
  domain: [[0.3, 2], [-2, 2]],
  expr: power,
  derivative(i, x, y) {
    const zero = f32(0);
    if (i === 0) {
      const slope = prim("mul", y, power(x, prim("sub", y, f32(1))));
      return prim("select", prim("eq", y, zero), zero, slope);
    }
    const flat = prim("and", prim("eq", x, zero), prim("ge", y, zero));
    return prim("select", flat, zero, prim("mul", power(x, y), prim("log", x)));
  },
});

export const squareOp = elementwise({
  name: "square",
  class: "full",
  arity: 1,
  accepts: isFloat,
  expr: (x) => prim("mul", x, x),
});

export const pow: OpFunction = {
  ...pointwise(powOp, 2, { doc: "x ** y, in f32; of integers too", float: true }),
  build: (b, args) => powered(b, args.x as Operand, args.y as Operand),
};

/** `x ** 2` is a product: exact, and a multiplication where pow costs a logarithm. */
function powered(b: Builder, x: Operand, y: Operand): Node {
  const [base, exponent] = [x, y].map((v) => isNode(v) ? toFloat(b, v) : v);
  return exponent === 2 ? apply(b, squareOp, [base]) : apply(b, powOp, [base, exponent]);
}
