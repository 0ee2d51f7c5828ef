import fc from "fast-check";
import { type DType, DTYPES, type Kind, kindOf } from "../../../compiler/core/dtype.ts";
import { bool, coord, type Expr, f32, i32, type Prim, prim, u32 } from "../../../compiler/core/expr.ts";
import { type Binding, stridesOf } from "../../../compiler/core/kernel.ts";
import { round } from "../../../compiler/core/round.ts";

/** Random kernels' parts. */

export function readBinding(shape: readonly number[], dtype: DType, name = "x"): Binding {
  return { name, dtype, access: "read", shape };
}

/** Numbers in 0…1 from a seed: a counterexample then shows the seed, not every element. */
function uniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const EDGES = [0, -0, 1, -1, 0.5, 2.5, 65504, 65519, 65520, 1e-7, 6e-8, Infinity, -Infinity, NaN];

/** Values that a dtype holds, edges among them. */
export function valuesOf(dtype: DType, count: number, seed: number): number[] {
  const random = uniform(seed);
  const integer = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const element = (): number => {
    const common = random() < 0.5;
    switch (dtype) {
      case "bool":
        return integer(0, 1);
      case "i8":
        return integer(-128, 127);
      case "u8":
        return integer(0, 255);
      case "i32":
        return common ? integer(-5, 5) : integer(-(2 ** 31), 2 ** 31 - 1);
      case "u32":
        return common ? integer(0, 5) : integer(0, 2 ** 32 - 1);
    }
    if (common) return random() * 16 - 8;
    return random() < 0.5 ? EDGES[integer(0, EDGES.length - 1)] : (random() - 0.5) * 10 ** integer(-40, 38);
  };
  return Array.from({ length: count }, () => round(element(), dtype));
}

/** The physical index of a coordinate of the iteration space in a tensor with these axes of it. */
export function indexOf(binding: Binding, axes: readonly number[]): Expr {
  const strides = stridesOf(binding.shape, binding.dtype);
  return axes.map((axis, i) => prim("mul", coord(axis), i32(strides[i])))
    .reduce((a, b) => prim("add", a, b), i32(0));
}

export function load(bindings: readonly Binding[], binding: number, index: Expr, guard?: Expr): Expr {
  return { e: "load", binding, index, guard, kind: kindOf(bindings[binding].dtype) };
}

export interface Space {
  readonly extents: readonly number[];
  /** Tensors over a subset of the axes, in any order; or over none of them, and read at random. */
  readonly bindings: readonly Binding[];
  readonly axes: readonly (readonly number[])[];
  readonly seed: number;
}

/** An iteration space and tensors to read in it. */
export function space(extents: fc.Arbitrary<number[]>): fc.Arbitrary<Space> {
  return extents.chain((extents) =>
    fc.array(
      fc.tuple(fc.shuffledSubarray([...extents.keys()]), fc.constantFrom(...DTYPES)),
      { minLength: 2, maxLength: 4 },
    ).chain((picks) => {
      const bindings = picks.map(([axes, dtype], i) =>
        readBinding(axes.map((a) => extents[a]), dtype, `x${i}`)
      );
      return fc.integer().map((seed) => ({ extents, bindings, axes: picks.map(([axes]) => axes), seed }));
    })
  );
}

/** What the space's bindings hold. */
export function tensorsOf({ bindings, seed }: Space): number[][] {
  return bindings.map((b, i) => valuesOf(b.dtype, b.shape.reduce((x, y) => x * y, 1), seed + i));
}

const UNARY: Record<"f32" | "i32" | "u32", readonly Prim[]> = {
  f32: [
    "neg",
    "abs",
    "sign",
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tanh",
    "floor",
    "ceil",
    "rint",
    "expm1",
    "log1p",
  ],
  i32: ["neg", "abs", "sign"],
  u32: ["neg", "abs", "sign"],
};
const BINARY: Record<"f32" | "i32" | "u32", readonly Prim[]> = {
  f32: ["add", "sub", "mul", "div", "min", "max"],
  i32: ["add", "sub", "mul", "div", "rem", "min", "max"],
  u32: ["add", "sub", "mul", "div", "rem", "min", "max", "bitand", "bitor", "bitxor", "shl", "shr", "mulhi"],
};
const ROUND_TO = ["f32", "f16", "bf16", "f8e4m3", "f8e5m2"] as const;

