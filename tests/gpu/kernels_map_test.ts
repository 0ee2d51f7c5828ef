import { type DType, DTYPES, isFloat } from "../../compiler/core/dtype.ts";
import { coord, type Expr, f32, i32, prim, u32 } from "../../compiler/core/expr.ts";
import type { MapKernel, Store } from "../../compiler/core/kernel.ts";
import { binding, load, random, rounded } from "../../kernels/testing/build.ts";
import { pack } from "../../kernels/testing/evaluate_kernel.ts";
import { renderMap } from "../../kernels/map.ts";
import { checkKernel } from "../support/check_kernel.ts";
import { kernelTest } from "../support/kernel_test.ts";

function map(
  bindings: MapKernel["bindings"],
  shape: readonly number[],
  stores: readonly Store[],
  flag?: number,
): MapKernel {
  return { family: "map", name: "map", bindings, shape, stores, flag, fuses: [] };
}

/** Values that a dtype holds exactly, of every size. */
function samples(dtype: DType, count: number, next: () => number): number[] {
  return Array.from({ length: count }, () => {
    if (dtype === "bool") return next() < 0.5 ? 0 : 1;
    if (dtype === "u8") return Math.floor(next() * 256);
    if (dtype === "i8") return Math.floor(next() * 256) - 128;
    if (dtype === "u32") return Math.floor(next() * 2 ** 32);
    if (dtype === "i32") return Math.floor((next() - 0.5) * 2 ** 32);
    return (next() - 0.5) * 2 ** Math.floor(next() * 16 - 8);
  });
}

for (const dtype of DTYPES) {
  kernelTest(`map: copies ${dtype}, rows of every length`, async ({ device, target }) => {
    const next = random(1);
    for (const shape of [[], [1], [7], [3, 5], [2, 3, 8], [4, 1], [5, 2], [2, 6]]) {
      const bindings = [binding(dtype, shape), binding(dtype, shape, "write")];
      const n = shape.reduce((a, b) => a * b, 1);
      const kernel = map(bindings, shape, [{ binding: 1, value: load(bindings, 0) }]);
      await checkKernel(device, target, kernel, [pack(samples(dtype, n, next), shape, dtype)]);
    }
  });

  if (!isFloat(dtype) || dtype === "f32") continue;
  kernelTest(`map: rounds to ${dtype}, bit for bit`, async ({ device, target }) => {
    // Every exponent, both signs, and the neighbourhood of every midpoint of the narrow format.
    const next = random(2);
    const words = new Uint32Array(40000).map((_, i) => {
      const exponent = Math.floor(i / 2) % 254 + 1;
      const mantissa = i % 3 === 0
        ? next() * 2 ** 23
        : (Math.floor(next() * 2 ** 11) * 2 ** 12 + Math.floor(next() * 3) - 1) & 0x7fffff;
      return ((i & 1) << 31 | exponent << 23 | mantissa) >>> 0;
    });
    const bindings = [
      binding("f32", [40000]),
      binding(dtype, [40000], "write"),
      binding("f32", [40000], "write"),
      binding(dtype, [40000], "write"),
    ];
    const x = load(bindings, 0);
    const kernel = map(bindings, [40000], [
      { binding: 1, value: x },
      { binding: 2, value: rounded(x, dtype) },
      { binding: 3, value: rounded(x, dtype) },
    ]);
    await checkKernel(device, target, kernel, [words]);
  });
}

kernelTest("map: an overflow raises the flag, and only an overflow does", async ({ device, target }) => {
  for (const [dtype, limit] of [["f16", 65520], ["f8e5m2", 61440]] as const) {
    for (const shape of [[64], [5], [3, 3]]) {
      const n = shape.reduce((a, b) => a * b, 1);
      for (const bad of [undefined, limit, -limit, Infinity, NaN]) {
        const values = Array.from({ length: n }, (_, i) => i % 2 ? limit - 8 : i - limit + 40);
        if (bad !== undefined) values[n - 1] = bad;
        const bindings = [
          binding("f32", shape),
          binding(dtype, shape, "write"),
          binding("u32", [1], "read_write"),
        ];
        const value = rounded(load(bindings, 0), dtype, true);
        const kernel = map(bindings, shape, [{ binding: 1, value }], 2);
        const out = await checkKernel(device, target, kernel, [pack(values, shape, "f32")]);
        if (out[2][0] !== (bad === undefined ? 0 : 1)) throw new Error(`${dtype} ${bad}: flag ${out[2][0]}`);
      }
    }
  }
});

