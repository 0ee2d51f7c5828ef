import type { Expr, Prim } from "../core/expr.ts";
import { f32, operands, prim } from "../core/expr.ts";

const ZERO = f32(0);
const ONE = f32(1);

function isConst(e: Expr, value: number): boolean {
  return e.e === "const" && e.kind === "f32" && e.value === value;
}

/** a·b with the units folded. */
export function mul(a: Expr, b: Expr): Expr {
  if (isConst(a, 0) || isConst(b, 0)) return ZERO;
  if (isConst(a, 1)) return b;
  if (isConst(b, 1)) return a;
  if (a.e === "const" && b.e === "const") return f32(a.value * b.value);
  return prim("mul", a, b);
}

export function add(a: Expr, b: Expr): Expr {
  if (isConst(a, 0)) return b;
  if (isConst(b, 0)) return a;
  if (a.e === "const" && b.e === "const") return f32(a.value + b.value);
  return prim("add", a, b);
}

function neg(a: Expr): Expr {
  return a.e === "const" ? f32(-a.value) : prim("neg", a);
}

/**
 * The partial derivatives of each primitive, given the expression itself and its operands. Where a function has a kink
 * the choice is PyTorch's: ties of max and min share the gradient, abs and sign are 0 at 0.
 */
type Rule = (self: Expr, ...args: Expr[]) => (Expr | undefined)[];

const half = f32(0.5);
const tie = (a: Expr, b: Expr, wins: Prim): Expr =>
  prim("select", prim("eq", a, b), half, prim("select", prim(wins, a, b), ONE, ZERO));

const RULES: Partial<Record<Prim, Rule>> = {
  add: () => [ONE, ONE],
  sub: () => [ONE, f32(-1)],
  mul: (_, a, b) => [b, a],
  div: (y, _a, b) => [prim("div", ONE, b), neg(prim("div", y, b))],
  neg: () => [f32(-1)],
  abs: (_, a) => [prim("sign", a)],
  max: (_, a, b) => [tie(a, b, "gt"), tie(b, a, "gt")],
  min: (_, a, b) => [tie(a, b, "lt"), tie(b, a, "lt")],
  exp: (y) => [y],
  expm1: (y) => [add(y, ONE)],
  log: (_, a) => [prim("div", ONE, a)],
  log1p: (_, a) => [prim("div", ONE, add(a, ONE))],
  sqrt: (y) => [prim("div", half, y)],
  rsqrt: (y) => [mul(f32(-0.5), mul(y, mul(y, y)))],
  sin: (_, a) => [prim("cos", a)],
  cos: (_, a) => [neg(prim("sin", a))],
  tanh: (y) => [prim("sub", ONE, mul(y, y))],
  // d erf = 2/√π · e^(−a²)
  erf: (_, a) => [mul(f32(2 / Math.sqrt(Math.PI)), prim("exp", neg(mul(a, a))))],
  pow: (y, a, b) => [mul(b, prim("pow", a, prim("sub", b, ONE))), mul(y, prim("log", a))],
  select: (_, c) => [undefined, prim("select", c, ONE, ZERO), prim("select", c, ZERO, ONE)],
};

/** ∂root/∂input(index), where `root` is a differentiable expression of f32 inputs. Piecewise constants have slope 0. */
export function differentiate(root: Expr, index: number): Expr {
  const memo = new Map<Expr, Expr>();
  const d = (e: Expr): Expr => {
    const known = memo.get(e);
    if (known) return known;
    let out: Expr = ZERO;
    if (e.e === "input" && e.index === index) out = ONE;
    else if (e.e === "round") out = d(e.arg);
    else if (e.e === "prim") {
      const slopes = RULES[e.fn]?.(e, ...e.args) ?? [];
      out = operands(e).reduce<Expr>((sum, a, i) => {
        const slope = slopes[i];
        return slope && a.kind === "f32" ? add(sum, mul(slope, d(a))) : sum;
      }, ZERO);
    }
    memo.set(e, out);
    return out;
  };
  return d(root);
}
