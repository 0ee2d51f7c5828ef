/**
 * Contractions to try on devices: every layout, batches, parts of the sum, a prologue and an epilogue, for f16 and bytes,
 * with a reference in f64 that knows nothing of kernels.
 *
 * @module
 */
import { type DType, kindOf } from "../../compiler/core/dtype.ts";
import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import { type Binding, type Kernel, type MatmulKernel, physicalBytes } from "../../compiler/core/kernel.ts";
import { decode, round } from "../../compiler/core/round.ts";
import { binding, load, rounded } from "../../kernels/testing/build.ts";
import { getCode, pack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { rowLength } from "../../compiler/core/kernel.ts";

/** y[batch…, m, n] = epilogue(Σ_k a[batch…, m, k] · b[batch…, k, n]). */
export interface Contraction {
  readonly operand: "f16" | "i8" | "u8";
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  /** "T": a stands as K × M, b as N × K. */
  readonly layout: "NN" | "TN" | "NT" | "TT";
  /** b has no batch axes. */
  readonly shared: boolean;
  /** a stands in memory as f32 and is rounded to the operand's dtype where it is loaded. */
  readonly cast: boolean;
  /** Scaled, with a bias, leaky or cut at 0, and stored in the operand's dtype as well, an overflow raising the flag. */
  readonly epilogue: boolean;
  readonly scale: number;
  /** The sum is made in this many parts, which divide k, that a second kernel adds up. */
  readonly parts: number;
}

export function showContraction(c: Contraction): string {
  const size = `${c.batch.length ? `${c.batch.join("×")}×` : ""}${c.m}×${c.n}×${c.k}`;
  const more = [
    c.shared && c.batch.length > 0 && "shared",
    c.cast && "cast",
    c.epilogue && "epilogue",
    c.parts > 1 && `parts`,
  ].filter(Boolean);
  return [c.operand, c.layout, size, ...more].join(" ");
}

/** One random contraction, edges among them: m and n up to `most`, k up to twice that. */
export function randomContraction(next: () => number, most: number): Contraction {
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(items: readonly T[]) => items[below(items.length)];
  const extent = (limit: number) => {
    const n = 1 + below(limit);
    // Half of them in whole fragments, where loads and stores are of whole words.
    return next() < 0.5 ? Math.max(16, n - n % 16) : n;
  };
  const operand = pick(["f16", "f16", "i8", "i8", "u8"] as const);
  const parts = pick([1, 1, 2, 3]);
  return {
    operand,
    m: extent(most),
    n: extent(most),
    k: Math.max(1, Math.floor(extent(2 * most) / parts)) * parts,
    batch: pick([[], [], [3], [2, 2]]),
    layout: pick(["NN", "TN", "NT", "TT"] as const),
    shared: next() < 0.5,
    cast: next() < 0.3,
    epilogue: next() < 0.6,
    scale: operand === "f16" ? pick([1, 1024]) : 2 ** -pick([6, 9, 12]),
    parts,
  };
}

/** The dtype of the sum. */
export function sumDType({ operand }: Contraction): "f32" | "i32" | "u32" {
  return operand === "f16" ? "f32" : operand === "i8" ? "i32" : "u32";
}

const RANGE = { i8: [-128, 127], u8: [0, 255] } as const;

/** A float to the nearest integer of the operand's range, in registers. */
function quantized(x: Expr, dtype: "i8" | "u8"): Expr {
  const [low, high] = RANGE[dtype];
  return prim(
    dtype === "i8" ? "to_i32" : "to_u32",
    prim("max", prim("min", prim("rint", x), f32(high)), f32(low)),
  );
}

/** The kernels to run one after another; the second reads what the first stored last but for the flag. */
export function kernelsOf(c: Contraction): readonly Kernel[] {
  const { m, n, k, batch, parts, operand, epilogue } = c;
  const split = parts > 1, each = k / parts;
  const outer = split ? [...batch, parts] : [...batch];
  const rank = outer.length;
  const at = batch.map((_, i) => coord(i));
  const [cm, cn] = [coord(rank), coord(rank + 1)];
  const ck = split ? prim("add", prim("mul", coord(rank - 1), i32(each)), coord(rank + 2)) : coord(rank + 2);
  const bindings = operandBindings(c);
  const inA = load(bindings, 0, [...at, ...(c.layout[0] === "T" ? [ck, cm] : [cm, ck])]);
  const inB = load(bindings, 1, [
    ...(c.shared ? [] : at),
    ...(c.layout[1] === "T" ? [cn, ck] : [ck, cn]),
  ]);
  const a = !c.cast ? inA : operand === "f16" ? rounded(inA, "f16") : quantized(inA, operand);
  const kind = kindOf(operand);
  const product = (own: Omit<MatmulKernel, keyof typeof common>): MatmulKernel => ({ ...common, ...own });
  const common = {
    family: "matmul" as const,
    name: showContraction(c),
    batch: outer,
    m,
    n,
    k: each,
    a,
    b: inB,
    operand,
    fuses: [],
  };
  if (!split) {
    const rest = tail(c);
    return [product({
      bindings: [...bindings, ...rest.bindings],
      stores: rest.stores(acc(0, kind), 2, coord(batch.length + 1)),
      ...(epilogue ? { flag: 2 + rest.flag } : {}),
    })];
  }
  const partial = binding(sumDType(c), [...batch, parts, m, n], "write");
  const rest = tail(c);
  const axes = [...batch, m, n].map((_, i) => coord(i));
  const reads = [{ ...partial, access: "read" as const }, ...rest.bindings];
  const term = load(reads, 0, [...axes.slice(0, -2), coord(batch.length + 2), ...axes.slice(-2)]);
  return [
    product({ bindings: [...bindings, partial], stores: [{ binding: 2, value: acc(0, kind) }] }),
    {
      family: "reduce",
      name: `${showContraction(c)}, added up`,
      bindings: reads,
      outer: [...batch, m, n],
      inner: [parts],
      phases: [[{ combine: "sum", value: term }]],
      rowStores: rest.stores(acc(0, kind), 1, coord(batch.length + 1)),
      elementStores: [],
      fuses: [],
      ...(epilogue ? { flag: 1 + rest.flag } : {}),
    },
  ];
}

function operandBindings({ batch, m, n, k, layout, shared, operand, cast }: Contraction): Binding[] {
  return [
    binding(cast ? "f32" : operand, [...batch, ...(layout[0] === "T" ? [k, m] : [m, k])]),
    binding(operand, [...(shared ? [] : batch), ...(layout[1] === "T" ? [n, k] : [k, n])]),
  ];
}

/** What follows the sum: bias, the narrow result and the sum itself, and the flag; or the sum alone. */
function tail(c: Contraction) {
  const { batch, m, n, operand, epilogue, scale } = c;
  const shape = [...batch, m, n];
  const whole = binding(sumDType(c), shape, "write");
  if (!epilogue) {
    return {
      bindings: [whole],
      flag: -1,
      stores: (sum: Expr, first: number) => [{ binding: first, value: sum }],
    };
  }
  const bindings = [
    binding("f32", [n]),
    binding(operand, shape, "write"),
    whole,
    binding("u32", [1], "read_write"),
  ];
  const stores = (sum: Expr, first: number, column: Expr) => {
    const all = [...Array<Binding>(first).fill(whole), ...bindings];
    const scaled = prim("mul", sum.kind === "f32" ? sum : prim("to_f32", sum), f32(scale));
    const y = prim("add", scaled, load(all, first, [column]));
    const active = prim("select", prim("gt", y, f32(0)), y, prim("mul", y, f32(0.25)));
    const narrow = operand === "f16" ? rounded(active, "f16", true) : quantized(active, operand);
    return [{ binding: first + 1, value: narrow }, { binding: first + 2, value: sum }];
  };
  return { bindings, flag: 3, stores };
}

/** Random operands and bias: what stands in memory, and the values that are multiplied, row-major. */
export function operandsOf(c: Contraction, next: () => number) {
  const [inA, inB] = operandBindings(c);
  const draw = (b: Binding, cast: boolean) => {
    const count = b.shape.reduce((x, y) => x * y, 1);
    const stored = Float64Array.from({ length: count }, () => {
      if (c.operand !== "f16") {
        const [low, high] = RANGE[c.operand];
        return cast
          ? Math.fround(low - 20 + next() * (high - low + 40))
          : low + Math.floor(next() * (high - low + 1));
      }
      const x = (next() < 0.5 ? -1 : 1) * (0.25 + 1.75 * next());
      return round(x, cast ? "f32" : "f16");
    });
    const values = !cast ? stored : stored.map((x) => {
      if (c.operand === "f16") return round(x, "f16");
      const [low, high] = RANGE[c.operand];
      return Math.max(low, Math.min(high, halfToEven(x)));
    });
    return { words: pack(stored, b.shape, b.dtype), values };
  };
  const bias = Float64Array.from({ length: c.n }, () => Math.floor(next() * 65 - 32) / 4);
  return { a: draw(inA, c.cast), b: draw(inB, false), bias };
}

function halfToEven(x: number): number {
  const low = Math.floor(x), rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** The sums, and the sums of magnitudes, in f64. */
export function sumsOf(c: Contraction, a: Float64Array, b: Float64Array) {
  const { m, n, k } = c;
  const count = c.batch.reduce((x, y) => x * y, 1);
  const sums = new Float64Array(count * m * n), magnitudes = new Float64Array(count * m * n);
  const [am, ak] = c.layout[0] === "T" ? [1, m] : [k, 1];
  const [bk, bn] = c.layout[1] === "T" ? [1, k] : [n, 1];
  for (let batch = 0; batch < count; batch++) {
    const [fromA, fromB] = [batch * m * k, c.shared ? 0 : batch * k * n];
    for (let i = 0; i < m; i++) {
      const row = (batch * m + i) * n;
      for (let j = 0; j < k; j++) {
        const x = a[fromA + i * am + j * ak];
        for (let l = 0; l < n; l++) {
          const term = x * b[fromB + j * bk + l * bn];
          sums[row + l] += term;
          magnitudes[row + l] += Math.abs(term);
        }
      }
    }
  }
  return { sums, magnitudes };
}

export type Runs = (kernel: Kernel, memory: readonly Words[]) => Promise<readonly Words[]>;

/**
 * Runs a contraction and compares: integers exactly, floats within the error of an f32 sum. Outputs start poisoned.
 *
 * @returns what is wrong, or null
 */
export async function tryContraction(c: Contraction, next: () => number, run: Runs): Promise<string | null> {
  const { a, b, bias } = operandsOf(c, next);
  const kernels = kernelsOf(c);
  let memory: readonly Words[] = [a.words, b.words];
  for (const [step, kernel] of kernels.entries()) {
    const known = step === 0 ? memory : [memory[2]];
    const words = kernel.bindings.map((bound, i) => {
      if (known[i]) return known[i];
      if (bound.access === "read") return pack(bias, bound.shape, bound.dtype);
      const fresh: Words = new Uint32Array(physicalBytes(bound.shape, bound.dtype) / 4);
      return i === kernel.flag ? fresh : fresh.fill(0x5a5a5a5a);
    });
    memory = await run(kernel, words);
  }
  const last = kernels[kernels.length - 1];
  const { sums, magnitudes } = sumsOf(c, a.values, b.values);
  const whole = last.bindings.length - (c.epilogue ? 2 : 1);
  const unit = 2 ** -23;
  const slack = (i: number) => c.operand === "f16" ? (4 + c.k / 16) * unit * magnitudes[i] : 0;
  const wrong = differences(memory[whole], last.bindings[whole], sums, slack);
  if (wrong || !c.epilogue) return wrong;

  const active = sums.map((sum, i) => {
    const y = sum * c.scale + bias[i % c.n];
    return y > 0 ? y : 0.25 * y;
  });
  const narrow = active.map((y) => {
    if (c.operand === "f16") return Math.max(-65504, Math.min(65504, y));
    const [low, high] = RANGE[c.operand];
    return Math.max(low, Math.min(high, halfToEven(y)));
  });
  const half = (i: number) =>
    c.operand === "f16"
      ? slack(i) * c.scale + 2 ** -10 * Math.abs(narrow[i]) + 2 ** -24
      // Beyond 2²⁴ an i32 is rounded on its way to f32, and may fall on the other side of a half.
      : Math.abs(sums[i]) > 2 ** 24
      ? 1
      : 0;
  const rounding = differences(memory[whole - 1], last.bindings[whole - 1], narrow, half);
  if (rounding) return rounding;
  const raised = memory[last.flag!][0] !== 0;
  const over = (slop: number) =>
    c.operand === "f16" && active.some((y, i) => Math.abs(y) + slop * slack(i) * c.scale >= 65520);
  if (raised && !over(1)) return "the overflow flag is raised, and nothing overflows";
  return !raised && over(-1) ? "an overflow does not raise the flag" : null;
}

function differences(
  words: Words,
  { shape, dtype }: Binding,
  expected: Float64Array,
  slack: (i: number) => number,
): string | null {
  const extent = shape.at(-1)!, row = rowLength(shape, dtype);
  const wrong: string[] = [];
  let count = 0;
  const note = (at: string, x: number, y: number) => {
    if (count++ < 6) wrong.push(`${at} is ${x}, expected ${y}`);
  };
  const rows = expected.length / extent;
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < row; j++) {
      const x = decode(getCode(words, dtype as DType, r * row + j), dtype);
      if (j >= extent && x !== 0) note(`padding of row ${r}`, x, 0);
      if (j >= extent) continue;
      const i = r * extent + j;
      if (!(Math.abs(x - expected[i]) <= slack(i))) note(`${dtype} row ${r} column ${j}`, x, expected[i]);
    }
  }
  return count ? `${count} of ${expected.length} differ: ${wrong.join("; ")}` : null;
}