const UNARY: readonly [Parameters<typeof prim>[0], (u: number) => number, number][] = [
  ["exp", (u) => (u - 0.5) * 200, 2e-5],
  ["expm1", (u) => (u - 0.5) * 4 ** Math.round(u * 1e6 % 10 - 7), 4e-6],
  ["log", (u) => u * 10 + 1e-6, 1e-6],
  ["log1p", (u) => (u - 0.45) * 2 * 4 ** -Math.round(u * 1e6 % 10), 1e-6],
  ["sqrt", (u) => u * 100, 1e-6],
  ["rsqrt", (u) => u * 100 + 1e-3, 1e-6],
  ["sin", (u) => (u - 0.5) * 4000, 0],
  ["cos", (u) => (u - 0.5) * 4000, 0],
  ["tanh", (u) => (u - 0.5) * 4 ** Math.round(u * 1e6 % 10 - 4), 1e-6],
  ["erf", (u) => (u - 0.5) * 4 ** Math.round(u * 1e6 % 10 - 6), 1e-6],
  ["floor", (u) => (u - 0.5) * 20, 0],
  ["ceil", (u) => (u - 0.5) * 20, 0],
  ["rint", (u) => Math.round((u - 0.5) * 40) / 2, 0],
  ["neg", (u) => u - 0.5, 0],
  ["abs", (u) => u - 0.5, 0],
  ["sign", (u) => Math.round((u - 0.5) * 4), 0],
];

kernelTest("map: functions of one float", async ({ device, target }) => {
  const next = random(3);
  const n = 4000;
  for (const [fn, sample, rtol] of UNARY) {
    const values = Array.from({ length: n }, () => sample(next()));
    const bindings = [binding("f32", [n]), binding("f32", [n], "write")];
    const kernel = { ...map(bindings, [n], [{ binding: 1, value: prim(fn, load(bindings, 0)) }]), name: fn };
    const atol = fn === "log" ? 1e-6 : fn === "sin" || fn === "cos" ? 4e-7 : 0;
    await checkKernel(device, target, kernel, [pack(values, [n], "f32")], { rtol, atol });
  }
});

kernelTest("map: huge arguments stay finite", async ({ device, target }) => {
  const values = [1e30, -1e30, 3.4e38, -3.4e38, 89, -110, 1e4, -1e4];
  for (const fn of ["tanh", "erf"] as const) {
    const bindings = [binding("f32", [8]), binding("f32", [8], "write")];
    const kernel = map(bindings, [8], [{ binding: 1, value: prim(fn, load(bindings, 0)) }]);
    await checkKernel(device, target, kernel, [pack(values, [8], "f32")]);
  }
});

kernelTest("map: pow is C's", async ({ device, target }) => {
  const bases = [-3, -2.5, -1, -0.5, 0, 0.25, 1, 1.5, 10];
  const exponents = [-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 5, 7.5];
  const pairs = bases.flatMap((b) => exponents.map((e) => [b, e])).filter(([b, e]) =>
    (b > 0 || Number.isInteger(e)) && !(b === 0 && e < 0)
  );
  const n = pairs.length;
  const bindings = [binding("f32", [n]), binding("f32", [n]), binding("f32", [n], "write")];
  const kernel = map(bindings, [n], [{
    binding: 2,
    value: prim("pow", load(bindings, 0), load(bindings, 1)),
  }]);
  const inputs = [0, 1].map((i) => pack(pairs.map((p) => p[i]), [n], "f32"));
  await checkKernel(device, target, kernel, inputs, { rtol: 1e-5 });
  for (const e of [-1, 0, 1, 2, 3, 4, 0.5]) {
    const one = [binding("f32", [64]), binding("f32", [64], "write")];
    const value = prim("pow", load(one, 0), f32(e));
    const x = pack(Array.from({ length: 64 }, (_, i) => i / 8 + 0.125), [64], "f32");
    await checkKernel(device, target, map(one, [64], [{ binding: 1, value }]), [x], { rtol: 1e-5 });
  }
});

