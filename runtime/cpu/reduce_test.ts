import fc from "fast-check";
import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import type { Binding, Combine, ReduceKernel, Store } from "../../compiler/core/kernel.ts";
import { assertArrayAlmostEquals, assertEquals, assertRejects } from "../../tests/assert.ts";
import {
  expression,
  indexOf,
  load,
  readBinding,
  type Space,
  space,
  tensorsOf,
} from "../../tests/support/kernels/arbitrary.ts";
import { checkKernel, FLAG } from "../../tests/support/kernels/check.ts";
import { runKernel } from "../../tests/support/kernels/run_kernel.ts";

interface Parts {
  readonly outer: readonly number[];
  readonly inner: readonly number[];
  readonly reads: readonly Binding[];
  readonly phases: ReduceKernel["phases"];
  readonly rows?: readonly Expr[];
  readonly elements?: readonly Expr[];
}

function reduceKernel({ outer, inner, reads, phases, rows = [], elements = [] }: Parts): ReduceKernel {
  const bindings = [...reads];
  const store = (shape: readonly number[]) => (value: Expr): Store => {
    bindings.push({ name: `y${bindings.length}`, dtype: value.kind, access: "write", shape });
    return { binding: bindings.length - 1, value };
  };
  const rowStores = rows.map(store(outer));
  const elementStores = elements.map(store([...outer, ...inner]));
  return {
    family: "reduce",
    name: "reduce",
    fuses: [],
    bindings: [...bindings, FLAG],
    flag: bindings.length,
    outer,
    inner,
    phases,
    rowStores,
    elementStores,
  };
}

/** A value whose sums are exact, whatever their order. */
const whole = (x: Expr) => prim("rint", prim("max", f32(-100), prim("min", f32(100), x)));
const finite = (x: Expr) => prim("select", prim("is_finite", x), x, f32(0));

function phase(s: Space, accs: number): fc.Arbitrary<{ combine: Combine; value: Expr }[]> {
  const float = expression(s, "f32", 2, accs);
  const one = fc.oneof(
    float.map((x) => ({ combine: "sum" as const, value: whole(x) })),
    float.chain((value) => fc.constantFrom<Combine>("max", "min").map((combine) => ({ combine, value }))),
    float.chain((x) =>
      fc.constantFrom<Combine>("argmax", "argmin").map((combine) => ({ combine, value: finite(x) }))
    ),
    expression(s, "bool", 2, accs).map((value) => ({ combine: "or" as const, value })),
    fc.constantFrom("i32" as const, "u32" as const).chain((kind) =>
      fc.tuple(
        fc.constantFrom<Combine>("sum", "max", "min", "argmax", "argmin"),
        expression(s, kind, 2, accs),
      )
        .map(([combine, value]) => ({ combine, value }))
    ),
  );
  return fc.array(one, { minLength: 1, maxLength: 3 });
}

const small = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 2 });
const long = fc.integer({ min: 1025, max: 1400 }).map((n) => [n]);
const shapes = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(small, small) },
  { weight: 1, arbitrary: fc.tuple(small.filter((s) => s.length < 2), long) },
  { weight: 1, arbitrary: fc.tuple(long, small.filter((s) => s.length < 2)) },
);

