import type { DType } from "../../compiler/core/dtype.ts";
import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import type { Binding, MatmulKernel, Store } from "../../compiler/core/kernel.ts";
import { renderPlainMatmul } from "../../kernels/matmul.ts";
import { CPU_CANDIDATES, fitted, GPU_CANDIDATES } from "../../kernels/matmul_plan.ts";
import { renderKernel } from "../../kernels/render.ts";
import { binding, load, random, rounded } from "../../kernels/testing/build.ts";
import { evaluateKernel, pack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { assertEquals, fail } from "../assert.ts";
import { checkKernel } from "../support/check_kernel.ts";
import { randomContraction, showContraction, tryContraction } from "../support/contraction.ts";
import { kernelTest } from "../support/kernel_test.ts";
import { runKernel } from "../support/run_kernel.ts";

interface Problem {
  readonly batch?: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function matmul(
  bindings: readonly Binding[],
  { batch = [], m, n, k }: Problem,
  a: Expr,
  b: Expr,
  stores: readonly Store[],
  flag?: number,
): MatmulKernel {
  return {
    family: "matmul",
    name: `matmul_${m}x${n}x${k}`,
    bindings,
    batch,
    m,
    n,
    k,
    a,
    b,
    operand: "f32",
    stores,
    flag,
    fuses: [],
  };
}

/** Small whole numbers: every product and sum of them is exact. */
function whole(shape: readonly number[], dtype: DType, next: () => number): Words {
  const n = shape.reduce((x, y) => x * y, 1);
  return pack(Array.from({ length: n }, () => Math.floor(next() * 9) - 4), shape, dtype);
}

const SIZES: readonly Problem[] = [
  { m: 1, n: 1, k: 1 },
  { m: 5, n: 7, k: 3 },
  { m: 33, n: 10, k: 70 },
  { m: 64, n: 64, k: 64 },
  { m: 10, n: 130, k: 45 },
  { m: 1, n: 65, k: 128 },
];

kernelTest("matmul: every transposition and operand dtype", async ({ device, target }) => {
  const next = random(21);
  const dtypes: readonly [DType, DType][] = [["f32", "f32"], ["f16", "f16"], ["bf16", "f32"], [
    "f8e4m3",
    "f16",
  ]];
  for (const [i, p] of SIZES.entries()) {
    const { m, n, k } = p;
    // Software devices take a second to compile one: every transposition of the small, one of the others.
    for (const transposed of p.m * p.n <= 35 ? [0, 1, 2, 3] : [i % 4]) {
      const [da, db] = dtypes[(i + transposed) % dtypes.length];
      const bindings = [
        binding(da, transposed & 1 ? [k, m] : [m, k]),
        binding(db, transposed & 2 ? [n, k] : [k, n]),
        binding("f32", [m, n], "write"),
      ];
      const [cm, cn, ck] = [coord(0), coord(1), coord(2)];
      const a = load(bindings, 0, transposed & 1 ? [ck, cm] : [cm, ck]);
      const b = load(bindings, 1, transposed & 2 ? [cn, ck] : [ck, cn]);
      const kernel = matmul(bindings, p, a, b, [{ binding: 2, value: acc(0) }]);
      await checkKernel(device, target, kernel, [
        whole(bindings[0].shape, da, next),
        whole(bindings[1].shape, db, next),
      ]);
    }
  }
});

kernelTest("matmul: batches, one operand shared", async ({ device, target }) => {
  const next = random(22);
  for (const batch of [[3], [2, 3]]) {
    const p = { batch, m: 9, n: 12, k: 20 };
    const bindings = [
      binding("f16", [...batch, 9, 20]),
      binding("f32", [20, 12]),
      binding("f32", [...batch, 9, 12], "write"),
    ];
    const rank = batch.length;
    const at = batch.map((_, i) => coord(i));
    const [m, n, k] = [coord(rank), coord(rank + 1), coord(rank + 2)];
    const kernel = matmul(bindings, p, load(bindings, 0, [...at, m, k]), load(bindings, 1, [k, n]), [{
      binding: 2,
      value: acc(0),
    }]);
    await checkKernel(device, target, kernel, [
      whole([...batch, 9, 20], "f16", next),
      whole([20, 12], "f32", next),
    ]);
    const small = { ...target, limits: { ...target.limits, maxComputeWorkgroupsPerDimension: 4 } };
    await checkKernel(device, small, kernel, [
      whole([...batch, 9, 20], "f16", next),
      whole([20, 12], "f32", next),
    ]);
  }
});

kernelTest("matmul: an epilogue with bias, activation, rounding and its flag", async ({ device, target }) => {
  const next = random(23);
  for (const { m, n, k } of [{ m: 33, n: 10, k: 40 }, { m: 9, n: 65, k: 32 }, { m: 32, n: 64, k: 20 }]) {
    for (const dtype of ["f16", "bf16", "u8"] as const) {
      for (const scale of dtype === "f16" ? [1, 3000] : [1]) {
        const bindings = [
          binding("f16", [m, k]),
          binding("f16", [k, n]),
          binding("f32", [n]),
          binding(dtype, [m, n], "write"),
          binding("f32", [m, n], "write"),
          binding("u32", [1], "read_write"),
        ];
        const a = prim("max", load(bindings, 0, [coord(0), coord(2)]), f32(0));
        const b = rounded(prim("mul", load(bindings, 1, [coord(2), coord(1)]), f32(0.5)), "f16");
        const y = prim("add", prim("mul", acc(0), f32(scale)), load(bindings, 2, [coord(1)]));
        const positive = prim("select", prim("gt", y, f32(0)), y, prim("mul", y, f32(0.25)));
        const half = rounded(positive, "f16", true);
        const stored = dtype === "u8"
          ? prim("to_u32", prim("min", prim("abs", y), f32(255)))
          : rounded(half, dtype);
        const kernel = matmul(bindings, { m, n, k }, a, b, [{ binding: 3, value: stored }, {
          binding: 4,
          value: half,
        }], 5);
        const inputs = [whole([m, k], "f16", next), whole([k, n], "f16", next), whole([n], "f32", next)];
        const out = await checkKernel(device, target, kernel, inputs);
        assertEquals(out[5][0], scale === 1 ? 0 : 1, "the overflow flag");
      }
    }
  }
});

kernelTest("matmul: a convolution's operand, gathered with guards", async ({ device, target }) => {
  const next = random(24);
  const [images, channels, height, width, filters, size] = [2, 3, 7, 6, 5, 3];
  const m = images * height * width, k = channels * size * size;
  const bindings = [
    binding("f16", [images, channels, height, width]),
    binding("f16", [filters, channels, size, size]),
    binding("f32", [m, filters], "write"),
  ];
  const [cm, cn, ck] = [coord(0), coord(1), coord(2)];
  const q = (x: Expr, d: number) => prim("quo", x, i32(d)),
    r = (x: Expr, d: number) => prim("mod", x, i32(d));
  const [c, kh, kw] = [q(ck, size * size), q(r(ck, size * size), size), r(ck, size)];
  const row = prim("sub", prim("add", r(q(cm, width), height), kh), i32(1));
  const column = prim("sub", prim("add", r(cm, width), kw), i32(1));
  const inside = (x: Expr, extent: number) => prim("and", prim("ge", x, i32(0)), prim("lt", x, i32(extent)));
  const guard = prim("and", inside(row, height), inside(column, width));
  const a = load(bindings, 0, [q(cm, height * width), c, row, column], guard);
  const kernel = matmul(bindings, { m, n: filters, k }, a, load(bindings, 1, [cn, c, kh, kw]), [{
    binding: 2,
    value: acc(0),
  }]);
  await checkKernel(device, target, kernel, [
    whole(bindings[0].shape, "f16", next),
    whole(bindings[1].shape, "f16", next),
  ]);
});

kernelTest("matmul: every tiling gives the same", async ({ device, target }) => {
  const next = random(25);
  for (const { m, n, k } of [{ m: 130, n: 70, k: 40 }]) {
    const bindings = [binding("f16", [m, k]), binding("f32", [k, n]), binding("f16", [m, n], "write")];
    const kernel = matmul(
      bindings,
      { m, n, k },
      load(bindings, 0, [coord(0), coord(2)]),
      load(bindings, 1, [coord(2), coord(1)]),
      [
        { binding: 2, value: acc(0) },
      ],
    );
    const memory = [
      whole([m, k], "f16", next),
      whole([k, n], "f32", next),
      pack([], [m, n], "f16").fill(0x5a5a5a5a),
    ];
    const expected = evaluateKernel(kernel, memory);
    for (const plan of [...GPU_CANDIDATES, ...CPU_CANDIDATES]) {
      const shader = renderPlainMatmul(kernel, target, plan);
      const actual = await runKernel(device, kernel, shader, memory);
      assertEquals(actual[2], expected[2], shader.variant);
    }
  }
});

kernelTest("matmul: the blocks of a CPU agree with f64 at random shapes", async ({ device, target }) => {
  const seed = Number(Deno.env.get("MPT_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  const next = random(seed);
  // Each block with one of the ways to lay out its lanes: a software device takes a second to compile one.
  for (const plan of CPU_CANDIDATES.filter((_, i) => i % 3 === (seed + Math.floor(i / 3)) % 3)) {
    const c = randomContraction(next, 80);
    let variant = "";
    const wrong = await tryContraction(c, next, (kernel, memory) => {
      const shader = kernel.family === "matmul"
        ? renderPlainMatmul(kernel, target, fitted(plan, kernel))
        : renderKernel(kernel, target);
      variant ||= shader.variant;
      return runKernel(device, kernel, shader, memory);
    });
    if (wrong) fail(`${variant} with MPT_TEST_SEED=${seed}, ${showContraction(c)}: ${wrong}`);
  }
});
