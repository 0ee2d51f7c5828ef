import fc from "fast-check";
import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import { type DType, kindOf } from "../../compiler/core/dtype.ts";
import type { Binding, MatmulKernel } from "../../compiler/core/kernel.ts";
import { indexOf, load, readBinding, valuesOf } from "../../tests/support/kernels/arbitrary.ts";
import { checkKernel, FLAG } from "../../tests/support/kernels/check.ts";

const M = (batch: readonly number[]) => batch.length;

function matmulKernel(
  size: { batch?: readonly number[]; m: number; n: number; k: number },
  reads: readonly Binding[],
  a: Expr,
  b: Expr,
  values: readonly { value: Expr; dtype: DType }[] = [{ value: acc(0, a.kind), dtype: a.kind }],
): MatmulKernel {
  const batch = size.batch ?? [];
  const shape = [...batch, size.m, size.n];
  const outputs = values.map(({ dtype }, i): Binding => ({ name: `y${i}`, dtype, access: "write", shape }));
  return {
    family: "matmul",
    name: "matmul",
    fuses: [],
    bindings: [...reads, ...outputs, FLAG],
    flag: reads.length + outputs.length,
    ...size,
    batch,
    a,
    b,
    operand: a.kind === "f32" ? "f32" : a.kind === "i32" ? "i8" : "u8",
    stores: values.map(({ value }, i) => ({ binding: reads.length + i, value })),
  };
}

/** Eighths: their products and sums are exact. */
const eighths = (n: number) => Array.from({ length: n }, () => Math.floor((Math.random() - 0.5) * 32) / 8);
const count = (shape: readonly number[]) => shape.reduce((x, y) => x * y, 1);

