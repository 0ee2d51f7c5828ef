import { assert, assertEquals, assertMatch, assertStringIncludes } from "../tests/assert.ts";
import { acc, coord, f32, prim } from "../compiler/core/expr.ts";
import type { Kernel } from "../compiler/core/kernel.ts";
import {
  TARGET_H100_DAWN,
  TARGET_H100_DENO,
  TARGET_LAVAPIPE,
  TARGET_SWIFTSHADER,
} from "../compiler/core/target.ts";
import { renderKernel } from "./render.ts";
import { binding, load, rounded } from "./testing/build.ts";
import { randomKernel } from "./testing/random_kernel.ts";

function halve(name = "halve"): Kernel {
  const bindings = [binding("f16", [3, 4]), binding("f16", [3, 4], "write")];
  const value = rounded(prim("mul", load(bindings, 0), f32(0.5)), "f16");
  return { family: "map", name, bindings, shape: [3, 4], stores: [{ binding: 1, value }], fuses: [] };
}

Deno.test("render: a map kernel, whole", () => {
  const { code, workgroups, workgroupSize, variant } = renderKernel(halve(), TARGET_H100_DENO);
  assertEquals({ workgroups, workgroupSize, variant }, {
    workgroups: [1, 1, 1],
    workgroupSize: [64, 1, 1],
    variant: "plain, 2 elements an invocation",
  });
  assertStringIncludes(code, "enable f16;");
  assertStringIncludes(code, "var<storage, read> b0: array<vec2<f16>>;");
  const main = code.slice(code.indexOf("fn main"));
  assertEquals(
    main,
    `\
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let group0 = i32(wid.x);
  let id1 = group0 * 64 + i32(lid);
  if (id1 >= 6) { return; }
  let v2 = (id1 & 1) * 2;
  let v3 = b0[((((id1 >> 1u) * 4) + v2) >> 1u)];
  let v4 = f32(v3.x);
  let v5 = v4 * 0.5f;
  let v6 = f32(v3.y);
  let v7 = v6 * 0.5f;
  b1[((((id1 >> 1u) * 4) + v2) >> 1u)] = vec2<f16>(f16(v5), f16(v7));
}
`,
  );
});

Deno.test("render: without native f16 the same kernel works on words", () => {
  const { code } = renderKernel(halve(), TARGET_SWIFTSHADER);
  assert(!/\bf16\b.*enable|enable f16|array<f16>|\bpack2x16float/.test(code), code);
  assertStringIncludes(code, "var<storage, read> b0: array<u32>;");
});

Deno.test("render: on a CPU's lanes native halves are read two at a time, and written as they are", () => {
  const { code } = renderKernel(halve(), TARGET_LAVAPIPE);
  assertStringIncludes(code, "var<storage, read> b0: array<u32>;");
  assertStringIncludes(code, "unpack2x16float");
  assertStringIncludes(code, "var<storage, read_write> b1: array<vec2<f16>>;");
  const quirks = { ...TARGET_LAVAPIPE.quirks, exactUnpack: false };
  const { code: byBits } = renderKernel(halve(), { ...TARGET_LAVAPIPE, quirks });
  assert(!byBits.includes("unpack2x16float") && byBits.includes("value_f16("), byBits);
});

Deno.test("render: names from a program stay inside one comment", () => {
  const evil = "x\n}\u2028@compute fn main() {} /* ∞";
  const kernel = halve(evil);
  const named = { ...kernel, bindings: kernel.bindings.map((b) => ({ ...b, name: evil })) };
  const { code } = renderKernel(named, TARGET_LAVAPIPE);
  assertMatch(code, /^[\x20-\x7e\n]*$/);
  assertEquals(code.match(/@compute/g)?.length, 1);
  assertEquals(code.split("\n").length, renderKernel(halve(), TARGET_LAVAPIPE).code.split("\n").length);
});

Deno.test("render: what does not change in a loop is computed before it", () => {
  const bindings = [binding("f32", [8, 100000]), binding("f32", [8]), binding("f32", [8], "write")];
  const scale = prim("exp", load(bindings, 1, [coord(0)]));
  const value = prim("mul", load(bindings, 0), scale);
  const kernel: Kernel = {
    family: "reduce",
    name: "scaled_sum",
    bindings,
    outer: [8],
    inner: [100000],
    phases: [[{ combine: "sum", value }]],
    rowStores: [{ binding: 2, value: acc(0) }],
    elementStores: [],
    fuses: [],
  };
  const { code } = renderKernel(kernel, TARGET_LAVAPIPE);
  const loop = code.indexOf("for (");
  assert(loop > 0 && code.lastIndexOf("exp_safe(") < loop, code);
});

Deno.test("render: the same kernel and target give the same text, within the target's workgroups", () => {
  for (let seed = 0; seed < 60; seed++) {
    const { kernel } = randomKernel(seed);
    for (const target of [TARGET_LAVAPIPE, TARGET_SWIFTSHADER, TARGET_H100_DAWN]) {
      const shader = renderKernel(kernel, target);
      assertEquals(renderKernel(randomKernel(seed).kernel, target), shader);
      assert(shader.workgroupSize[0] <= target.limits.maxComputeInvocationsPerWorkgroup);
    }
  }
});
