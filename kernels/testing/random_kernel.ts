import { type DType, type Kind, kindOf } from "../../compiler/core/dtype.ts";
import { acc, bool, coord, type Expr, f32, i32, type Prim, prim, u32 } from "../../compiler/core/expr.ts";
import type { Accumulator, Binding, Kernel, Prelude, Store } from "../../compiler/core/kernel.ts";
import { binding, load, random, rounded } from "./build.ts";
import { pack, type Words } from "./evaluate_kernel.ts";

/**
 * Random kernels whose every operation is exact, or rounded alike everywhere: a device must agree bit for bit,
 * contracted multiply-adds and all. The operands of a product have at most 11 significant bits, and magnitudes are kept
 * small.
 */
export interface RandomKernel {
  readonly kernel: Kernel;
  readonly inputs: readonly (Words | undefined)[];
}

const INPUTS: readonly DType[] = ["f32", "f16", "bf16", "f8e4m3", "i8", "u8", "i32", "u32", "bool"];
const OUTPUTS: readonly DType[] = ["f32", "f16", "bf16", "f8e5m2", "i32", "u8", "bool"];
const NARROW: readonly DType[] = ["f16", "bf16", "f8e4m3", "f8e5m2"];

export function randomKernel(seed: number): RandomKernel {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const family = ["map", "map", "reduce", "matmul"][below(4)];
  const extent = () => [1, 2, 3, 4, 5, 8, 12, 17][below(8)];
  const outer = Array.from(
    { length: family === "matmul" ? 2 : below(3) + (family === "map" ? 1 : 0) },
    extent,
  );
  const inner = family === "map"
    ? []
    : family === "matmul"
    ? [1 + below(40)]
    : Array.from({ length: 1 + below(2) }, extent);
  const bindings: Binding[] = [];
  const inputs: (Words | undefined)[] = [];
  const make = new Maker(next, bindings);
  const axes = [...outer, ...inner];
  // Devices bind as few as ten buffers.
  const read = (allowed: readonly number[], extents: readonly number[] = axes, count = 2) => {
    for (let i = 0; i < count; i++) {
      const dtype = i === 0 ? "f32" : INPUTS[below(INPUTS.length)];
      const used = allowed.filter(() => next() < 0.7);
      const shape = used.map((a) => extents[a]);
      bindings.push(binding(dtype, shape));
      inputs.push(pack(values(dtype, shape.reduce((a, b) => a * b, 1), next), shape, dtype));
      make.leaves.push(load(bindings, bindings.length - 1, used.map(coord)));
    }
    for (const a of allowed) make.leaves.push(coord(a));
  };
  const reduction = (): Accumulator => {
    const value = make.whole();
    return { combine: (["sum", "max", "min"] as const)[below(3)], value };
  };
  /** One phase, or two of which the second uses the first. */
  const prelude = (): Prelude => {
    const inner = Array.from({ length: below(3) }, () => [1, 3, 12, 17, 33][below(5)]);
    read(inner.map((_, a) => a), inner);
    const phases = [[reduction()]];
    make.leaves.push(make.bounded(acc(0)));
    if (next() < 0.5) phases.push([reduction()]);
    make.forget();
    return { inner, phases };
  };
  const stores = (shape: readonly number[]): Store[] =>
    Array.from({ length: 1 + below(2) }, () => {
      const dtype = OUTPUTS[below(OUTPUTS.length)];
      bindings.push(binding(dtype, shape, "write"));
      inputs.push(undefined);
      return { binding: bindings.length - 1, value: make.expr(kindOf(dtype), 4) };
    });
  const flag = () => {
    bindings.push(binding("u32", [1], "read_write"));
    inputs.push(undefined);
    return bindings.length - 1;
  };
  const base = { name: `random ${seed}`, bindings, fuses: [] };
  const outerAxes = outer.map((_, a) => a), allAxes = axes.map((_, a) => a);
  if (family === "map") {
    const before = next() < 0.4 ? prelude() : undefined;
    read(outerAxes, axes, before ? 3 : 5);
    before?.phases.forEach((_, i) => make.leaves.push(make.bounded(acc(i))));
    const map = { shape: outer, stores: stores(outer), flag: flag() };
    return { kernel: { ...base, family: "map", ...map, ...(before ? { prelude: before } : {}) }, inputs };
  }
  if (family === "matmul") {
    read([0, 2]);
    const a = make.whole();
    make.forget();
    read([1, 2]);
    const b = make.whole();
    make.forget();
    read([0, 1]);
    make.leaves.push(make.bounded(acc(0)));
    const [m, n] = outer, k = inner[0];
    return {
      kernel: {
        ...base,
        family: "matmul",
        batch: [],
        m,
        n,
        k,
        a,
        b,
        operand: "f32",
        stores: stores([m, n]),
        flag: flag(),
      },
      inputs,
    };
  }
  read(allAxes);
  const first = reduction();
  make.forget();
  read(outerAxes);
  make.leaves.push(make.bounded(acc(0)));
  const rowStores = stores(outer);
  read(allAxes);
  const elementStores = next() < 0.5 ? stores(axes) : [];
  return {
    kernel: {
      ...base,
      family: "reduce",
      outer,
      inner,
      phases: [[first]],
      rowStores,
      elementStores,
      flag: flag(),
    },
    inputs,
  };
}