Deno.test("matmul: every layout of both operands, in batches", async () => {
  const extent = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 45 }));
  const cases = fc.record({
    batch: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    m: extent,
    n: extent,
    k: extent,
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    shareB: fc.boolean(),
    dtype: fc.constantFrom<DType>("f32", "f16", "bf16", "f8e5m2", "i8", "u8"),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ batch, m, n, k, transposeA, transposeB, shareB, dtype }) => {
      const B = M(batch);
      const extents = [...batch, m, n, k];
      const batchAxes = [...batch.keys()];
      const axesA = [...batchAxes, ...(transposeA ? [B + 2, B] : [B, B + 2])];
      const axesB = [...(shareB ? [] : batchAxes), ...(transposeB ? [B + 1, B + 2] : [B + 2, B + 1])];
      const reads = [axesA, axesB].map((axes) => readBinding(axes.map((axis) => extents[axis]), dtype));
      const tensors = reads.map((r) =>
        kindOf(dtype) === "f32"
          ? eighths(count(r.shape)).map((v) => dtype === "f8e5m2" ? Math.round(v) : v)
          : valuesOf(dtype, count(r.shape), Math.floor(Math.random() * 2 ** 31))
      );
      const [a, b] = [load(reads, 0, indexOf(reads[0], axesA)), load(reads, 1, indexOf(reads[1], axesB))];
      for (const precision of ["f32", "f64"] as const) {
        await checkKernel(matmulKernel({ batch, m, n, k }, reads, a, b), tensors, { precision });
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

Deno.test("matmul: sums cut in blocks of k and of rows", async () => {
  for (const [m, n, k] of [[3, 5, 2500], [130, 6, 700], [70, 3, 2200], [1, 1, 1025], [5, 7, 0]]) {
    const reads = [readBinding([m, k], "f32"), readBinding([k, n], "f32")];
    const a = load(reads, 0, indexOf(reads[0], [0, 2]));
    const b = load(reads, 1, indexOf(reads[1], [2, 1]));
    await checkKernel(matmulKernel({ m, n, k }, reads, a, b), reads.map((r) => eighths(count(r.shape))));
  }
});

Deno.test("matmul: prologues, a bias and relu rounded to f16 in the epilogue, and the overflow flag", async () => {
  const [m, n, k] = [37, 21, 50];
  const reads = [
    readBinding([m, k], "f16"),
    readBinding([n, k], "f32"),
    readBinding([n], "f16"),
    readBinding([], "f32"),
  ];
  const halved: Expr = {
    e: "round",
    to: "f16",
    arg: prim("mul", load(reads, 1, indexOf(reads[1], [1, 2])), f32(0.5)),
    flag: true,
    kind: "f32",
  };
  const a = prim("max", load(reads, 0, indexOf(reads[0], [0, 2])), f32(-1));
  const scaled = prim("mul", acc(0), load(reads, 3, i32(0)));
  const sum: Expr = {
    e: "round",
    to: "f16",
    arg: prim("add", scaled, load(reads, 2, indexOf(reads[2], [1]))),
    flag: true,
    kind: "f32",
  };
  const stores = [{ value: prim("max", sum, f32(0)), dtype: "f16" }, {
    value: scaled,
    dtype: "f32",
  }] as const;
  for (const scale of [1, 0.25, 4096]) {
    const tensors = [...reads.slice(0, 3).map((r) => eighths(count(r.shape))), [scale]];
    await checkKernel(matmulKernel({ m, n, k }, reads, a, halved, stores), tensors);
  }
});

Deno.test("matmul: a convolution by guarded, computed loads", async () => {
  // x[2, 9, 7, 3] with a 3 × 3 window, padded by one, stride 2; w[3·3·3, 5].
  const [N, H, W, C, O] = [2, 9, 7, 3, 5];
  const [OH, OW] = [5, 4];
  const size = { m: N * OH * OW, n: O, k: 9 * C };
  const reads = [readBinding([N, H, W, C], "f16"), readBinding([9 * C, O], "f32")];
  const quo = (x: Expr, by: number) => prim("quo", x, i32(by));
  const mod = (x: Expr, by: number) => prim("mod", x, i32(by));
  const tap = quo(coord(2), C);
  const shift = (out: Expr, within: Expr) =>
    prim("sub", prim("add", prim("mul", out, i32(2)), within), i32(1));
  const y = shift(mod(quo(coord(0), OW), OH), quo(tap, 3));
  const x = shift(mod(coord(0), OW), mod(tap, 3));
  const within = (v: Expr, n: number) => prim("and", prim("ge", v, i32(0)), prim("lt", v, i32(n)));
  const length = 4; // three f16 elements, padded to whole words
  const row = prim("add", prim("mul", quo(coord(0), OH * OW), i32(H)), y);
  const pixel = prim("add", prim("mul", row, i32(W)), x);
  const index = prim("add", prim("mul", pixel, i32(length)), mod(coord(2), C));
  const a = load(reads, 0, index, prim("and", within(y, H), within(x, W)));
  const b = load(reads, 1, indexOf(reads[1], [2, 1]));
  await checkKernel(matmulKernel(size, reads, a, b), reads.map((r) => eighths(count(r.shape))));
});

Deno.test("matmul: sums of bytes stay exact where f32 would round, scaled and stored as bytes", async () => {
  const [m, n, k] = [5, 9, 3000];
  const reads = [readBinding([m, k], "i8"), readBinding([n, k], "i8"), readBinding([n], "f32")];
  const a = load(reads, 0, indexOf(reads[0], [0, 2])), b = load(reads, 1, indexOf(reads[1], [1, 2]));
  const scaled = prim("mul", prim("to_f32", acc(0, "i32")), load(reads, 2, indexOf(reads[2], [1])));
  const byte = prim("to_i32", prim("max", prim("min", prim("rint", scaled), f32(127)), f32(-128)));
  const values = [{ value: acc(0, "i32"), dtype: "i32" as const }, { value: byte, dtype: "i8" as const }];
  // The first rows are as large as they come: 3000 · 127 · 127 has 26 bits.
  const large = (count: number) => valuesOf("i8", count, 5).map((v, i) => i < k ? 127 - i % 2 : v);
  const tensors = [large(m * k), large(n * k), Array.from({ length: n }, (_, i) => 2 ** -(8 + i))];
  await checkKernel(matmulKernel({ m, n, k }, reads, a, b, values), tensors);
});

Deno.test("matmul: random reals, to f32 accuracy", async () => {
  const [m, n, k] = [33, 18, 300];
  const reads = [readBinding([m, k], "f32"), readBinding([k, n], "f32")];
  const a = load(reads, 0, indexOf(reads[0], [0, 2]));
  const b = load(reads, 1, indexOf(reads[1], [2, 1]));
  const reals = reads.map((r) =>
    Array.from({ length: count(r.shape) }, () => Math.fround(Math.random() - 0.3))
  );
  await checkKernel(matmulKernel({ m, n, k }, reads, a, b), reals, { rtol: 1e-7 });
});