kernelTest("map: integers", async ({ device, target }) => {
  const next = random(4), n = 1000;
  for (const dtype of ["i32", "u32"] as const) {
    const bindings = [binding(dtype, [n]), binding(dtype, [n]), binding(dtype, [n], "write")];
    const [x, y] = [load(bindings, 0), load(bindings, 1)];
    const fns = ["add", "sub", "mul", "min", "max", "div", "rem"] as const;
    const more = dtype === "u32" ? ["bitand", "bitor", "bitxor", "shl", "shr", "mulhi"] as const : [];
    for (const fn of [...fns, ...more]) {
      const a = samples(dtype, n, next), b = samples(dtype, n, next);
      for (let i = 0; i < n; i++) if (i % 3) b[i] = Math.round(b[i] / 2 ** 28);
      for (
        const value of [
          prim(fn, x, y),
          prim(fn, x, dtype === "i32" ? i32(-7) : u32(5)),
          prim(fn, x, dtype === "i32" ? i32(0) : u32(0)),
        ]
      ) {
        const kernel = map(bindings, [n], [{ binding: 2, value }]);
        await checkKernel(device, target, kernel, [pack(a, [n], dtype), pack(b, [n], dtype)]);
      }
    }
  }
});

kernelTest("map: conversions", async ({ device, target }) => {
  const values = [
    0,
    -0.5,
    0.5,
    1.5,
    -1.5,
    2147483520,
    2147483648,
    -2147483648,
    -3e9,
    4294967040,
    4294967296,
    1e20,
    -1e20,
    7,
    254.99,
    3,
  ];
  const shape = [values.length];
  const bindings = [
    binding("f32", shape),
    binding("i32", shape, "write"),
    binding("u32", shape, "write"),
    binding("bool", shape, "write"),
    binding("u32", shape, "write"),
    binding("f32", shape, "write"),
    binding("bool", shape, "write"),
  ];
  const x = load(bindings, 0);
  const kernel = map(bindings, shape, [
    { binding: 1, value: prim("to_i32", x) },
    { binding: 2, value: prim("to_u32", x) },
    { binding: 3, value: prim("to_bool", x) },
    { binding: 4, value: prim("bits_of", x) },
    { binding: 5, value: prim("to_f32", prim("to_i32", prim("mul", x, f32(0.001)))) },
    { binding: 6, value: prim("is_finite", x) },
  ]);
  await checkKernel(device, target, kernel, [pack(values, shape, "f32")]);
  const odd = pack([Infinity, -Infinity, NaN, 1, 3.4e38, 0, 1e-44, -1], [8], "f32");
  const two = [binding("f32", [8]), binding("bool", [8], "write")];
  await checkKernel(device, target, map(two, [8], [{ binding: 1, value: prim("is_finite", load(two, 0)) }]), [
    odd,
  ]);
});

kernelTest("map: transposes, pads, and broadcasts every dtype", async ({ device, target }) => {
  const next = random(5);
  for (const dtype of DTYPES) {
    for (const [m, n] of [[3, 5], [8, 4], [6, 10]]) {
      const bindings = [
        binding(dtype, [m, n]),
        binding(dtype, [n, m], "write"),
        binding(dtype, [n, m], "write"),
        binding(dtype, [n]),
        binding(dtype, [n, m], "write"),
      ];
      const [i, j] = [coord(0), coord(1)];
      const before = prim("sub", j, i32(1));
      const kernel = map(bindings, [n, m], [
        { binding: 1, value: load(bindings, 0, [j, i]) },
        { binding: 2, value: load(bindings, 0, [before, i], prim("ge", before, i32(0))) },
        { binding: 4, value: load(bindings, 3, [i]) },
      ]);
      const x = pack(samples(dtype, m * n, next), [m, n], dtype),
        v = pack(samples(dtype, n, next), [n], dtype);
      await checkKernel(device, target, kernel, [x, , , v]);
    }
  }
});

