import { type DType, kindOf } from "../../compiler/core/dtype.ts";
import { coord, type Expr, i32, prim } from "../../compiler/core/expr.ts";
import { type Binding, stridesOf } from "../../compiler/core/kernel.ts";

/** Short ways to write kernels in tests. */

export function binding(dtype: DType, shape: readonly number[], access: Binding["access"] = "read"): Binding {
  return { name: `${dtype}[${shape}]`, dtype, shape, access };
}

/** The flat physical index of an element. */
export function indexOf(b: Binding, coords: readonly Expr[]): Expr {
  const strides = stridesOf(b.shape, b.dtype);
  return coords.map((c, i) => prim("mul", c, i32(strides[i]))).reduce((a, c) => prim("add", a, c), i32(0));
}

/** Loads from a binding at the given coordinates, by default the first axes of the kernel. */
export function load(
  bindings: readonly Binding[],
  at: number,
  coords: readonly Expr[] = bindings[at].shape.map((_, axis) => coord(axis)),
  guard?: Expr,
): Expr {
  const b = bindings[at];
  return { e: "load", binding: at, index: indexOf(b, coords), guard, kind: kindOf(b.dtype) };
}

export function rounded(arg: Expr, to: DType, flag = false): Expr {
  return { e: "round", to, arg, flag, kind: "f32" };
}

/** A small fast generator, so that a failure repeats from its seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
