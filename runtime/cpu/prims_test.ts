import { type DType, type Kind, kindOf } from "../../compiler/core/dtype.ts";
import { coord, type Prim, prim } from "../../compiler/core/expr.ts";
import { load, readBinding } from "../../tests/support/kernels/arbitrary.ts";
import { checkKernel, mapKernel } from "../../tests/support/kernels/check.ts";

/** Every primitive of every kind is tried on each pair of these values. */
const EDGES: Record<Kind, readonly number[]> = {
  f32: [
    0,
    -0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    1,
    -1,
    3,
    1e-30,
    -7.25,
    88,
    1e9,
    -3e9,
    5e9,
    3.4e38,
    Infinity,
    -Infinity,
    NaN,
  ].map(Math.fround),
  i32: [0, 1, -1, 2, 7, -7, 100, 65537, -65537, 2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 2],
  u32: [0, 1, 2, 3, 31, 7, 100, 65535, 65537, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2],
  bool: [0, 1],
};

const NUMERIC: readonly Kind[] = ["f32", "i32", "u32"];
const ALL: readonly Kind[] = ["f32", "i32", "u32", "bool"];
const F32: readonly Kind[] = ["f32"];
const U32: readonly Kind[] = ["u32"];
const BOOL: readonly Kind[] = ["bool"];

const UNARY: readonly [Prim, readonly Kind[]][] = [
  ["neg", NUMERIC],
  ["abs", NUMERIC],
  ["sign", NUMERIC],
  ["exp", F32],
  ["expm1", F32],
  ["log", F32],
  ["log1p", F32],
  ["sqrt", F32],
  ["rsqrt", F32],
  ["sin", F32],
  ["cos", F32],
  ["tanh", F32],
  ["floor", F32],
  ["ceil", F32],
  ["rint", F32],
  ["not", BOOL],
  ["to_f32", ALL],
  ["to_i32", ALL],
  ["to_u32", ALL],
  ["to_bool", ALL],
  ["f32_of_bits", U32],
  ["is_finite", F32],
];
const BINARY: readonly [Prim, readonly Kind[]][] = [
  ["add", NUMERIC],
  ["sub", NUMERIC],
  ["mul", NUMERIC],
  ["div", NUMERIC],
  ["rem", NUMERIC],
  ["min", NUMERIC],
  ["max", NUMERIC],
  ["pow", F32],
  ["eq", ALL],
  ["ne", ALL],
  ["lt", NUMERIC],
  ["le", NUMERIC],
  ["gt", NUMERIC],
  ["ge", NUMERIC],
  ["and", BOOL],
  ["or", BOOL],
  ["bitand", U32],
  ["bitor", U32],
  ["bitxor", U32],
  ["shl", U32],
  ["shr", U32],
  ["mulhi", U32],
];

const random: Record<Kind, () => number> = {
  f32: () => Math.fround((Math.random() - 0.5) * 10 ** (Math.random() * 6 - 2)),
  i32: () => Math.floor((Math.random() - 0.5) * 2 ** (Math.random() * 32)) | 0,
  u32: () => Math.floor(Math.random() * 2 ** (Math.random() * 32)) >>> 0,
  bool: () => Math.random() < 0.5 ? 0 : 1,
};

/** Each edge value with each, then random pairs. */
function pairs(kind: Kind): [number[], number[]] {
  const edges = EDGES[kind];
  const a = edges.flatMap((x) => edges.map(() => x));
  const b = edges.flatMap(() => edges);
  for (let i = 0; i < 100; i++) {
    a.push(random[kind]());
    b.push(random[kind]());
  }
  return [a, b];
}

for (const precision of ["f32", "f64"] as const) {
  for (const [fn, kinds] of [...UNARY, ...BINARY]) {
    const binary = BINARY.some(([b]) => b === fn);
    Deno.test(`prim ${fn}, ${precision}`, async () => {
      for (const kind of kinds) {
        const [a, b] = pairs(kind);
        const reads = [readBinding([a.length], kind), readBinding([a.length], kind)];
        const args = binary ? [0, 1] : [0];
        const value = prim(fn, ...args.map((i) => load(reads, i, coord(0))));
        await checkKernel(mapKernel([a.length], reads, [value]), [a, b], { precision });
      }
    });
  }
}

Deno.test("prim erf, against a quadrature", async () => {
  const x = Array.from({ length: 600 }, (_, i) => Math.fround((i - 300) / 40 + Math.random() / 100));
  const reads = [readBinding([x.length], "f32")];
  const kernel = mapKernel([x.length], reads, [prim("erf", load(reads, 0, coord(0)))]);
  await checkKernel(kernel, [x], { precision: "f32", rtol: 6.1e-8, atol: 1e-12 });
  const wide = {
    ...kernel,
    stores: [{ ...kernel.stores[0], value: prim("mul", kernel.stores[0].value, kernel.stores[0].value) }],
  };
  await checkKernel(wide, [x], { precision: "f64", rtol: 1.3e-7, atol: 1e-12 });
});

Deno.test("prim quo and mod, of what is no linear form", async () => {
  const a = Array.from({ length: 300 }, () => Math.floor(Math.random() * 2 ** (Math.random() * 31)));
  const b = Array.from({ length: 300 }, () => 1 + Math.floor(Math.random() * 2 ** (Math.random() * 30)));
  const reads = [readBinding([300], "i32"), readBinding([300], "i32")];
  const [x, y] = [load(reads, 0, coord(0)), load(reads, 1, coord(0))];
  await checkKernel(mapKernel([300], reads, [prim("quo", x, y), prim("mod", x, y)]), [a, b]);
});

Deno.test("prim bits_of, of all but NaN", async () => {
  const x = pairs("f32")[0].filter((v) => !Number.isNaN(v));
  const reads = [readBinding([x.length], "f32")];
  for (const precision of ["f32", "f64"] as const) {
    await checkKernel(mapKernel([x.length], reads, [prim("bits_of", load(reads, 0, coord(0)))]), [x], {
      precision,
    });
  }
});

Deno.test("prim select, of every kind and with shared operands", async () => {
  const n = 77;
  const dtypes: DType[] = ["f32", "i32", "u32", "bool"];
  const reads = [
    ...dtypes.map((d) => readBinding([n], d)),
    readBinding([n], "bool"),
    readBinding([], "bool"),
  ];
  const tensors = reads.map((r) =>
    Array.from({ length: r.shape.length === 0 ? 1 : n }, random[kindOf(r.dtype)])
  );
  const at = (i: number) => load(reads, i, coord(0));
  const condition = at(4);
  const same = load(reads, 5, { e: "const", kind: "i32", value: 0 });
  const zero = (kind: Kind) => ({ e: "const", kind, value: 1 } as const);
  const values = dtypes.flatMap((d, i) => [
    prim("select", condition, at(i), zero(kindOf(d))),
    prim("select", same, zero(kindOf(d)), at(i)),
    prim("select", condition, zero(kindOf(d)), zero(kindOf(d))),
  ]);
  await checkKernel(mapKernel([n], reads, values), tensors);
});
