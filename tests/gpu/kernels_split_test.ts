import { acc, coord, f32, prim } from "../../compiler/core/expr.ts";
import { type Kernel, physicalBytes } from "../../compiler/core/kernel.ts";
import { renderKernel } from "../../kernels/render.ts";
import { type Split, splitMatmul, splitReduce } from "../../kernels/split.ts";
import { binding, load, random, rounded } from "../../kernels/testing/build.ts";
import { evaluateKernel, pack, unpack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { randomKernel } from "../../kernels/testing/random_kernel.ts";
import { assertEquals } from "../assert.ts";
import { type KernelTest, kernelTest } from "../support/kernel_test.ts";
import { runKernel } from "../support/run_kernel.ts";

/** Runs the steps one after the other and compares with the kernel that was split. */
async function checkSplit(
  { device, target }: KernelTest,
  kernel: Kernel,
  split: Split,
  inputs: readonly (Words | undefined)[],
) {
  const words = (shape: readonly number[], dtype: Kernel["bindings"][0]["dtype"]): Words =>
    new Uint32Array(physicalBytes(shape, dtype) / 4).fill(0x5a5a5a5a);
  const memory = kernel.bindings.map((b, i) =>
    i === kernel.flag ? new Uint32Array(1) : inputs[i] ?? words(b.shape, b.dtype)
  );
  const expected = evaluateKernel(kernel, memory);
  const temps = split.temps.map((t) => words(t.shape, t.dtype));
  const actual = [...memory];
  for (const { kernel: step, operands } of split.steps) {
    const of = operands.map((o) => o.of === "temp" ? temps[o.index] : actual[o.binding]);
    const out = await runKernel(device, step, renderKernel(step, target), of);
    operands.forEach((o, i) => o.of === "temp" ? temps[o.index] = out[i] : actual[o.binding] = out[i]);
  }
  kernel.bindings.forEach((b, i) => {
    const message = `${kernel.name} in ${split.steps.length} steps, binding ${i}`;
    assertEquals(
      unpack(actual[i], b.dtype).map((x) => x + 0),
      unpack(expected[i], b.dtype).map((x) => x + 0),
      message,
    );
  });
}

const whole = (shape: readonly number[], dtype: "f32" | "f16", next: () => number) =>
  pack(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.floor(next() * 9) - 4),
    shape,
    dtype,
  );

kernelTest("split: contractions whose sum is long", async (test) => {
  const next = random(31);
  for (const [k, parts] of [[512, 4], [1000, 3], [100, 8], [37, 2]]) {
    const [m, n] = [6, 10];
    const bindings = [
      binding("f16", [2, m, k]),
      binding("f32", [k, n]),
      binding("f32", [n]),
      binding("f16", [2, m, n], "write"),
      binding("u32", [1], "read_write"),
    ];
    const a = load(bindings, 0, [coord(0), coord(1), coord(3)]);
    const b = rounded(load(bindings, 1, [coord(3), coord(2)]), "f16", true);
    const value = rounded(
      prim("max", prim("add", acc(0), load(bindings, 2, [coord(2)])), f32(0)),
      "f16",
      true,
    );
    const kernel: Kernel = {
      family: "matmul",
      name: `k${k}`,
      bindings,
      batch: [2],
      m,
      n,
      k,
      a,
      b,
      operand: "f16",
      stores: [{ binding: 3, value }],
      flag: 4,
      fuses: [],
    };
    const split = splitMatmul(kernel, parts);
    assertEquals(split.steps.length, 2);
    await checkSplit(test, kernel, split, [
      whole([2, m, k], "f16", next),
      whole([k, n], "f32", next),
      whole([n], "f32", next),
    ]);
  }
});

kernelTest("split: sums, maxima and their epilogues, along rows and columns", async (test) => {
  const next = random(32);
  for (
    const [outer, inner, parts] of [[[3], [100, 7], 4], [[], [4000], 16], [[5, 2], [64], 2], [
      [40],
      [333],
      5,
    ]] as const
  ) {
    for (const columns of [false, true]) {
      const shape = columns ? [...inner, ...outer] : [...outer, ...inner];
      const bindings = [
        binding("f16", shape),
        binding("f32", outer, "write"),
        binding("f16", outer, "write"),
        binding("bool", outer, "write"),
      ];
      const o = outer.map((_, i) => coord(i)), j = inner.map((_, i) => coord(outer.length + i));
      const x = load(bindings, 0, columns ? [...j, ...o] : [...o, ...j]);
      const kernel: Kernel = {
        family: "reduce",
        name: `reduce_${outer}_${inner}`,
        bindings,
        outer,
        inner,
        phases: [[{ combine: "sum", value: x }, { combine: "max", value: x }, {
          combine: "or",
          value: prim("gt", x, f32(3)),
        }]],
        rowStores: [{ binding: 1, value: acc(0) }, { binding: 2, value: prim("add", acc(1), f32(1)) }, {
          binding: 3,
          value: acc(2, "bool"),
        }],
        elementStores: [],
        fuses: [],
      };
      await checkSplit(test, kernel, splitReduce(kernel, parts), [whole(shape, "f16", next)]);
    }
  }
});

kernelTest("split: several phases and what is stored of every element", async (test) => {
  const next = random(33);
  const [channels, images, area] = [3, 4, 20];
  const shape = [images, channels, area];
  const bindings = [
    binding("f32", shape),
    binding("f32", [channels, images, area], "write"),
    binding("f32", [channels], "write"),
    binding("f32", [channels], "write"),
  ];
  const x = load(bindings, 0, [coord(1), coord(0), coord(2)]);
  // Powers of two, so that means and squares stay exact.
  const mean = prim("rint", prim("mul", acc(0), f32(1 / 64)));
  const d = prim("sub", x, mean);
  const kernel: Kernel = {
    family: "reduce",
    name: "norm",
    bindings,
    outer: [channels],
    inner: [images, area],
    phases: [[{ combine: "sum", value: x }], [{ combine: "sum", value: prim("mul", d, d) }, {
      combine: "min",
      value: d,
    }]],
    rowStores: [{ binding: 2, value: mean }, { binding: 3, value: prim("add", acc(1), acc(2)) }],
    elementStores: [{ binding: 1, value: prim("sub", prim("mul", d, f32(0.5)), acc(2)) }],
    fuses: [],
  };
  const split = splitReduce(kernel, 3);
  assertEquals(split.steps.map((s) => s.kernel.name), [
    "norm_part0",
    "norm_join0",
    "norm_part1",
    "norm_join1",
    "norm_elements",
  ]);
  await checkSplit(test, kernel, split, [whole(shape, "f32", next)]);
});

kernelTest("split: random kernels", async (test) => {
  for (let seed = 0; seed < 40; seed++) {
    const { kernel, inputs } = randomKernel(seed);
    if (kernel.family === "reduce") await checkSplit(test, kernel, splitReduce(kernel, 3), inputs);
    if (kernel.family === "matmul") await checkSplit(test, kernel, splitMatmul(kernel, 2), inputs);
  }
});
