import { isFloat, isNarrowRange } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, prim } from "../core/expr.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Attrs, MapOp } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { logistic } from "./activation.ts";
import type { OpFunction } from "./apply.ts";
import { apply, tensor, tensorArg, toFloat } from "./apply.ts";
import { elementwise, parametric } from "./define.ts";
import type { Args, Param } from "./library.ts";
import { reduceLoss, REDUCTION, reductionIn } from "./reduction.ts";

/** Losses that are a mean of an expression of each prediction and its target, after torch.nn.functional; all in f32. */

interface LossInfo {
  readonly doc: string;
  /** Numbers that the expression depends on; they become the op's attrs. */
  readonly params?: readonly Param[];
  readonly note?: string;
  /** Refuses a call. Throws OpError. */
  readonly check?: (b: Builder, input: Node, args: Args) => void;
}

/** The library function of an elementwise loss: both operands in f32, of one rank, broadcast, and reduced. */
function lossOf(op: MapOp, info: LossInfo): OpFunction {
  const own = info.params ?? [];
  return {
    op,
    name: op.name,
    params: [tensor("input"), tensor("target"), ...own, REDUCTION],
    class: "full",
    note: info.note,
    doc: info.doc,
    build(b, args) {
      const [input, target] = ["input", "target"].map((n) => toFloat(b, tensorArg(b, args, n)));
      info.check?.(b, input, args);
      requireOneRank(op.name, input, target);
      const attrs: Attrs = Object.fromEntries(own.map((p) => [p.name, args[p.name] as number]));
      return reduceLoss(b, apply(b, op, [input, target], attrs), reductionIn(args, 2 + own.length));
    },
  };
}

/** [N, 1] against [N] would silently make N² losses; a scalar meets anything. */
function requireOneRank(name: string, input: Node, target: Node) {
  const [a, c] = [input, target].map((n) => n.type.shape.length);
  if (a !== c && a > 0 && c > 0) {
    throw new OpError(`${name} compares tensors of one rank`, {
      expected: showType(input.type),
      found: showType(target.type),
      input: 1,
      help: "reshape or squeeze one of them",
    });
  }
}

const PAIR = { class: "full", arity: 2, accepts: isFloat } as const;
const zero = f32(0);
const one = f32(1);
const add = (x: Expr, y: Expr) => prim("add", x, y);
const sub = (x: Expr, y: Expr) => prim("sub", x, y);
const mul = (x: Expr, y: Expr) => prim("mul", x, y);
const number = (attrs: Attrs, name: string) => f32(attrs[name] as number);

export const mse = lossOf(
  elementwise({ ...PAIR, name: "mse", expr: (x, y) => mul(sub(x, y), sub(x, y)) }),
  { doc: "(input − target)²" },
);

export const l1 = lossOf(
  elementwise({ ...PAIR, name: "l1", expr: (x, y) => prim("abs", sub(x, y)) }),
  { doc: "|input − target|; the gradient at 0 is 0" },
);

/** ½d² where |d| < edge, and edge·(|d| − ½edge) beyond, of d = x − y. */
function rounded(edge: Expr, x: Expr, y: Expr): Expr {
  const d = prim("abs", sub(x, y));
  const inner = mul(f32(0.5), mul(d, d));
  const outer = mul(edge, sub(d, mul(f32(0.5), edge)));
  return prim("select", prim("lt", d, edge), inner, outer);
}

/** d clamped to ±edge, for the first operand; its negative for the second. */
function clamped(edge: Expr, i: number, x: Expr, y: Expr): Expr {
  const d = i === 0 ? sub(x, y) : sub(y, x);
  return prim("min", prim("max", d, prim("neg", edge)), edge);
}

export const huber = lossOf(
  parametric({
    ...PAIR,
    name: "huber",
    attrs: { delta: 0.9 },
    expr: (attrs) => (x, y) => rounded(number(attrs, "delta"), x, y),
    derivative: (attrs) => (i, x, y) => clamped(number(attrs, "delta"), i, x, y),
  }),
  {
    doc: "½d² where |d| < delta, else delta·(|d| − ½delta), of d = input − target",
    params: [{ name: "delta", type: "float", default: 1 }],
    check: (_b, _input, { delta }) => requirePositive("delta", delta as number),
  },
);