/** Quarters in [−4, 4) for floats. */
function values(dtype: DType, count: number, next: () => number): number[] {
  return Array.from({ length: count }, () => {
    if (dtype === "bool") return next() < 0.5 ? 0 : 1;
    if (dtype === "u8") return Math.floor(next() * 256);
    if (dtype === "i8") return Math.floor(next() * 256) - 128;
    if (dtype === "u32") return Math.floor(next() * 2 ** 32);
    if (dtype === "i32") return Math.floor((next() - 0.5) * 2 ** 32);
    return dtype === "f8e4m3" ? Math.floor(next() * 16 - 8) / 2 : Math.floor(next() * 32 - 16) / 4;
  });
}

class Maker {
  leaves: Expr[] = [];
  /** Made before: taken again now and then, so that expressions share. */
  #made: Expr[] = [];

  constructor(readonly next: () => number, readonly bindings: readonly Binding[]) {}

  forget(): void {
    this.leaves = [];
    this.#made = [];
  }

  /** A float of magnitude at most 64, of a narrow dtype. */
  bounded(x: Expr): Expr {
    const flag = this.next() < 0.3;
    return rounded(prim("max", prim("min", x, f32(64)), f32(-64)), this.#pick(NARROW), flag);
  }

  /** A float that is a whole number of magnitude at most 8. */
  whole(): Expr {
    return prim("rint", prim("mul", this.bounded(this.expr("f32", 3)), f32(0.125)));
  }

  expr(kind: Kind, depth: number): Expr {
    const old = this.#made.filter((x) => x.kind === kind);
    if (old.length > 0 && this.next() < 0.2) return this.#pick(old);
    const x = depth === 0 ? this.#leaf(kind) : this.#node(kind, depth - 1);
    this.#made.push(x);
    return x;
  }

  #leaf(kind: Kind): Expr {
    const fit = this.leaves.filter((x) => x.kind === kind);
    if (fit.length > 0 && this.next() < 0.8) return this.#pick(fit);
    const n = Math.floor(this.next() * 33) - 16;
    return kind === "f32" ? f32(n / 4) : kind === "i32" ? i32(n) : kind === "u32" ? u32(n) : bool(n > 0);
  }

  #node(kind: Kind, depth: number): Expr {
    const sub = (k: Kind) => this.expr(k, Math.floor(this.next() * (depth + 1)));
    const unary = (fns: readonly Prim[], k: Kind = kind) => prim(this.#pick(fns), sub(k));
    const binary = (fns: readonly Prim[], k: Kind = kind) => prim(this.#pick(fns), sub(k), sub(k));
    const r = this.next();
    if (r < 0.15) return prim("select", sub("bool"), sub(kind), sub(kind));
    switch (kind) {
      case "f32":
        if (r < 0.35) return binary(["min", "max"]);
        if (r < 0.55) return this.bounded(binary(["add", "sub"]));
        if (r < 0.75) return this.bounded(prim("mul", this.bounded(sub("f32")), this.bounded(sub("f32"))));
        if (r < 0.9) return unary(["neg", "abs", "floor", "ceil", "rint", "sign"]);
        return this.bounded(prim("to_f32", prim("rem", sub("i32"), i32(61))));
      case "i32":
        if (r < 0.6) return binary(["add", "sub", "mul", "min", "max", "div", "rem"]);
        if (r < 0.75) return unary(["neg", "abs", "sign"]);
        if (r < 0.9) return prim("to_i32", prim("mul", this.bounded(sub("f32")), f32(0.5)));
        return prim(
          "mod",
          prim("abs", prim("rem", sub("i32"), i32(1000))),
          i32([1, 7, 8, 12][Math.floor(this.next() * 4)]),
        );
      case "u32":
        if (r < 0.8) {
          return binary([
            "add",
            "sub",
            "mul",
            "min",
            "max",
            "div",
            "rem",
            "bitand",
            "bitor",
            "bitxor",
            "shl",
            "shr",
            "mulhi",
          ]);
        }
        return prim("to_u32", sub(this.next() < 0.5 ? "i32" : "bool"));
      case "bool":
        if (r < 0.4) {
          return binary(["eq", "ne", "lt", "le", "gt", "ge"], this.#pick(["f32", "i32", "u32"] as const));
        }
        if (r < 0.8) return binary(["and", "or"]);
        return r < 0.9 ? unary(["not"]) : prim("to_bool", sub("i32"));
    }
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)];
  }
}
