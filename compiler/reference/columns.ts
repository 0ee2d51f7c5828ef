import type { Expr, Prim } from "../core/expr.ts";
import { operands } from "../core/expr.ts";
import { overflows, round } from "../core/round.ts";
import { binary, unary } from "./primitives.ts";

/**
 * Scalar expressions evaluated for many elements at once, in f64: every node of the DAG becomes one column. Integers
 * are exact and wrap to 32 bits; bools are 0 and 1.
 */
export interface Columns {
  readonly length: number;
  /** The coordinate of each element along an axis. */
  coord(axis: number): Float64Array;
  /** Binding `k`'s elements at flat positions; where `guard` is 0 nothing is read and the value is 0. */
  load(k: number, index: Float64Array, guard: Float64Array | undefined): Float64Array;
  /** Called where a flagged rounding overflows. */
  overflow(): void;
}

/** Each element's value of `root`. Throws where an expression belongs to a kernel rather than to an op. */
export function evaluateColumns(root: Expr, c: Columns): Float64Array {
  const memo = new Map<Expr, Float64Array>();
  const visit = (x: Expr): Float64Array => {
    const known = memo.get(x);
    if (known) return known;
    const column = compute(x, operands(x).map(visit), c);
    memo.set(x, column);
    return column;
  };
  return visit(root);
}

function compute(x: Expr, args: readonly Float64Array[], c: Columns): Float64Array {
  switch (x.e) {
    case "const":
      return new Float64Array(c.length).fill(x.value);
    case "coord":
      return c.coord(x.axis);
    case "load":
      return c.load(x.binding, args[0], args[1]);
    case "round":
      return args[0].map((v) => {
        if (x.flag && overflows(v, x.to)) c.overflow();
        return round(v, x.to);
      });
    case "prim":
      return apply(x.fn, args, x.args[0].kind);
    default:
      throw new Error(`an op's expression has a ${x.e}`);
  }
}

function apply(fn: Prim, [x, y, z]: readonly Float64Array[], kind: Expr["kind"]): Float64Array {
  const out = new Float64Array(x.length);
  if (z) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] ? y[i] : z[i];
  } else if (y) {
    const f = binary(fn, kind);
    for (let i = 0; i < out.length; i++) out[i] = f(x[i], y[i]);
  } else {
    const f = unary(fn, kind);
    for (let i = 0; i < out.length; i++) out[i] = f(x[i]);
  }
  return out;
}
