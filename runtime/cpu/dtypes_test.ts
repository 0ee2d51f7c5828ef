import { type DType, DTYPES, isFloat, kindOf } from "../../compiler/core/dtype.ts";
import { coord, type Expr, i32, prim } from "../../compiler/core/expr.ts";
import type { Binding, MapKernel } from "../../compiler/core/kernel.ts";
import { decode, encode, f32Bits, fromF32Bits, overflows, round } from "../../compiler/core/round.ts";
import { assertEquals } from "../../tests/assert.ts";
import { indexOf, load, readBinding } from "../../tests/support/kernels/arbitrary.ts";
import { checkKernel, mapKernel } from "../../tests/support/kernels/check.ts";
import { runKernel } from "../../tests/support/kernels/run_kernel.ts";

const CODES: Record<DType, number> = {
  f32: 0,
  f16: 65536,
  bf16: 65536,
  f8e4m3: 256,
  f8e5m2: 256,
  i8: 256,
  u8: 256,
  i32: 0,
  u32: 0,
  bool: 2,
};

/** Any value but an infinity that storing would saturate. */
function anyValue(dtype: DType): number {
  return round(decode(Math.floor(Math.random() * (CODES[dtype] || 2 ** 32)), dtype), dtype);
}

for (const dtype of DTYPES) {
  Deno.test(`${dtype}: what is loaded is what is stored, in every shape`, async () => {
    for (const shape of [[], [1], [3], [5, 7], [2, 3, 2], [4, 1], [3, 1031], [70, 33]]) {
      const x = readBinding(shape, dtype);
      const axes = [...shape.keys()];
      const y: Binding = { name: "y", dtype, access: "write", shape };
      const kernel: MapKernel = {
        family: "map",
        name: `copy ${shape}`,
        fuses: [],
        shape,
        bindings: [x, y],
        stores: [{ binding: 1, value: load([x], 0, indexOf(x, axes)) }],
      };
      const count = shape.reduce((a, b) => a * b, 1);
      const values = Array.from({ length: count }, () => anyValue(dtype));
      for (const precision of ["f32", "f64"] as const) await checkKernel(kernel, [values, []], { precision });
    }
  });

  Deno.test(`${dtype}: a transposing, reversing and broadcasting load`, async () => {
    const x = readBinding([5, 11], dtype);
    const row = readBinding([11], dtype);
    const shape = [11, 3, 5];
    const values = [
      load([x, row], 0, indexOf(x, [2, 0])),
      load([x, row], 1, prim("sub", i32(10), coord(0))),
      load([x, row], 1, indexOf(row, [0])),
    ];
    const tensors = [55, 11].map((n) => Array.from({ length: n }, () => anyValue(dtype)));
    await checkKernel(mapKernel(shape, [x, row], values), tensors);
  });
}

/** f32 values about every boundary: random bits, and the neighbours of each code's value and of the midpoints. */
function boundaryValues(dtype: DType): number[] {
  const values = Array.from({ length: 20000 }, () => fromF32Bits(Math.floor(Math.random() * 2 ** 32)));
  const codes = Array.from(
    { length: Math.min(CODES[dtype], 3000) },
    (_, i) => CODES[dtype] <= 3000 ? i : Math.floor(Math.random() * CODES[dtype]),
  );
  for (const code of codes) {
    const [low, high] = [decode(code, dtype), decode(code + 1, dtype)];
    for (const v of [low, Math.fround((low + high) / 2)]) {
      const bits = f32Bits(v);
      values.push(v, fromF32Bits(bits + 1), fromF32Bits(bits - 1));
    }
  }
  return [
    ...values,
    65519,
    65520,
    61439,
    61440,
    464,
    465,
    2 ** -24,
    2 ** -25,
    2 ** -9,
    2 ** -10,
    2 ** -16,
    2 ** -17,
  ];
}

for (const dtype of ["f16", "bf16", "f8e4m3", "f8e5m2"] as const) {
  for (const precision of ["f32", "f64"] as const) {
    Deno.test(`${dtype}: rounding and storing agree with round.ts, ${precision}`, async () => {
      const x = boundaryValues(dtype);
      const reads = [readBinding([x.length], "f32")];
      const loaded = load(reads, 0, coord(0));
      const value: Expr = { e: "round", to: dtype, arg: loaded, flag: false, kind: "f32" };
      const rounded = await runKernel(mapKernel([x.length], reads, [value]), [x], precision);
      assertEquals(rounded.outputs.get(1), x.map((v) => round(v, dtype)));
      assertEquals(rounded.overflow, false);

      const y: Binding = { name: "y", dtype, access: "write", shape: [x.length] };
      const store: MapKernel = {
        ...mapKernel([x.length], reads, []),
        bindings: [...reads, y],
        flag: undefined,
        stores: [{ binding: 1, value: loaded }],
      };
      const stored = await runKernel(store, [x], precision);
      assertEquals(stored.outputs.get(1), x.map((v) => round(v, dtype)));
    });
  }
}

Deno.test("an overflow raises the flag where the rounding is flagged, and only there", async () => {
  for (const dtype of ["f16", "f8e5m2", "f8e4m3", "bf16"] as const) {
    for (const v of [1, 65519, 65520, -65520, 61439, 61440, 1e9, -Infinity, NaN, 448, 1e6]) {
      for (const flag of [true, false]) {
        const x = Array.from({ length: 40 }, () => Math.random());
        x[17] = v;
        const reads = [readBinding([40], "f32")];
        const value: Expr = { e: "round", to: dtype, arg: load(reads, 0, coord(0)), flag, kind: "f32" };
        const wide = mapKernel([40], reads, [value]);
        const narrow = { ...wide, bindings: wide.bindings.with(1, { ...wide.bindings[1], dtype }) };
        for (const kernel of [wide, narrow]) {
          for (const precision of ["f32", "f64"] as const) {
            const { overflow, outputs } = await runKernel(kernel, [x], precision);
            assertEquals(overflow, flag && overflows(v, dtype), `${v} to ${dtype}`);
            assertEquals(outputs.get(1)![17], round(v, dtype));
          }
        }
      }
    }
  }
});

Deno.test("an overflow in one tile of many raises the flag", async () => {
  const n = 5000;
  const reads = [readBinding([n], "f32")];
  const value: Expr = { e: "round", to: "f16", arg: load(reads, 0, coord(0)), flag: true, kind: "f32" };
  for (const at of [0, 2500, n - 1]) {
    const x = Array.from({ length: n }, (_, i) => i === at ? 1e5 : Math.random());
    assertEquals((await runKernel(mapKernel([n], reads, [value]), [x])).overflow, true, `at ${at}`);
  }
});

Deno.test("integers wrap when they are stored in a byte", async () => {
  const x = [0, 127, 128, 255, 256, -1, -129, 1000];
  for (const dtype of ["i8", "u8"] as const) {
    const reads = [readBinding([8], kindOf(dtype))];
    const kernel: MapKernel = {
      ...mapKernel([8], reads, []),
      bindings: [...reads, { name: "y", dtype, access: "write", shape: [8] }],
      flag: undefined,
      stores: [{ binding: 1, value: load(reads, 0, coord(0)) }],
    };
    const { outputs } = await runKernel(kernel, [x]);
    assertEquals(outputs.get(1), x.map((v) => decode(encode(v, dtype), dtype)));
    assertEquals(isFloat(dtype), false);
  }
});