kernelTest("map: writes in place, and past 65,535 workgroups", async ({ device, target }) => {
  const next = random(6);
  const bindings = [binding("f32", [33, 7], "read_write"), binding("f16", [33, 7], "write")];
  const x = prim("mul", load(bindings, 0), f32(2));
  const kernel = map(bindings, [33, 7], [{ binding: 1, value: load(bindings, 0) }, { binding: 0, value: x }]);
  await checkKernel(device, target, kernel, [pack(samples("f32", 231, next), [33, 7], "f32")]);

  const small = { ...target, limits: { ...target.limits, maxComputeWorkgroupsPerDimension: 7 } };
  const big = [binding("i32", [1300], "write"), binding("f32", [1300], "write")];
  const wide = map(big, [1300], [{ binding: 0, value: coord(0) }, {
    binding: 1,
    value: prim("to_f32", coord(0)),
  }]);
  await checkKernel(device, small, wide, []);
});

kernelTest("map: slices, reshapes and concatenations in groups of lanes", async ({ device, target }) => {
  const next = random(7);
  for (const dtype of ["f16", "u8", "f32"] as const) {
    const bindings = [
      binding(dtype, [6, 16]),
      binding(dtype, [3, 2, 4, 4]),
      binding(dtype, [6, 16], "write"),
      binding(dtype, [12, 8], "write"),
    ];
    const [i, j] = [coord(0), coord(1)];
    const quarter: Expr[] = [
      prim("quo", i, i32(2)),
      prim("mod", i, i32(2)),
      prim("quo", j, i32(4)),
      prim("mod", j, i32(4)),
    ];
    const reshaped = load(bindings, 1, quarter);
    const left = prim("lt", j, i32(8));
    const joined = prim("select", left, load(bindings, 0), reshaped);
    const one = map(bindings, [6, 16], [{ binding: 2, value: joined }]);
    const flat = prim("add", prim("mul", i, i32(8)), j);
    const two = map(bindings, [12, 8], [{
      binding: 3,
      value: load(bindings, 0, [prim("quo", flat, i32(16)), prim("mod", flat, i32(16))]),
    }]);
    const a = pack(samples(dtype, 96, next), [6, 16], dtype),
      b = pack(samples(dtype, 96, next), [3, 2, 4, 4], dtype);
    await checkKernel(device, target, one, [a, b]);
    await checkKernel(device, target, two, [a, b]);
  }
});

kernelTest("map: four elements an invocation, in vectors where memory allows", async ({ device, target }) => {
  const next = random(8);
  for (const shape of [[64], [6, 20], [3, 10], [5, 7]]) {
    const n = shape.reduce((a, b) => a * b);
    const bindings = [
      binding("f32", shape),
      binding("f16", shape),
      binding("u8", shape),
      binding("f32", [shape.at(-1)!]),
      binding("f32", shape, "write"),
      binding("f16", shape, "write"),
      binding("bf16", shape, "write"),
    ];
    const sum = prim(
      "add",
      prim("mul", load(bindings, 0), load(bindings, 1)),
      prim("to_f32", load(bindings, 2)),
    );
    const y = prim("sub", sum, load(bindings, 3, [coord(shape.length - 1)]));
    const kernel = map(bindings, shape, [4, 5, 6].map((binding) => ({ binding, value: y })));
    const small = (count: number) => Array.from({ length: count }, () => Math.floor(next() * 9) - 4);
    const inputs = [
      pack(small(n), shape, "f32"),
      pack(small(n), shape, "f16"),
      pack(samples("u8", n, next), shape, "u8"),
      pack(small(shape.at(-1)!), [shape.at(-1)!], "f32"),
    ];
    await checkKernel(device, target, kernel, inputs, {}, renderMap(kernel, target, 4));
  }
});
