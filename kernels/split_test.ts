import { assertEquals } from "../tests/assert.ts";
import { acc, coord } from "../compiler/core/expr.ts";
import type { Kernel } from "../compiler/core/kernel.ts";
import { TARGET_CPU, TARGET_H100_DAWN, TARGET_LAVAPIPE } from "../compiler/core/target.ts";
import { splitKernel } from "./split.ts";
import { binding, load } from "./testing/build.ts";

function sum(outer: number[], inner: number[], columns = false): Kernel {
  const bindings = [
    binding("f32", columns ? [...inner, ...outer] : [...outer, ...inner]),
    binding("f32", outer, "write"),
  ];
  const value = load(
    bindings,
    0,
    columns ? [...inner.map((_, i) => coord(outer.length + i)), ...outer.map((_, i) => coord(i))] : undefined,
  );
  return {
    family: "reduce",
    name: "sum",
    bindings,
    outer,
    inner,
    phases: [[{ combine: "sum", value }]],
    rowStores: [{ binding: 1, value: acc(0) }],
    elementStores: [],
    fuses: [],
  };
}

function product(m: number, n: number, k: number): Kernel {
  const bindings = [binding("f16", [m, k]), binding("f16", [k, n]), binding("f32", [m, n], "write")];
  const [a, b] = [load(bindings, 0, [coord(0), coord(2)]), load(bindings, 1, [coord(2), coord(1)])];
  const stores = [{ binding: 2, value: acc(0) }];
  return {
    family: "matmul",
    name: "product",
    bindings,
    batch: [],
    m,
    n,
    k,
    a,
    b,
    operand: "f16",
    stores,
    fuses: [],
  };
}

Deno.test("split: only where a grid would leave a GPU idle", () => {
  for (const target of [TARGET_LAVAPIPE, TARGET_H100_DAWN]) {
    const parts = (kernel: Kernel) => splitKernel(kernel, target)?.steps.length ?? 1;
    assertEquals(parts(sum([], [1 << 20])), 2);
    assertEquals(parts(sum([6], [500000])), 2);
    assertEquals(parts(sum([384], [16384], true)), 2);
    assertEquals(parts(sum([128], [10])), 1);
    assertEquals(parts(sum([100000], [768])), 1);
    assertEquals(parts(product(27, 6, 50176)), 2);
    assertEquals(parts(product(4096, 4096, 4096)), 1);
    assertEquals(parts(product(128, 64, 784)), 1);
  }
  assertEquals(splitKernel(sum([], [1 << 20]), TARGET_CPU), undefined);
});

Deno.test("split: the steps bind what they use, and the last writes the results", () => {
  const split = splitKernel(product(27, 6, 50176), TARGET_LAVAPIPE)!;
  const [part, join] = split.steps;
  assertEquals(split.temps.map((t) => [t.dtype, t.shape.slice(1)]), [["f32", [27, 6]]]);
  assertEquals(part.operands, [{ of: "kernel", binding: 0 }, { of: "kernel", binding: 1 }, {
    of: "temp",
    index: 0,
  }]);
  assertEquals(part.kernel.bindings.map((b) => b.access), ["read", "read", "write"]);
  assertEquals(join.operands, [{ of: "temp", index: 0 }, { of: "kernel", binding: 2 }]);
  assertEquals([part.kernel.name, join.kernel.name], ["product_part", "product_join"]);
});
