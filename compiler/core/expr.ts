import type { DType, Kind } from "./dtype.ts";

/**
 * Scalar expressions: what one invocation computes. A kernel is made of them; an elementwise op is one of them.
 * They form a DAG (share by reference); every float is f32 in flight, and a rounding to a narrower dtype is a node of
 * its own, so a fused kernel rounds exactly where the graph does.
 */
export type Expr =
  | { readonly e: "const"; readonly kind: Kind; readonly value: number }
  /** A loop coordinate (i32), non-negative and below the extent that the kernel gives the axis. */
  | { readonly e: "coord"; readonly axis: number; readonly kind: "i32" }
  /** An accumulator of the kernel's reduction or contraction, finished. */
  | { readonly e: "acc"; readonly index: number; readonly kind: Kind }
  /** An op's input at the op's own coordinates; exists in op definitions only, never in a kernel. */
  | { readonly e: "input"; readonly index: number; readonly kind: Kind }
  /**
   * The element of a binding at a flat physical index (i32), decoded. Where `guard` is false nothing is read and the
   * value is 0; without one the index is in range.
   */
  | {
    readonly e: "load";
    readonly binding: number;
    readonly index: Expr;
    readonly guard?: Expr;
    readonly kind: Kind;
  }
  | { readonly e: "prim"; readonly fn: Prim; readonly args: readonly Expr[]; readonly kind: Kind }
  /**
   * The nearest value of a float dtype, ties to even. With `flag`, an f16 or f8e5m2 overflow (NaN included) raises the
   * kernel's overflow flag; with or without it the value is clamped to the largest finite one.
   */
  | {
    readonly e: "round";
    readonly to: DType;
    readonly arg: Expr;
    readonly flag: boolean;
    readonly kind: "f32";
  };

/** `a` below stands for any one kind, the same in every place. */
export type Prim =
  // a, a → a (f32, i32, u32)
  | "add"
  | "sub"
  | "mul"
  | "min"
  | "max"
  // f32: quotient. i32, u32: truncated quotient and its remainder; a zero divisor gives 0.
  | "div"
  | "rem"
  // i32, of a non-negative by a positive: coordinates.
  | "quo"
  | "mod"
  // a → a
  | "neg"
  | "abs"
  | "sign"
  // f32 → f32
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sqrt"
  | "rsqrt"
  | "sin"
  | "cos"
  | "tanh"
  | "erf"
  | "floor"
  | "ceil"
  /** Half to even. */
  | "rint"
  // f32, f32 → f32
  | "pow"
  // a, a → bool
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  // bool
  | "and"
  | "or"
  | "not"
  /** bool, a, a → a: the second where the first holds, else the third. */
  | "select"
  // u32, u32 → u32
  | "bitand"
  | "bitor"
  | "bitxor"
  | "shl"
  | "shr"
  /** The high word of the product. */
  | "mulhi"
  // conversions
  | "to_f32"
  /** Toward zero, saturating. */
  | "to_i32"
  | "to_u32"
  | "to_bool"
  | "bits_of"
  | "f32_of_bits"
  /** f32 → bool, decided on bits: WGSL promises nothing about NaN. */
  | "is_finite";

const F32 = new Set<Prim>(
  [
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tanh",
    "erf",
    "floor",
    "ceil",
    "rint",
    "pow",
  ],
);
const BOOL = new Set<Prim>(["eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "to_bool", "is_finite"]);
const FIXED: Partial<Record<Prim, Kind>> = {
  quo: "i32",
  mod: "i32",
  to_f32: "f32",
  to_i32: "i32",
  to_u32: "u32",
  bits_of: "u32",
  f32_of_bits: "f32",
  bitand: "u32",
  bitor: "u32",
  bitxor: "u32",
  shl: "u32",
  shr: "u32",
  mulhi: "u32",
};

/** The kind a primitive gives for its arguments' kinds. */
export function primKind(fn: Prim, args: readonly Expr[]): Kind {
  if (F32.has(fn)) return "f32";
  if (BOOL.has(fn)) return "bool";
  return FIXED[fn] ?? (fn === "select" ? args[1].kind : args[0].kind);
}

export function prim(fn: Prim, ...args: Expr[]): Expr {
  return { e: "prim", fn, args, kind: primKind(fn, args) };
}

export function f32(value: number): Expr {
  return { e: "const", kind: "f32", value: Math.fround(value) };
}

export function i32(value: number): Expr {
  return { e: "const", kind: "i32", value };
}

export function u32(value: number): Expr {
  return { e: "const", kind: "u32", value: value >>> 0 };
}

export function bool(value: boolean): Expr {
  return { e: "const", kind: "bool", value: value ? 1 : 0 };
}

export function coord(axis: number): Expr {
  return { e: "coord", axis, kind: "i32" };
}

export function input(index: number, kind: Kind = "f32"): Expr {
  return { e: "input", index, kind };
}

export function acc(index: number, kind: Kind = "f32"): Expr {
  return { e: "acc", index, kind };
}

/** The sub-expressions of a node, in a fixed order. */
export function operands(x: Expr): readonly Expr[] {
  switch (x.e) {
    case "prim":
      return x.args;
    case "round":
      return [x.arg];
    case "load":
      return x.guard ? [x.index, x.guard] : [x.index];
    default:
      return [];
  }
}

/** Whether the test holds of an expression in these. */
export function anyExpr(roots: readonly Expr[], test: (x: Expr) => boolean): boolean {
  const seen = new Set<Expr>();
  const stack = [...roots];
  while (stack.length > 0) {
    const x = stack.pop()!;
    if (seen.has(x)) continue;
    seen.add(x);
    if (test(x)) return true;
    stack.push(...operands(x));
  }
  return false;
}

export type Load = Expr & { readonly e: "load" };

/** The different loads in these expressions. */
export function loadsOf(roots: readonly Expr[]): Load[] {
  const found: Load[] = [];
  anyExpr(roots, (x) => {
    if (x.e === "load") found.push(x);
    return false;
  });
  return found;
}

/** The numbers of the accumulators in these expressions. */
export function accumulatorsOf(roots: readonly Expr[]): number[] {
  const found = new Set<number>();
  anyExpr(roots, (x) => {
    if (x.e === "acc") found.add(x.index);
    return false;
  });
  return [...found];
}

/** Rebuilds a DAG from its leaves up, once for each shared node. `f` sees a node whose operands are already rebuilt. */
export function rebuild(root: Expr, f: (x: Expr) => Expr, memo: Map<Expr, Expr> = new Map()): Expr {
  const done = memo.get(root);
  if (done) return done;
  let x = root;
  if (root.e === "prim") {
    const args = root.args.map((a) => rebuild(a, f, memo));
    if (args.some((a, i) => a !== root.args[i])) x = { ...root, args, kind: primKind(root.fn, args) };
  } else if (root.e === "round") {
    const arg = rebuild(root.arg, f, memo);
    if (arg !== root.arg) x = { ...root, arg };
  } else if (root.e === "load") {
    const index = rebuild(root.index, f, memo);
    const guard = root.guard && rebuild(root.guard, f, memo);
    if (index !== root.index || guard !== root.guard) x = { ...root, index, guard };
  }
  const out = f(x);
  memo.set(root, out);
  return out;
}