for (const precision of ["f32", "f64"] as const) {
  Deno.test(`reduce: random phases and stores equal their scalar evaluation, ${precision}`, async () => {
    const cases = shapes.chain(([outer, inner]) =>
      space(fc.constant([...outer, ...inner])).chain((s) =>
        phase(s, 0).chain((first) => {
          // Later expressions may use the first accumulator, made a float.
          const floats = first[0].combine === "sum" && first[0].value.kind === "f32" ? 1 : 0;
          return fc.tuple(
            phase(s, floats),
            expression(s, "f32", 2, floats),
          ).map(([second, element]) => ({ outer, inner, s, phases: [first, second], element }));
        })
      )
    );
    await fc.assert(
      fc.asyncProperty(cases, ({ outer, inner, s, phases, element }) => {
        const rows = phases.flat().map(({ combine, value }, i) =>
          acc(i, combine.startsWith("arg") ? "i32" : combine === "or" ? "bool" : value.kind)
        );
        const kernel = reduceKernel({ outer, inner, reads: s.bindings, phases, rows, elements: [element] });
        return checkKernel(kernel, tensorsOf(s), { precision });
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });
}

const random = (n: number, scale = 4) =>
  Array.from({ length: n }, () => Math.fround((Math.random() - 0.5) * scale));

Deno.test("reduce: softmax, in rows that fit a tile and rows that do not, and across strides", async () => {
  for (
    const [rows, columns, transposed] of [[5, 10, 0], [200, 10, 0], [3, 700, 0], [2, 2500, 0], [40, 64, 1]]
  ) {
    const x = readBinding(transposed ? [columns, rows] : [rows, columns], "f32");
    const value = load([x], 0, indexOf(x, transposed ? [1, 0] : [0, 1]));
    const shifted = prim("exp", prim("sub", value, acc(0)));
    const kernel = reduceKernel({
      outer: [rows],
      inner: [columns],
      reads: [x],
      phases: [[{ combine: "max", value }], [{ combine: "sum", value: shifted }]],
      rows: [prim("add", acc(0), prim("log", acc(1)))],
      elements: [prim("div", shifted, acc(1))],
    });
    const data = random(rows * columns, 20);
    const at = (r: number, c: number) => data[transposed ? c * rows + r : r * columns + c];
    const { outputs } = await runKernel(kernel, [data]);
    const logs: number[] = [];
    const shares: number[] = [];
    for (let r = 0; r < rows; r++) {
      const exps = Array.from({ length: columns }, (_, c) => Math.exp(at(r, c)));
      const sum = exps.reduce((a, b) => a + b);
      logs.push(Math.log(sum));
      shares.push(...exps.map((e) => e / sum));
    }
    assertArrayAlmostEquals(outputs.get(1)!, logs, { rtol: 1e-6, atol: 1e-6 });
    assertArrayAlmostEquals(outputs.get(2)!, shares, { rtol: 3e-6 });
  }
});

Deno.test("reduce: layer norm has mean 0 and variance 1", async () => {
  for (const [rows, n] of [[7, 96], [3, 3000], [90, 5]]) {
    const x = readBinding([rows, n], "f32");
    const value = load([x], 0, indexOf(x, [0, 1]));
    const mean = prim("mul", acc(0), f32(1 / n));
    const centred = prim("sub", value, mean);
    const scale = prim("rsqrt", prim("mul", acc(1), f32(1 / n)));
    const kernel = reduceKernel({
      outer: [rows],
      inner: [n],
      reads: [x],
      phases: [[{ combine: "sum", value }], [{ combine: "sum", value: prim("mul", centred, centred) }]],
      elements: [prim("mul", centred, scale)],
    });
    const data = random(rows * n).map((v) => Math.fround(v + 30));
    await checkKernel(kernel, [data]);
    const { outputs } = await runKernel(kernel, [data]);
    const y = outputs.get(1)!;
    for (let r = 0; r < rows; r++) {
      const row = y.slice(r * n, (r + 1) * n);
      assertArrayAlmostEquals([row.reduce((a, b) => a + b) / n], [0], { atol: 2e-5 });
      assertArrayAlmostEquals([row.reduce((a, b) => a + b * b, 0) / n], [1], { rtol: 1e-4 });
    }
  }
});

Deno.test("reduce: argmax takes the first of equals", async () => {
  for (const [rows, n] of [[3, 50], [3, 2600], [300, 9]]) {
    const data = Array.from({ length: rows * n }, () => Math.floor(Math.random() * 3));
    const x = readBinding([rows, n], "f32");
    const value = load([x], 0, indexOf(x, [0, 1]));
    const phases = [[{ combine: "argmax", value }, { combine: "argmin", value }]] as const;
    const kernel = reduceKernel({
      outer: [rows],
      inner: [n],
      reads: [x],
      phases,
      rows: [acc(0, "i32"), acc(1, "i32")],
    });
    const { outputs } = await runKernel(kernel, [data]);
    const row = (r: number) => data.slice(r * n, (r + 1) * n);
    const all = Array.from({ length: rows }, (_, r) => row(r));
    assertEquals(outputs.get(1), all.map((v) => v.indexOf(Math.max(...v))));
    assertEquals(outputs.get(2), all.map((v) => v.indexOf(Math.min(...v))));
  }
});

Deno.test("reduce: everything, columns, middles and nothing", async () => {
  const shape = [6, 35, 40];
  const x = readBinding(shape, "f16");
  const data = random(6 * 35 * 40).map((v) => Math.round(v * 8) / 8);
  for (
    const [outerAxes, innerAxes] of [[[], [0, 1, 2]], [[2], [0, 1]], [[1], [0, 2]], [[0, 2], [1]], [
      [0, 1, 2],
      [],
    ]]
  ) {
    const outer = outerAxes.map((a) => shape[a]);
    const inner = innerAxes.map((a) => shape[a]);
    const order = [...outerAxes, ...innerAxes];
    const value = load([x], 0, indexOf(x, [0, 1, 2].map((axis) => order.indexOf(axis))));
    const phases = [[{ combine: "sum", value }, { combine: "max", value }]] as const;
    await checkKernel(reduceKernel({ outer, inner, reads: [x], phases, rows: [acc(0), acc(1)] }), [data]);
  }
});

Deno.test("reduce: over no elements gives identities", async () => {
  const x = readBinding([1], "f32");
  const value = load([x], 0, prim("mul", coord(1), i32(0)));
  const phases = [[{ combine: "sum", value }, { combine: "max", value }]] as const;
  const kernel = reduceKernel({ outer: [3], inner: [0], reads: [x], phases, rows: [acc(0), acc(1)] });
  const { outputs } = await runKernel(kernel, [[5]]);
  assertEquals(outputs.get(1), [0, 0, 0]);
  assertEquals(outputs.get(2), [-3.4028234663852886e38, -3.4028234663852886e38, -3.4028234663852886e38]);
});

Deno.test("reduce: a row store that varies along the row is refused", async () => {
  const x = readBinding([2, 9], "f32");
  const value = load([x], 0, indexOf(x, [0, 1]));
  const kernel = reduceKernel({
    outer: [2],
    inner: [9],
    reads: [x],
    phases: [[{ combine: "sum", value }]],
    rows: [value],
  });
  await assertRejects(() => runKernel(kernel, [random(18)]), Error, "y1 varies more than its index");
});
