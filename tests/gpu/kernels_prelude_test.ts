import { readFileSync } from "node:fs";
import { compile } from "../../compiler/compile.ts";
import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import type { Accumulator, Binding, Kernel, MapKernel } from "../../compiler/core/kernel.ts";
import { TARGET_H100_DAWN } from "../../compiler/core/target.ts";
import { groupKernels } from "../../compiler/emit/group.ts";
import type { BuiltKernel } from "../../compiler/emit/kernel.ts";
import type { Tensor } from "../../compiler/emit/tensor.ts";
import { binding, load, random } from "../../kernels/testing/build.ts";
import { pack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { renderKernel } from "../../kernels/render.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { checkKernel } from "../support/check_kernel.ts";
import { kernelTest } from "../support/kernel_test.ts";
import { tintError } from "./tint.ts";

/** Whole numbers of which a thousand sum exactly in any order. */
function whole(count: number, next: () => number): number[] {
  return Array.from({ length: count }, () => Math.floor(next() * 64) - 32);
}

const sum = (value: Expr): Accumulator => ({ combine: "sum", value });

/** A map over `shape` that wants a sum, a truth and a position of `terms` partial results. */
function afterPrelude(shape: readonly number[], terms: number, next: () => number) {
  const bindings = [
    binding("f32", [terms]),
    binding("bool", [terms]),
    binding("f32", shape),
    binding("f32", shape, "write"),
    binding("f16", shape, "write"),
  ];
  const at = [coord(0)];
  const [x, flag] = [load(bindings, 0, at), load(bindings, 1, at)];
  const phases: Accumulator[][] = [
    [sum(x), { combine: "or", value: flag }, { combine: "argmax", value: x }],
    [sum(prim("abs", prim("sub", x, prim("min", acc(0), f32(9)))))],
  ];
  const own = load(bindings, 2, shape.map((_, i) => coord(i)));
  const scaled = prim("add", prim("mul", own, f32(0.25)), prim("add", acc(0), acc(3)));
  const value = prim("select", acc(1, "bool"), scaled, prim("to_f32", acc(2, "i32")));
  const short = prim("min", prim("max", value, f32(-500)), f32(500));
  const kernel: MapKernel = {
    family: "map",
    name: "after_prelude",
    bindings,
    shape,
    prelude: { inner: [terms], phases },
    stores: [{ binding: 3, value }, {
      binding: 4,
      value: { e: "round", to: "f16", arg: short, flag: false, kind: "f32" },
    }],
    fuses: [],
  };
  const truth = Array.from({ length: terms }, () => next() < 1 / terms ? 1 : 0);
  const size = shape.reduce((a, b) => a * b, 1);
  const inputs = [
    pack(whole(terms, next), [terms], "f32"),
    pack(truth, [terms], "bool"),
    pack(whole(size, next), shape, "f32"),
  ];
  return { kernel, inputs };
}

kernelTest("prelude: reductions of every length, before maps of every length", async ({ device, target }) => {
  const next = random(21);
  for (const terms of [1, 3, 31, 32, 33, 128, 384, 1000]) {
    for (const shape of [[1], [7, 5], [640], [3, 1000]]) {
      const { kernel, inputs } = afterPrelude(shape, terms, next);
      await checkKernel(device, target, kernel, inputs);
    }
  }
});

kernelTest("prelude: a large map takes turns", async ({ device, target }) => {
  const next = random(22);
  // More elements than workgroups make preludes for, in vectors and one by one; the last turn is a part.
  for (const shape of [[1080000], [540001]]) {
    const { kernel, inputs } = afterPrelude(shape, 40, next);
    const shader = renderKernel(kernel, target);
    assertMatch(shader.code, /for \(var i\d+ = id\d+; /);
    await checkKernel(device, target, kernel, inputs, {}, shader);
  }
});

kernelTest(
  "prelude: a group's maps share an arena, each after its own prelude",
  async ({ device, target }) => {
    const next = random(23);
    const sizes = [512, 40, 780, 4], starts = [0, 512, 768, 1792], length = 2048;
    const arena = pack(whole(length, next), [length], "f32");
    const memory = new Map<string, Words>([["arena", arena]]);
    const state = (at: number, size: number): Tensor => ({
      kind: "state",
      name: `arena+${at}`,
      dtype: "f32",
      layout: [size],
      at: { buffer: "arena", offset: 4 * at },
    });
    const parts: Tensor = { kind: "temp", name: "parts", dtype: "f32", layout: [90] };
    memory.set("parts", pack(whole(90, next), [90], "f32"));
    const show = (t: Tensor, access: Binding["access"]): Binding => ({
      name: t.name,
      dtype: t.dtype,
      access,
      shape: t.layout,
    });
    const members = sizes.map((size, i): BuiltKernel => {
      const own = state(starts[i], size),
        copy: Tensor = { kind: "temp", name: `copy${i}`, dtype: "f16", layout: [size] };
      const tensors = [own, parts, copy];
      const bindings = [show(own, "read_write"), show(parts, "read"), show(copy, "write")];
      const terms = load(bindings, 1, [prim("mod", prim("add", coord(0), i32(i)), i32(90))]);
      const value = prim("add", load(bindings, 0), prim("mul", acc(0), f32(i + 1)));
      const stores = [{ binding: 0, value }, ...(i % 2 === 0 ? [{ binding: 2, value: f32(i) }] : [])];
      const prelude = { inner: [90 - i], phases: [[sum(terms)]] };
      return {
        kernel: { family: "map", name: "", bindings, shape: [size], prelude, stores, fuses: [] },
        tensors,
      };
    });
    const [group, ...rest] = groupKernels(
      members.map(({ kernel, tensors }) => trimmed(kernel, tensors)),
      target,
    );
    assertEquals([rest.length, group.tensors.filter((t) => t.at).length], [0, 1]);
    const window = group.tensors.find((t) => t.at)!;
    assertEquals(window.layout, [1796]);
    const inputs = group.tensors.map((t) => t === window ? arena.slice(0, 1796) : memory.get(t.name));
    await checkKernel(device, target, { ...group.kernel, name: "arena" }, inputs);
  },
);

Deno.test({
  name: "prelude: the shaders that end a step on an H100 are valid to Tint",
  // Dawn keeps its null backend.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const read = (path: string) => readFileSync(new URL(`../../examples/${path}`, import.meta.url), "utf8");
    const programs = [["mnist/mlp.mpt", { N: 128 }], ["gpt/gpt.mpt", { B: 64 }]] as const;
    for (const [path, dims] of programs) {
      const { bundle } = compile({ file: path, text: read(path) }, { target: TARGET_H100_DAWN });
      const { kernels, dispatches } = bundle!.program("step", dims);
      for (const d of dispatches.slice(-2)) {
        const { code, variant } = kernels[d.kernel].shader!;
        assertEquals(await tintError(code), null, `${variant}\n${code}`);
      }
      assertMatch(kernels[dispatches.at(-1)!.kernel].shader!.variant, /after a prelude/);
    }
  },
});

/** Without a binding that the kernel does not store to. */
function trimmed(kernel: Kernel, tensors: readonly Tensor[]): BuiltKernel {
  const stored = kernel.family === "map" && kernel.stores.length > 1;
  return stored
    ? { kernel, tensors }
    : { kernel: { ...kernel, bindings: kernel.bindings.slice(0, 2) }, tensors: tensors.slice(0, 2) };
}
