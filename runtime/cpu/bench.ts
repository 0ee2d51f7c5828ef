/**
 * Times kernels on the CPU executor, one line each: `deno run runtime/cpu/bench.ts`. Medians of runs of the prepared
 * kernel alone.
 */
import { byteSize } from "../../compiler/core/dtype.ts";
import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import { type Binding, type Kernel, physicalBytes } from "../../compiler/core/kernel.ts";
import { createRunner } from "./dispatcher.ts";
import { elements } from "./load.ts";

type DType = Binding["dtype"];

const tensor = (
  name: string,
  shape: number[],
  dtype: DType,
  access: Binding["access"] = "read",
): Binding => ({
  name,
  shape,
  dtype,
  access,
});
const at = (binding: number, ...terms: [axis: number, stride: number][]): Expr => ({
  e: "load",
  binding,
  kind: "f32",
  index: terms.map(([axis, stride]) => prim("mul", coord(axis), i32(stride))).reduce((a, b) =>
    prim("add", a, b)
  ),
});
const round = (arg: Expr): Expr => ({ e: "round", to: "f16", arg, flag: true, kind: "f32" });
const common = { name: "bench", fuses: [] };

function matmul(m: number, n: number, k: number, dtype: DType, transpose: "a" | "b" | ""): Kernel {
  const bias = at(2, [1, 1]);
  const sum = prim("max", prim("add", acc(0), bias), f32(0));
  return {
    ...common,
    family: "matmul",
    batch: [],
    m,
    n,
    k,
    operand: dtype,
    a: transpose === "a" ? at(0, [2, m], [0, 1]) : at(0, [0, k], [2, 1]),
    b: transpose === "b" ? at(1, [1, k], [2, 1]) : at(1, [2, n], [1, 1]),
    bindings: [
      tensor("a", transpose === "a" ? [k, m] : [m, k], dtype),
      tensor("b", transpose === "b" ? [n, k] : [k, n], dtype),
      tensor("bias", [n], "f32"),
      tensor("y", [m, n], dtype, "write"),
    ],
    stores: [{ binding: 3, value: dtype === "f16" ? round(sum) : sum }],
  };
}

/** Adam on n weights, with an f16 copy. */
function adam(n: number): Kernel {
  const [p, m, v, g] = [0, 1, 2, 3].map((i) => at(i, [0, 1]));
  const mix = (old: Expr, next: Expr, rate: number) =>
    prim("add", prim("mul", old, f32(rate)), prim("mul", next, f32(1 - rate)));
  const m1 = mix(m, g, 0.9);
  const v1 = mix(v, prim("mul", g, g), 0.999);
  const update = prim("div", m1, prim("add", prim("sqrt", v1), f32(1e-8)));
  const p1 = prim("sub", p, prim("mul", update, f32(1e-3)));
  return {
    ...common,
    family: "map",
    shape: [n],
    bindings: [
      ...["p", "m", "v"].map((name) => tensor(name, [n], "f32", "read_write")),
      tensor("g", [n], "f32"),
      tensor("copy", [n], "f16", "write"),
    ],
    stores: [p1, m1, v1].map((value, binding) => ({ binding, value })).concat({
      binding: 4,
      value: round(p1),
    }),
  };
}

function softmax(rows: number, columns: number): Kernel {
  const x = at(0, [0, columns], [1, 1]);
  const e = prim("exp", prim("sub", x, acc(0)));
  return {
    ...common,
    family: "reduce",
    outer: [rows],
    inner: [columns],
    phases: [[{ combine: "max", value: x }], [{ combine: "sum", value: e }]],
    bindings: [tensor("x", [rows, columns], "f32"), tensor("y", [rows, columns], "f32", "write")],
    rowStores: [],
    elementStores: [{ binding: 1, value: prim("div", e, acc(1)) }],
  };
}

