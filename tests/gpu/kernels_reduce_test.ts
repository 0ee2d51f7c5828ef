import type { DType } from "../../compiler/core/dtype.ts";
import { acc, coord, f32, i32, prim } from "../../compiler/core/expr.ts";
import type { Binding, Combine, ReduceKernel, Store } from "../../compiler/core/kernel.ts";
import { binding, load, random, rounded } from "../../kernels/testing/build.ts";
import { pack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { checkKernel } from "../support/check_kernel.ts";
import { kernelTest } from "../support/kernel_test.ts";

function reduce(
  bindings: readonly Binding[],
  outer: readonly number[],
  inner: readonly number[],
  phases: ReduceKernel["phases"],
  rowStores: readonly Store[],
  elementStores: readonly Store[] = [],
  flag?: number,
): ReduceKernel {
  return {
    family: "reduce",
    name: "reduce",
    bindings,
    outer,
    inner,
    phases,
    rowStores,
    elementStores,
    flag,
    fuses: [],
  };
}

/** Quarters in [−4, 4): every sum of them is exact, in any order. */
function quarters(shape: readonly number[], dtype: DType, next: () => number): Words {
  const n = shape.reduce((a, b) => a * b, 1);
  return pack(Array.from({ length: n }, () => Math.floor(next() * 32 - 16) / 4), shape, dtype);
}

const SHAPES: readonly [outer: number[], inner: number[]][] = [
  [[], [1]],
  [[], [1000]],
  [[5], [7]],
  [[3], [300]],
  [[130], [10]],
  [[2, 3], [64]],
  [[4], [6, 5]],
  [[3], [4, 1030]],
  [[1], [5000]],
  [[7, 5], []],
  [[200], [3]],
];

kernelTest("reduce: sums of rows, of every size, to every width of word", async ({ device, target }) => {
  const next = random(11);
  for (const [outer, inner] of SHAPES) {
    for (const dtype of ["f32", "f16", "f8e5m2"] as const) {
      const shape = [...outer, ...inner];
      const bindings = [
        binding(dtype, shape),
        binding("f32", outer, "write"),
        binding("f16", outer, "write"),
        binding("f8e4m3", outer, "write"),
      ];
      const mean = prim("mul", acc(0), f32(1 / 64));
      const kernel = reduce(bindings, outer, inner, [[{ combine: "sum", value: load(bindings, 0) }]], [
        { binding: 1, value: acc(0) },
        { binding: 2, value: rounded(mean, "f16") },
        { binding: 3, value: mean },
      ]);
      await checkKernel(device, target, kernel, [quarters(shape, dtype, next)]);
    }
  }
});

kernelTest("reduce: sums of columns", async ({ device, target }) => {
  const next = random(12);
  for (const [m, n] of [[1, 1], [5, 7], [128, 10], [40, 300], [1000, 33], [3, 70000]]) {
    for (const dtype of ["f32", "bf16"] as const) {
      const bindings = [binding(dtype, [m, n]), binding("f32", [n], "write"), binding("f16", [n], "write")];
      const kernel = reduce(bindings, [n], [m], [[{
        combine: "sum",
        value: load(bindings, 0, [coord(1), coord(0)]),
      }]], [
        { binding: 1, value: acc(0) },
        { binding: 2, value: rounded(prim("mul", acc(0), f32(0.125)), "f16") },
      ]);
      await checkKernel(device, target, kernel, [quarters([m, n], dtype, next)]);
    }
  }
});

kernelTest("reduce: the last axis but one, rows of rows", async ({ device, target }) => {
  const next = random(13);
  const shape = [3, 20, 6, 5];
  const bindings = [binding("f32", shape), binding("f32", [3, 6], "write"), binding("u8", [20], "write")];
  const [a, b, c, d] = [0, 1, 2, 3].map((i) => coord(i));
  const one = reduce(bindings.slice(0, 2), [3, 6], [20, 5], [[{
    combine: "sum",
    value: load(bindings, 0, [a, c, b, d]),
  }]], [
    { binding: 1, value: acc(0) },
  ]);
  await checkKernel(device, target, one, [quarters(shape, "f32", next)]);
  const some = prim("gt", load(bindings, 0, [b, a, c, d]), f32(3.5));
  const count = reduce([bindings[0], bindings[2]], [20], [3, 6, 5], [[{
    combine: "sum",
    value: prim("to_u32", some),
  }]], [
    { binding: 1, value: acc(0, "u32") },
  ]);
  await checkKernel(device, target, count, [quarters(shape, "f32", next)]);
});

kernelTest("reduce: every way to combine", async ({ device, target }) => {
  const next = random(14);
  const kinds: readonly [Combine, DType, DType][] = [
    ["sum", "f32", "f32"],
    ["sum", "i32", "i32"],
    ["max", "f32", "f32"],
    ["min", "f32", "f32"],
    ["max", "i8", "i32"],
    ["min", "u8", "u32"],
    ["argmax", "f32", "i32"],
    ["argmin", "f16", "i32"],
    ["argmax", "i32", "i32"],
    ["or", "bool", "bool"],
  ];
  for (const [combine, dtype, out] of kinds) {
    for (const [outer, inner] of [[[9], [11]], [[3], [700]], [[4], [9, 33]], [[70], [2]]]) {
      const shape = [...outer, ...inner], n = shape.reduce((a, b) => a * b);
      // Few different values, so that equals occur.
      const values = Array.from({ length: n }, () => {
        const v = Math.floor(next() * 7) - 3;
        return dtype === "bool"
          ? (next() < 0.02 ? 1 : 0)
          : dtype === "u8"
          ? v + 3
          : v - (combine === "max" ? 100 : -100);
      });
      for (const columns of [false, true]) {
        const bindings = [
          binding(dtype, columns ? [...inner, ...outer] : shape),
          binding(out, outer, "write"),
        ];
        const coords = columns ? [...inner.map((_, i) => coord(1 + i)), coord(0)] : undefined;
        const value = load(bindings, 0, coords);
        const kind = out === "bool"
          ? "bool"
          : out === "f32"
          ? "f32"
          : combine.startsWith("arg")
          ? "i32"
          : value.kind;
        const kernel = {
          ...reduce(bindings, outer, inner, [[{ combine, value }]], [{ binding: 1, value: acc(0, kind) }]),
          name: `${combine}_${dtype}`,
        };
        await checkKernel(device, target, kernel, [pack(values, bindings[0].shape, dtype)]);
      }
    }
  }
});

kernelTest("reduce: softmax and its row maximum, in place and to f16", async ({ device, target }) => {
  const next = random(15);
  for (const [rows, n] of [[3, 10], [5, 65], [2, 1000], [17, 128], [1, 5000]]) {
    const bindings = [
      binding("f32", [rows, n], "read_write"),
      binding("f16", [rows, n], "write"),
      binding("f32", [rows], "write"),
      binding("u32", [1], "read_write"),
    ];
    const x = load(bindings, 0);
    const shifted = prim("exp", prim("sub", x, acc(0)));
    const y = prim("div", shifted, acc(1));
    const kernel = reduce(
      bindings,
      [rows],
      [n],
      [[{ combine: "max", value: x }], [{ combine: "sum", value: shifted }]],
      [{ binding: 2, value: prim("add", acc(0), prim("log", acc(1))) }],
      [{ binding: 1, value: rounded(prim("mul", y, f32(1000)), "f16", true) }, { binding: 0, value: y }],
      3,
    );
    const values = Array.from({ length: rows * n }, () => (next() - 0.5) * 20);
    await checkKernel(device, target, kernel, [pack(values, [rows, n], "f32")], { rtol: 2e-5, step: true });
  }
});

kernelTest("reduce: layer norm over two axes, with two accumulators", async ({ device, target }) => {
  const next = random(16);
  for (const [n, c, h, w] of [[3, 2, 4, 4], [2, 3, 5, 7], [4, 6, 20, 21]]) {
    const shape = [n, c, h, w];
    const bindings = [
      binding("f16", shape),
      binding("f32", [c]),
      binding("bf16", shape, "write"),
      binding("f32", [n, c], "write"),
      binding("f32", [n, c], "write"),
    ];
    const x = load(bindings, 0);
    const size = f32(1 / (h * w));
    const mean = prim("mul", acc(0), size);
    const d = prim("sub", x, mean);
    const variance = prim("mul", acc(1), size);
    const y = prim(
      "mul",
      prim("mul", d, prim("rsqrt", prim("add", variance, f32(1e-5)))),
      load(bindings, 1, [coord(1)]),
    );
    const kernel = reduce(
      bindings,
      [n, c],
      [h, w],
      [[{ combine: "sum", value: x }], [{ combine: "sum", value: prim("mul", d, d) }, {
        combine: "max",
        value: prim("abs", d),
      }]],
      [{ binding: 3, value: mean }, { binding: 4, value: prim("div", variance, acc(2)) }],
      [{ binding: 2, value: rounded(y, "bf16") }],
    );
    const values = Array.from({ length: n * c * h * w }, () => next() * 4 - 1);
    await checkKernel(device, target, kernel, [pack(values, shape, "f16"), quarters([c], "f32", next)], {
      rtol: 1e-5,
      atol: 1e-5,
      step: true,
    });
  }
});

kernelTest("reduce: flags come from rows that exist", async ({ device, target }) => {
  for (const [rows, n] of [[3, 5], [33, 100]]) {
    for (const bad of [false, true]) {
      const bindings = [
        binding("f32", [rows, n]),
        binding("f16", [rows], "write"),
        binding("u32", [1], "read_write"),
      ];
      const value = rounded(
        prim(
          "sub",
          acc(0),
          prim("mul", prim("to_f32", prim("eq", coord(0), i32(rows - 1))), f32(bad ? 1e6 : 1)),
        ),
        "f16",
        true,
      );
      const kernel = reduce(
        bindings,
        [rows],
        [n],
        [[{ combine: "sum", value: load(bindings, 0) }]],
        [{ binding: 1, value }],
        [],
        2,
      );
      const out = await checkKernel(device, target, kernel, [quarters([rows, n], "f32", random(17))]);
      if (out[2][0] !== Number(bad)) throw new Error(`flag ${out[2][0]} where overflow is ${bad}`);
    }
  }
});
