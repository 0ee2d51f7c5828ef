import { type DType, isFloat } from "../compiler/core/dtype.ts";
import { acc, coord } from "../compiler/core/expr.ts";
import type { MatmulKernel } from "../compiler/core/kernel.ts";
import {
  TARGET_H100_DAWN,
  TARGET_H100_DENO,
  TARGET_LAVAPIPE,
  TARGET_SWIFTSHADER,
} from "../compiler/core/target.ts";
import { assert, assertEquals, assertMatch } from "../tests/assert.ts";
import { renderMatmul } from "./matmul.ts";
import {
  CPU_CANDIDATES,
  isBrief,
  panelLengths,
  planMatmul,
  planPart,
  takenByPart,
  threadsOf,
} from "./matmul_plan.ts";
import { binding, load } from "./testing/build.ts";

/** [batch, m, k] · [batch, k, n], floats in their own dtype, bytes in i32. */
function product(dtype: DType, batch: number, m: number, n: number, k: number): MatmulKernel {
  const bindings = [
    binding(dtype, [batch, m, k]),
    binding(dtype, [batch, k, n]),
    binding(isFloat(dtype) ? dtype : "i32", [batch, m, n], "write"),
  ];
  const [b, cm, cn, ck] = [0, 1, 2, 3].map(coord);
  return {
    family: "matmul",
    name: "product",
    bindings,
    batch: [batch],
    m,
    n,
    k,
    a: load(bindings, 0, [b, cm, ck]),
    b: load(bindings, 1, [b, ck, cn]),
    operand: dtype,
    stores: [{ binding: 2, value: acc(0, isFloat(dtype) ? "f32" : "i32") }],
    fuses: [],
  };
}

/** The plan of plain arithmetic. */
function planOf(kernel: MatmulKernel, target = TARGET_LAVAPIPE) {
  const plan = planMatmul(kernel, target);
  assert("plain" in plan, "the target has no matrix units");
  return plan.plain;
}

Deno.test("matmul plan: a CPU's lanes hold blocks of 8×8, smaller ones where there is little to compute", () => {
  for (const target of [TARGET_LAVAPIPE, TARGET_SWIFTSHADER]) {
    const block = (batch: number, m: number, n: number, k: number) => {
      const { operands, perM, perN } = planOf(product("f16", batch, m, n, k), target);
      assertEquals(operands, "registers");
      return `${perM}x${perN}`;
    };
    assertEquals([block(1, 256, 256, 256), block(1, 256, 1024, 256), block(1, 1024, 256, 256)], [
      "8x8",
      "8x8",
      "8x8",
    ]);
    assertEquals([block(8, 256, 256, 32), block(8, 256, 32, 256)], ["8x8", "8x8"]);
    assertEquals([block(1, 128, 64, 784), block(1, 32, 32, 32)], ["4x8", "4x4"]);
  }
});

Deno.test("matmul plan: on a CPU the lanes lie where the result is", () => {
  const padding = (m: number, n: number) => {
    const { tileM, tileN } = planOf(product("f16", 8, m, n, 256));
    return [Math.ceil(m / tileM) * tileM - m, Math.ceil(n / tileN) * tileN - n];
  };
  for (const [m, n] of [[256, 32], [32, 256], [16, 96], [8, 512], [512, 8]]) {
    assertEquals(padding(m, n), [0, 0]);
  }
});

Deno.test("matmul plan: on a CPU a step of the sum is what loads take together along it, else two", () => {
  const step = (dtype: DType, k: number, transposed = false) => {
    const p = product(dtype, 1, 256, 256, k);
    const bindings = [binding(dtype, [1, k, 256]), ...p.bindings.slice(1)];
    const a = load(bindings, 0, [coord(0), coord(3), coord(1)]);
    return planOf(transposed ? { ...p, bindings, a } : p).tileK;
  };
  assertEquals([step("f16", 256), step("f32", 256), step("f16", 260), step("f16", 255)], [8, 4, 4, 2]);
  assertEquals(step("f16", 256, true), 2, "nothing runs along k");
});

Deno.test("matmul plan: on a CPU a workgroup is one vector of lanes, without workgroup memory or barriers", () => {
  for (const plan of CPU_CANDIDATES) assertEquals(threadsOf(plan), 8);
  for (const dtype of ["f16", "f32", "bf16", "i8"] as const) {
    const { code } = renderMatmul(product(dtype, 2, 70, 50, 45), TARGET_LAVAPIPE);
    assert(!/var<workgroup>|workgroupBarrier/.test(code), code);
    if (dtype === "f16") assertMatch(code, /var<storage, read> b0: array<(vec\d<)?u32/);
  }
});

Deno.test("matmul plan: a GPU shares panels in workgroup memory", () => {
  const large = product("f32", 1, 4096, 4096, 4096);
  for (const target of [TARGET_H100_DAWN, TARGET_H100_DENO]) {
    const plan = planOf(large, target);
    assertEquals([plan.operands, plan.tileM, plan.tileN, plan.tileK], ["panels", 128, 128, 16]);
    assert(16 * panelLengths(plan).total <= target.limits.maxComputeWorkgroupStorageSize);
    assert(planOf(product("f32", 1, 64, 64, 4096), target).slices > 1, "few results share their sums");
  }
});

Deno.test("matmul plan: what shares a dispatch on a GPU is soon over and takes few registers", () => {
  const brief = (m: number, n: number, k: number, target = TARGET_H100_DAWN) =>
    isBrief(product("f32", 1, m, n, k), target);
  assertEquals([brief(64, 784, 128), brief(10, 64, 128), brief(256, 384, 256)], [true, true, true]);
  assertEquals([brief(4096, 4096, 4096), brief(10, 4096, 1024)], [false, false], "long");
  assertEquals(brief(1024, 4096, 10), false, "blocks of 8×8");
  assertEquals(brief(10, 64, 128, TARGET_LAVAPIPE), false, "lanes run through every part");
});

Deno.test("matmul plan: a part cuts its sum into as many slices as its workgroup has invocations for", () => {
  for (const [m, n, k] of [[64, 784, 128], [128, 64, 10], [256, 384, 256]]) {
    const kernel = product("f32", 1, m, n, k);
    const slices = [128, 256].map((invocations) => {
      const plan = planPart(kernel, TARGET_H100_DAWN, invocations);
      assert(threadsOf(plan) <= invocations, `${threadsOf(plan)} of ${invocations} invocations`);
      assertEquals(plan.tileK % (4 * plan.slices), 0);
      const { bytes } = takenByPart(kernel, TARGET_H100_DAWN, invocations);
      assertEquals(bytes, 16 * panelLengths(plan).total);
      return plan.slices;
    });
    assertEquals(slices, slices.toSorted((a, b) => a - b));
    if (k > 64) assertEquals(slices.at(-1), 16);
  }
});
