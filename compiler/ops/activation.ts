import { isFloat } from "../core/dtype.ts";
import type { Attrs } from "../ir/op.ts";
import type { Expr } from "../core/expr.ts";
import { f32, prim } from "../core/expr.ts";
import type { OpFunction } from "./apply.ts";
import { pointwise } from "./apply.ts";
import { elementwise, parametric } from "./define.ts";
import type { Param } from "./library.ts";

/**
 * Activations, after torch.nn.functional. Each is written so that no intermediate overflows for any input: an
 * overflow that a select throws away is still indeterminate in WGSL.
 */

const mul = (...xs: Expr[]) => xs.reduce((a, b) => prim("mul", a, b));
const add = (x: Expr, y: Expr) => prim("add", x, y);
const one = f32(1);
const zero = f32(0);

function activation(
  name: string,
  doc: string,
  expr: (x: Expr) => Expr,
  derivative?: (x: Expr) => Expr,
): OpFunction {
  const op = elementwise({
    name,
    class: "follow",
    arity: 1,
    accepts: isFloat,
    expr,
    derivative: derivative && ((_, x) => derivative(x)),
  });
  return pointwise(op, 1, { doc, float: true });
}

/** e^−|x|, in (0, 1]. */
const decay = (x: Expr) => prim("exp", prim("neg", prim("abs", x)));

/** 1/(1+e^−x) from e^−|x|. */
export function logistic(x: Expr): Expr {
  const e = decay(x);
  return prim("div", prim("select", prim("ge", x, zero), one, e), add(one, e));
}

/** σ(1−σ) = e/(1+e)², even in x. */
export function logisticSlope(x: Expr): Expr {
  const e = decay(x);
  return prim("div", e, mul(add(one, e), add(one, e)));
}

const reluOp = elementwise({
  name: "relu",
  class: "follow",
  arity: 1,
  accepts: isFloat,
  exact: true,
  expr: (x) => prim("max", x, zero),
  derivative: (_, x) => prim("select", prim("gt", x, zero), one, zero),
});
export const relu = pointwise(reluOp, 1, { doc: "max(x, 0); the gradient at 0 is 0", float: true });

export const sigmoid = activation("sigmoid", "1 / (1 + e⁻ˣ)", logistic, logisticSlope);

export const silu = activation(
  "silu",
  "x · sigmoid(x)",
  (x) => mul(x, logistic(x)),
  (x) => add(logistic(x), mul(x, logisticSlope(x))),
);

export const gelu = activation(
  "gelu",
  "x · Φ(x) with the normal distribution function, through erf",
  (x) => mul(f32(0.5), x, add(one, prim("erf", mul(x, f32(Math.SQRT1_2))))),
);

export const geluTanh = activation(
  "gelu_tanh",
  "½x(1 + tanh(√(2/π)(x + 0.044715x³))), torch's gelu with approximate='tanh'",
  (x) => {
    const inner = mul(f32(Math.sqrt(2 / Math.PI)), add(x, mul(f32(0.044715), x, x, x)));
    return mul(f32(0.5), x, add(one, prim("tanh", inner)));
  },
);

export const hardswish = activation(
  "hardswish",
  "x · min(max(x + 3, 0), 6) / 6",
  (x) => prim("div", mul(x, prim("min", prim("max", add(x, f32(3)), zero), f32(6))), f32(6)),
  (x) => {
    const middle = add(prim("div", x, f32(3)), f32(0.5));
    const upper = prim("select", prim("le", x, f32(3)), middle, one);
    return prim("select", prim("lt", x, f32(-3)), zero, upper);
  },
);

const number = (attrs: Attrs, name: string) => f32(attrs[name] as number);
const option = (name: string, value: number): Param => ({ name, type: "float", default: value });

const leakyReluOp = parametric({
  name: "leaky_relu",
  class: "follow",
  arity: 1,
  accepts: isFloat,
  attrs: { slope: 0.01 },
  expr: (attrs) => (x) => prim("select", prim("gt", x, zero), x, mul(x, number(attrs, "slope"))),
});
export const leakyRelu = pointwise(leakyReluOp, 1, {
  doc: "x where x > 0, else slope · x",
  float: true,
  params: [option("slope", 0.01)],
});

const eluOp = parametric({
  name: "elu",
  class: "follow",
  arity: 1,
  accepts: isFloat,
  attrs: { alpha: 1.5 },
  expr: (attrs) => (x) => {
    const below = mul(number(attrs, "alpha"), prim("expm1", prim("min", x, zero)));
    return prim("select", prim("gt", x, zero), x, below);
  },
  derivative: (attrs) => (_, x) => {
    const below = mul(number(attrs, "alpha"), prim("exp", prim("min", x, zero)));
    return prim("select", prim("gt", x, zero), one, below);
  },
});
export const elu = pointwise(eluOp, 1, {
  doc: "x where x > 0, else alpha · (eˣ − 1)",
  float: true,
  params: [option("alpha", 1)],
});

const softplusOp = parametric({
  name: "softplus",
  class: "full",
  arity: 1,
  accepts: isFloat,
  attrs: { beta: 1.5, threshold: 2 },
  expr: (attrs) => (x) => {
    const scaled = mul(x, number(attrs, "beta"));
    const threshold = number(attrs, "threshold");
    const curve = prim("log1p", prim("exp", prim("min", scaled, threshold)));
    return prim("select", prim("gt", scaled, threshold), x, prim("div", curve, number(attrs, "beta")));
  },
  derivative: (attrs) => (_, x) => {
    const scaled = mul(x, number(attrs, "beta"));
    return prim("select", prim("gt", scaled, number(attrs, "threshold")), one, logistic(scaled));
  },
});
export const softplus = pointwise(softplusOp, 1, {
  doc: "log(1 + e^(beta·x)) / beta in f32, and x itself where beta·x exceeds threshold",
  float: true,
  params: [option("beta", 1), option("threshold", 20)],
});