function columnSums(rows: number, columns: number): Kernel {
  return {
    ...common,
    family: "reduce",
    outer: [columns],
    inner: [rows],
    phases: [[{ combine: "sum", value: at(0, [1, columns], [0, 1]) }]],
    bindings: [tensor("x", [rows, columns], "f32"), tensor("y", [columns], "f32", "write")],
    rowStores: [{ binding: 1, value: acc(0) }],
    elementStores: [],
  };
}

/** A convolution's contraction, 3 × 3 and padded, on x[N, H, W, C] in f32. */
function conv(N: number, H: number, W: number, C: number, O: number): Kernel {
  const quo = (x: Expr, by: number) => prim("quo", x, i32(by));
  const mod = (x: Expr, by: number) => prim("mod", x, i32(by));
  const tap = quo(coord(2), C);
  const y = prim("sub", prim("add", mod(quo(coord(0), W), H), quo(tap, 3)), i32(1));
  const x = prim("sub", prim("add", mod(coord(0), W), mod(tap, 3)), i32(1));
  const within = (v: Expr, n: number) => prim("and", prim("ge", v, i32(0)), prim("lt", v, i32(n)));
  const row = prim("add", prim("mul", quo(coord(0), H * W), i32(H)), y);
  const index = prim("add", prim("mul", prim("add", prim("mul", row, i32(W)), x), i32(C)), mod(coord(2), C));
  return {
    ...common,
    family: "matmul",
    batch: [],
    m: N * H * W,
    n: O,
    k: 9 * C,
    operand: "f32",
    a: { e: "load", binding: 0, index, guard: prim("and", within(y, H), within(x, W)), kind: "f32" },
    b: at(1, [2, O], [1, 1]),
    bindings: [
      tensor("x", [N, H, W, C], "f32"),
      tensor("w", [9 * C, O], "f32"),
      tensor("y", [N * H * W, O], "f32", "write"),
    ],
    stores: [{ binding: 2, value: acc(0) }],
  };
}

function time(name: string, kernel: Kernel, work: number, unit: string): void {
  const bindings = kernel.bindings.map(({ shape, dtype }) => {
    const bytes = physicalBytes(shape, dtype);
    const view = elements(new ArrayBuffer(bytes), 0, bytes / byteSize(dtype), dtype);
    // 0x3555 is about 1/3 in f16.
    for (let i = 0; i < view.length; i++) view[i] = dtype === "f16" ? 0x3555 : Math.random();
    return view;
  });
  const runner = createRunner(kernel, { precision: "f32", overflow: new Int32Array(1) });
  const times: number[] = [];
  for (const until = performance.now() + 400; performance.now() < until || times.length < 5;) {
    const start = performance.now();
    runner.run(bindings);
    times.push(performance.now() - start);
  }
  const median = times.slice(times.length >> 1).sort((a, b) => a - b)[times.length >> 2];
  console.log(
    `${name.padEnd(34)} ${median.toFixed(3).padStart(9)} ms ${
      (work / median / 1e6).toFixed(2).padStart(8)
    } ${unit}`,
  );
}

for (const dtype of ["f32", "f16"] as const) {
  for (
    const [m, n, k, t] of [[128, 64, 784, "b"], [784, 64, 128, "a"], [128, 10, 64, "b"], [
      512,
      512,
      512,
      "",
    ]] as const
  ) {
    time(
      `matmul ${m}×${k}×${n} ${dtype} ${t && `${t} transposed`}`,
      matmul(m, n, k, dtype, t),
      2 * m * n * k,
      "GFLOP/s",
    );
  }
}
time("conv 3×3, 16×28×28×16 → 32", conv(16, 28, 28, 16, 32), 2 * 16 * 28 * 28 * 32 * 144, "GFLOP/s");
time("adam 50,890", adam(50890), 50890, "G/s");
time("softmax 128×10", softmax(128, 10), 1280, "G/s");
time("softmax 256×1024", softmax(256, 1024), 256 * 1024, "G/s");
time("column sums 128×64", columnSums(128, 64), 128 * 64, "G/s");
time("column sums 1024×784", columnSums(1024, 784), 1024 * 784, "G/s");
