import fc from "fast-check";
import { coord, f32, i32, prim } from "../../compiler/core/expr.ts";
import type { MapKernel } from "../../compiler/core/kernel.ts";
import { assertRejects } from "../../tests/assert.ts";
import { expression, load, space, tensorsOf } from "../../tests/support/kernels/arbitrary.ts";
import { checkKernel, FLAG, mapKernel } from "../../tests/support/kernels/check.ts";
import { runKernel } from "../../tests/support/kernels/run_kernel.ts";

const shapes: fc.Arbitrary<number[]> = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1020, max: 1100 })) },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 30, max: 50 }), fc.integer({ min: 35, max: 50 })) },
);

for (const precision of ["f32", "f64"] as const) {
  Deno.test(`map: random expressions equal their scalar evaluation, ${precision}`, async () => {
    const cases = space(shapes).chain((s) => {
      const values = [
        expression(s, "f32", 4),
        expression(s, "i32", 3),
        expression(s, "u32", 3),
        expression(s, "bool", 3),
      ];
      return fc.tuple(fc.constant(s), fc.tuple(...values));
    });
    await fc.assert(
      fc.asyncProperty(
        cases,
        ([s, values]) => checkKernel(mapKernel(s.extents, s.bindings, values), tensorsOf(s), { precision }),
      ),
      { numRuns: 30, endOnFailure: true },
    );
  });
}

Deno.test("map: a tensor is updated in place, in several tiles", async () => {
  const n = 5000;
  const p = { name: "p", dtype: "f32", access: "read_write", shape: [n] } as const;
  const m = { name: "m", dtype: "f32", access: "read_write", shape: [n] } as const;
  const [old, momentum] = [load([p, m], 0, coord(0)), load([p, m], 1, coord(0))];
  const moved = prim("add", prim("mul", momentum, f32(0.9)), prim("mul", old, f32(0.1)));
  const kernel: MapKernel = {
    ...mapKernel([n], [], []),
    bindings: [p, m, FLAG],
    flag: 2,
    stores: [{ binding: 1, value: moved }, { binding: 0, value: prim("sub", old, moved) }],
  };
  const random = () => Array.from({ length: n }, () => Math.fround(Math.random() - 0.5));
  await checkKernel(kernel, [random(), random()]);
});

Deno.test("map: a value that its tensor cannot hold is refused by name", async () => {
  const kernel = mapKernel([4], [], [coord(0)]);
  const wrong: MapKernel = { ...kernel, bindings: [{ ...kernel.bindings[0], dtype: "f16" }, FLAG] };
  await assertRejects(() => runKernel(wrong, [[], []]), Error, "the value stored in y0 is i32");
});

Deno.test("map: coordinates times great constants wrap", async () => {
  const great = prim("mul", prim("mul", coord(0), i32(0x7fffffff)), i32(0x7ffffff1));
  const values = [
    great,
    prim("sub", prim("mul", great, i32(0x6fffffff)), coord(1)),
    prim("mod", prim("mul", coord(1), i32(3)), i32(7)),
  ];
  await checkKernel(mapKernel([9, 31], [], values), []);
});