/** A random expression of a kind; accumulators (f32) may occur where there are any. */
export function expression(s: Space, kind: Kind, depth: number, accs = 0): fc.Arbitrary<Expr> {
  const sub = (k: Kind) => expression(s, k, depth - 1, accs);
  const leaves: fc.Arbitrary<Expr>[] = [constant(kind)];
  const sources = s.bindings.flatMap((b, i) => kindOf(b.dtype) === kind ? [i] : []);
  if (sources.length > 0) leaves.push(fc.constantFrom(...sources).chain((i) => access(s, i)));
  if (kind === "i32" && s.extents.length > 0) leaves.push(fc.nat(s.extents.length - 1).map(coord));
  if (kind === "f32" && accs > 0) {
    leaves.push(fc.nat(accs - 1).map((index) => ({ e: "acc", index, kind: "f32" })));
  }
  const leaf = fc.oneof(...leaves);
  if (depth === 0) return leaf;
  const unary = (fns: readonly Prim[], from: Kind) =>
    fc.tuple(fc.constantFrom(...fns), sub(from)).map(([fn, a]) => prim(fn, a));
  const binary = (fns: readonly Prim[], from: Kind) =>
    fc.tuple(fc.constantFrom(...fns), sub(from), sub(from)).map(([fn, a, b]) => prim(fn, a, b));
  const select = fc.tuple(sub("bool"), sub(kind), sub(kind)).map(([c, a, b]) => prim("select", c, a, b));
  switch (kind) {
    case "f32":
      return fc.oneof(
        leaf,
        select,
        unary(UNARY.f32, "f32"),
        binary(BINARY.f32, "f32"),
        unary(["to_f32"], "i32"),
        unary(["to_f32"], "u32"),
        unary(["to_f32"], "bool"),
        fc.tuple(sub("f32"), fc.constantFrom(...ROUND_TO), fc.boolean())
          .map(([arg, to, flag]): Expr => ({ e: "round", to, arg, flag, kind: "f32" })),
        // Twice the same, by reference and by structure.
        sub("f32").map((x) => prim("mul", x, prim("add", x, f32(1)))),
      );
    case "bool":
      return fc.oneof(
        leaf,
        binary(["eq", "ne", "lt", "le", "gt", "ge"], "f32"),
        binary(["eq", "ne", "lt", "le", "gt", "ge"], "i32"),
        binary(["eq", "ne", "lt", "le", "gt", "ge"], "u32"),
        binary(["and", "or", "eq", "ne"], "bool"),
        unary(["not"], "bool"),
        unary(["is_finite", "to_bool"], "f32"),
        unary(["to_bool"], "i32"),
      );
    case "i32":
      return fc.oneof(
        leaf,
        select,
        unary(UNARY.i32, "i32"),
        binary(BINARY.i32, "i32"),
        unary(["to_i32"], "f32"),
        unary(["to_i32"], "u32"),
        position(s).chain((p) =>
          fc.tuple(fc.constantFrom<Prim>("quo", "mod"), fc.integer({ min: 1, max: 9 }))
            .map(([fn, by]) => prim(fn, p, i32(by)))
        ),
      );
    case "u32":
      return fc.oneof(
        leaf,
        select,
        unary(UNARY.u32, "u32"),
        binary(BINARY.u32, "u32"),
        unary(["to_u32"], "f32"),
        unary(["to_u32"], "i32"),
        // A NaN's bits are whatever they are.
        sub("f32").map((x) => prim("bits_of", prim("select", prim("is_finite", x), x, f32(2)))),
      );
  }
}

function constant(kind: Kind): fc.Arbitrary<Expr> {
  switch (kind) {
    case "f32":
      return fc.oneof(fc.constantFrom(0, -0, 1, 0.5), fc.double({ min: -4, max: 4, noNaN: true })).map(f32);
    case "i32":
      return fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer()).map(i32);
    case "u32":
      return fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })).map(u32);
    case "bool":
      return fc.boolean().map(bool);
  }
}

/** The row-major number of the coordinate: non-negative, and affine. */
function position(s: Space): fc.Arbitrary<Expr> {
  const all = s.extents.reduce<Expr>(
    (sum, n, axis) => prim("add", prim("mul", sum, i32(n)), coord(axis)),
    i32(0),
  );
  return fc.constant(all);
}

/** A load at the tensor's own axes, at an index from quotients and remainders, or guarded and shifted. */
function access(s: Space, binding: number): fc.Arbitrary<Expr> {
  const b = s.bindings[binding];
  const own = indexOf(b, s.axes[binding]);
  const size = stridesOf(b.shape, b.dtype).length === 0 ? 1 : stridesOf(b.shape, b.dtype)[0] * b.shape[0];
  const shifted = prim("sub", own, i32(2));
  return fc.oneof(
    fc.constant(load(s.bindings, binding, own)),
    position(s).map((p) => load(s.bindings, binding, prim("mod", p, i32(size)))),
    position(s).map((p) => load(s.bindings, binding, prim("mod", prim("quo", p, i32(3)), i32(size)))),
    fc.constant(load(s.bindings, binding, shifted, prim("ge", shifted, i32(0)))),
  );
}
