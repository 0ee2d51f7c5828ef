import {
  type Combine,
  type Prelude,
  rowLength,
  type SingleKernel,
  type Store,
} from "../../../compiler/core/kernel.ts";
import type { Expr, Prim } from "../../../compiler/core/expr.ts";
import type { Kind } from "../../../compiler/core/dtype.ts";
import { f32Bits, fromF32Bits, overflows, round } from "../../../compiler/core/round.ts";

/**
 * What kernels mean, element by element and with nothing clever in it: tests compare executors with this.
 * Tensors are decoded values in row-major order, without padding.
 */
export interface Result {
  /** For each binding that the kernel writes. */
  readonly outputs: ReadonlyMap<number, number[]>;
  readonly overflow: boolean;
}

export interface Mode {
  /** "f32": every operation rounds. */
  readonly precision: "f32" | "f64";
}

class Scalars {
  overflow = false;

  constructor(
    private readonly kernel: SingleKernel,
    private readonly tensors: readonly (readonly number[])[],
    private readonly mode: Mode,
  ) {}

  value(x: Expr, coords: readonly number[], accs: readonly number[]): number {
    const v = this.#value(x, coords, accs);
    return x.kind === "f32" && this.mode.precision === "f32" ? Math.fround(v) : v;
  }

  #value(x: Expr, coords: readonly number[], accs: readonly number[]): number {
    const of = (y: Expr) => this.value(y, coords, accs);
    switch (x.e) {
      case "const":
        return x.value;
      case "coord":
        return coords[x.axis];
      case "acc":
        return accs[x.index];
      case "load":
        return x.guard && !of(x.guard) ? 0 : this.#element(x.binding, of(x.index));
      case "round": {
        const v = of(x.arg);
        if (x.flag && overflows(v, x.to)) this.overflow = true;
        return round(v, x.to);
      }
      case "prim":
        return applyPrim(x.fn, x.args.map((a) => a.kind), x.args.map(of));
      case "input":
        throw new Error("no inputs in kernels");
    }
  }

  #element(binding: number, physical: number): number {
    const { shape, dtype } = this.kernel.bindings[binding];
    const length = rowLength(shape, dtype);
    const extent = shape.at(-1) ?? 1;
    const column = physical % length;
    return column < extent ? this.tensors[binding][Math.floor(physical / length) * extent + column] : 0;
  }
}

const ERF_STEPS = 4000;

/** Simpson's rule: slow, and independent of the executor's polynomials. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  const h = x / ERF_STEPS;
  let sum = 1 + Math.exp(-x * x);
  for (let i = 1; i < ERF_STEPS; i++) sum += (i % 2 ? 4 : 2) * Math.exp(-((i * h) ** 2));
  return (2 / Math.sqrt(Math.PI)) * sum * h / 3;
}

function halfToEven(x: number): number {
  if (!Number.isFinite(x)) return x;
  const below = Math.floor(Math.abs(x));
  const rest = Math.abs(x) - below;
  const up = rest === 0.5 ? below % 2 : rest > 0.5 ? 1 : 0;
  return (Object.is(x, -0) || x < 0 ? -1 : 1) * (below + up);
}

/** One primitive on values: u32 values are non-negative numbers, bools 0 or 1. */
export function applyPrim(fn: Prim, kinds: readonly Kind[], args: readonly number[]): number {
  const kind = kinds[fn === "select" ? 1 : 0];
  const wrap = (v: number | bigint) =>
    kind === "f32"
      ? Number(v)
      : Number(kind === "u32" ? BigInt.asUintN(32, BigInt(v)) : BigInt.asIntN(32, BigInt(v)));
  const [a, b, c] = args;
  const float = kind === "f32";
  switch (fn) {
    case "add":
      return wrap(a + b);
    case "sub":
      return wrap(a - b);
    case "mul":
      return float ? a * b : wrap(BigInt(a) * BigInt(b));
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "div":
      return float ? a / b : b === 0 ? 0 : wrap(BigInt(a) / BigInt(b));
    case "rem":
      return float ? a % b : b === 0 ? 0 : wrap(BigInt(a) % BigInt(b));
    case "quo":
      return Math.floor(a / b);
    case "mod":
      return a - b * Math.floor(a / b);
    case "neg":
      return wrap(-a);
    case "abs":
      return wrap(Math.abs(a));
    case "sign":
      return Math.sign(a);
    case "rsqrt":
      return 1 / Math.sqrt(a);
    case "erf":
      return erf(a);
    case "rint":
      return halfToEven(a);
    case "exp":
    case "expm1":
    case "log":
    case "log1p":
    case "sqrt":
    case "sin":
    case "cos":
    case "tanh":
    case "floor":
    case "ceil":
      return Math[fn](a);
    case "pow":
      return a ** b;
    case "eq":
      return Number(a === b);
    case "ne":
      return Number(a !== b);
    case "lt":
      return Number(a < b);
    case "le":
      return Number(a <= b);
    case "gt":
      return Number(a > b);
    case "ge":
      return Number(a >= b);
    case "and":
      return Number(a && b);
    case "or":
      return Number(a || b);
    case "not":
      return Number(!a);
    case "select":
      return a ? b : c;
    case "bitand":
      return Number(BigInt(a) & BigInt(b));
    case "bitor":
      return Number(BigInt(a) | BigInt(b));
    case "bitxor":
      return Number(BigInt(a) ^ BigInt(b));
    case "shl":
      return wrap(BigInt(a) << BigInt(b % 32));
    case "shr":
      return Number(BigInt(a) >> BigInt(b % 32));
    case "mulhi":
      return Number((BigInt(a) * BigInt(b)) >> 32n);
    case "to_f32":
      return a;
    case "to_i32":
      if (!float) return a | 0;
      return Number.isNaN(a) ? 0 : Math.trunc(Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), a))) + 0;
    case "to_u32":
      if (!float) return a >>> 0;
      return Number.isNaN(a) ? 0 : Math.trunc(Math.min(2 ** 32 - 1, Math.max(0, a))) + 0;
    case "to_bool":
      return Number(a !== 0);
    case "bits_of":
      return f32Bits(a);
    case "f32_of_bits":
      return fromF32Bits(a);
    case "is_finite":
      return Number(Number.isFinite(Math.fround(a)));
  }
}

