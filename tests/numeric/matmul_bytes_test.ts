import { compile } from "../../compiler/compile.ts";
import { TARGET_CPU, TARGET_H100_DAWN, TARGET_LAVAPIPE } from "../../compiler/core/target.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { inputNode } from "../../compiler/ops/leaf.ts";
import { matmul } from "../../compiler/ops/matmul.ts";
import { transpose } from "../../compiler/ops/view.ts";
import { createCpuExecutor } from "../../runtime/cpu/executor.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { compareWithOracle } from "../support/compare_graph.ts";

/** Products of i8 and u8, from the source to every kind of kernel. */

/** A quantized linear layer: bytes in, a scaled float out, and the sums themselves. */
const linear = (M: number, N: number, K: number) => `
model Quantized() {
  forward(x: f32[${M}, ${K}], w: i8[${N}, ${K}], scale: f32[${N}]) -> (f32[${M}, ${N}], i32[${M}, ${N}]) {
    let sums = (clamp(x, -127, 127) as i8) @ transpose(w)
    return (sums as f32 * scale |> relu, sums)
  }
}`;

function compiled(text: string, target = TARGET_CPU) {
  const { bundle, diagnostics } = compile({ file: "bytes.mpt", text }, { target });
  assert(bundle, diagnostics.map((d) => d.message).join("; "));
  return bundle;
}

const bytes = (count: number) =>
  Int8Array.from({ length: count }, () => Math.floor(Math.random() * 256) - 128);

Deno.test("i8 @ i8: the kernels of a quantized layer multiply bytes, with what is around fused", () => {
  for (
    const [target, variant] of [[TARGET_H100_DAWN, "16x16x32 i8"], [TARGET_LAVAPIPE, "packed i8"]] as const
  ) {
    const { kernels } = compiled(linear(1024, 1024, 256), target).program("predict", {});
    assertStringIncludes(kernels.map((k) => k.shader!.variant).join("; "), variant);
    const [product] = kernels.filter((k) => k.family === "matmul");
    assertEquals(product.family === "matmul" && product.operand, "i8");
    assertEquals(product.bindings.filter((b) => b.access === "write").map((b) => b.dtype).sort(), [
      "f32",
      "i32",
    ]);
  }
});

Deno.test("i8 @ i8: exact on the CPU executor, with the float that follows", async () => {
  const [M, N, K] = [96, 80, 352];
  const bundle = compiled(linear(M, N, K));
  const executor = createCpuExecutor({ precision: "f32" });
  const prepared = await executor.prepare(
    bundle.program("predict", {}),
    await executor.createState(bundle.state),
  );
  const x = Float32Array.from({ length: M * K }, () => Math.random() * 300 - 150);
  const w = bytes(N * K), scale = Float32Array.from({ length: N }, (_, i) => 2 ** -(i % 12));
  await prepared.run({
    x: new Uint8Array(x.buffer),
    w: new Uint8Array(w.buffer),
    scale: new Uint8Array(scale.buffer),
  });
  const sums = Int32Array.from({ length: M * N }, (_, i) => {
    const [m, n] = [Math.floor(i / N) * K, (i % N) * K];
    return w.subarray(n, n + K).reduce(
      (s, b, k) => s + b * Math.trunc(Math.max(-127, Math.min(127, x[m + k]))),
      0,
    );
  });
  const [scaled, exact] = prepared.program.results;
  const read = async (name: string) => (await prepared.read(name)).slice().buffer;
  assertEquals(new Int32Array(await read(exact.name)), sums);
  const expected = Float32Array.from(sums, (s, i) => Math.max(0, s * scale[i % N]));
  assertEquals(new Float32Array(await read(scaled.name)), expected);
  executor.destroy();
});

Deno.test("i8 @ i8 and u8 @ u8: long sums made in parts are the same", () => {
  for (const dtype of ["i8", "u8"] as const) {
    const b = new Builder({ why: "test" });
    const [x, w] = [inputNode(b, "x", dtype, [5, 4096]), inputNode(b, "w", dtype, [6, 4096])];
    const node = matmul(b, x, transpose(b, w));
    assertEquals(node.type.dtype, dtype === "i8" ? "i32" : "u32");
    const draw = (shape: number[]): RefTensor => {
      const all = bytes(shape[0] * shape[1]);
      return { dtype, shape, data: Float64Array.from(dtype === "i8" ? all : new Uint8Array(all.buffer)) };
    };
    const feeds = new Map([["x", draw([5, 4096])], ["w", draw([6, 4096])]]);
    const graph = { outputs: [{ kind: "result" as const, name: "y", node }] };
    const { program } = compareWithOracle(graph, feeds, { target: TARGET_H100_DAWN });
    assertEquals(program.kernels.map((k) => k.family), ["matmul", "reduce"], "in parts");
  }
});

Deno.test("matmul of integers: what is not of one 8-bit dtype is refused", () => {
  for (const [a, b] of [["i8", "u8"], ["i32", "i32"], ["bool", "bool"]]) {
    const text = `model M() { forward(a: ${a}[3, 4], b: ${b}[4, 2]) -> f32[3, 2] { return (a @ b) as f32 } }`;
    const { bundle, diagnostics } = compile({ file: "m.mpt", text }, { target: TARGET_CPU });
    assertEquals([bundle, diagnostics.length], [undefined, 1]);
    assertStringIncludes(diagnostics[0].message, "one float dtype, of i8 or of u8");
  }
});