export const smoothL1 = lossOf(
  parametric({
    ...PAIR,
    name: "smooth_l1",
    attrs: { beta: 0.7 },
    // At beta 0 it is l1, as PyTorch's.
    expr: (attrs) => (x, y) =>
      attrs.beta === 0
        ? prim("abs", sub(x, y))
        : prim("div", rounded(number(attrs, "beta"), x, y), number(attrs, "beta")),
    derivative: (attrs) => (i, x, y) =>
      attrs.beta === 0
        ? prim("sign", i === 0 ? sub(x, y) : sub(y, x))
        : prim("div", clamped(number(attrs, "beta"), i, x, y), number(attrs, "beta")),
  }),
  {
    doc: "½d²/beta where |d| < beta, else |d| − ½beta, of d = input − target",
    params: [{ name: "beta", type: "float", default: 1 }],
    check: (_b, _input, { beta }) => {
      if ((beta as number) < 0) throw new OpError("beta is not negative", { found: String(beta), input: 2 });
    },
  },
);

function requirePositive(name: string, value: number) {
  if (!(value > 0)) throw new OpError(`${name} is positive`, { found: String(value), input: 2 });
}

export const bceWithLogits = lossOf(
  elementwise({
    ...PAIR,
    name: "bce_with_logits",
    domain: [undefined, [0.05, 0.95]],
    // max(x, 0) − xy + log(1 + e^−|x|)
    expr: (x, y) =>
      add(
        sub(prim("max", x, zero), mul(x, y)),
        prim("log1p", prim("exp", prim("neg", prim("abs", x)))),
      ),
    derivative: (i, x, y) => i === 0 ? sub(logistic(x), y) : prim("neg", x),
  }),
  { doc: "−(y·log σ(x) + (1 − y)·log(1 − σ(x))) of logits x and probabilities y, without forming σ(x)" },
);

/** PyTorch bounds each logarithm from below by this. */
const LEAST_LOG = f32(-100);
const logOf = (p: Expr) => prim("max", prim("log", p), LEAST_LOG);

export const bce = lossOf(
  elementwise({
    ...PAIR,
    name: "bce",
    domain: [[0.05, 0.95], [0.05, 0.95]],
    expr: (p, y) => prim("neg", add(mul(y, logOf(p)), mul(sub(one, y), logOf(sub(one, p))))),
    derivative(i, p, y) {
      if (i === 1) return sub(logOf(sub(one, p)), logOf(p));
      return prim("div", sub(p, y), prim("max", mul(p, sub(one, p)), f32(1e-12)));
    },
  }),
  {
    doc: "−(y·log p + (1 − y)·log(1 − p)) of probabilities p and y; refused where f16 is in force",
    note: "Refused under f16 as autocast refuses it: a gradient of 1/p is beyond f16.",
    check(b, input) {
      const compute = b.region?.compute;
      if ((compute && isNarrowRange(compute)) || isNarrowRange(input.type.dtype)) {
        throw new OpError("bce on probabilities is not safe in f16", {
          input: 0,
          help: "leave the sigmoid out and use bce_with_logits(logits, target), or write bce(…) in f32",
        });
      }
    },
  },
);

export const hinge = lossOf(
  parametric({
    ...PAIR,
    name: "hinge",
    attrs: { margin: 1.2 },
    expr: ({ margin }) => (x, y) => prim("max", sub(f32(margin as number), mul(x, y)), zero),
    derivative: ({ margin }) => (i, x, y) => {
      const inside = prim("lt", mul(x, y), f32(margin as number));
      return prim("select", inside, prim("neg", i === 0 ? y : x), zero);
    },
  }),
  {
    doc: "max(0, margin − input·target), with targets of −1 and 1",
    note:
      "PyTorch has no such function, and under autocast its formula follows the input; here it is full as every loss.",
    params: [{ name: "margin", type: "float", default: 1 }],
  },
);