/** Every coordinate of a shape in row-major order. */
export function coordinates(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, n) => all.flatMap((c) => Array.from({ length: n }, (_, i) => [...c, i])),
    [[]],
  );
}

const F32_MAX = 3.4028234663852886e38;

function combine(how: Combine, kind: Kind, values: readonly number[]): number {
  const best = (better: (a: number, b: number) => boolean) =>
    values.reduce((at, v, i) => better(v, values[at]) ? i : at, 0);
  const [low, high] =
    { f32: [-F32_MAX, F32_MAX], i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1], bool: [0, 1] }[kind];
  switch (how) {
    case "sum": {
      const sum = values.reduce((a, b) => a + b, 0);
      return kind === "i32" ? sum | 0 : kind === "u32" ? sum >>> 0 : sum;
    }
    case "max":
      return values.reduce((a, b) => Math.max(a, b), low);
    case "min":
      return values.reduce((a, b) => Math.min(a, b), high);
    case "argmax":
      return best((a, b) => a > b);
    case "argmin":
      return best((a, b) => a < b);
    case "or":
      return Number(values.some((v) => v !== 0));
  }
}

/** Runs a kernel on decoded tensors, one for each binding (whatever stands where nothing is read). */
export function runNaively(
  kernel: SingleKernel,
  tensors: readonly (readonly number[])[],
  mode: Mode,
): Result {
  const scalars = new Scalars(kernel, tensors, mode);
  const outputs = new Map<number, number[]>();
  const put = (stores: readonly Store[], coords: readonly number[], accs: readonly number[]) => {
    for (const { binding, value } of stores) {
      if (!outputs.has(binding)) outputs.set(binding, []);
      outputs.get(binding)!.push(scalars.value(value, coords, accs));
    }
  };
  const f32 = (v: number, kind: Kind) => kind === "f32" && mode.precision === "f32" ? Math.fround(v) : v;
  const reduced = ({ inner, phases }: Prelude, outer: readonly number[]): number[] => {
    const accs: number[] = [];
    for (const phase of phases) {
      accs.push(
        ...phase.map(({ combine: how, value }) => {
          const values = coordinates(inner).map((i) => scalars.value(value, [...outer, ...i], accs));
          return f32(combine(how, value.kind, values), value.kind);
        }),
      );
    }
    return accs;
  };
  if (kernel.family === "map") {
    const accs = kernel.prelude ? reduced(kernel.prelude, []) : [];
    for (const c of coordinates(kernel.shape)) put(kernel.stores, c, accs);
  } else if (kernel.family === "reduce") {
    for (const o of coordinates(kernel.outer)) {
      const accs = reduced(kernel, o);
      put(kernel.rowStores, o, accs);
      for (const i of coordinates(kernel.inner)) put(kernel.elementStores, [...o, ...i], accs);
    }
  } else {
    for (const c of coordinates([...kernel.batch, kernel.m, kernel.n])) {
      let sum = 0;
      for (let k = 0; k < kernel.k; k++) {
        sum += scalars.value(kernel.a, [...c, k], []) * scalars.value(kernel.b, [...c, k], []);
      }
      put(kernel.stores, c, [f32(sum, kernel.a.kind)]);
    }
  }
  return { outputs, overflow: scalars.overflow };
}
