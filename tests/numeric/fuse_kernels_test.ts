import type { Target } from "../../compiler/core/target.ts";
import { TARGET_CPU } from "../../compiler/core/target.ts";
import { emit, layoutState } from "../../compiler/emit/emit.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import type { Graph, Node, Output } from "../../compiler/ir/graph.ts";
import { cast } from "../../compiler/ops/cast.ts";
import { foundInf } from "../../compiler/ops/flag.ts";
import { LIBRARY } from "../../compiler/ops/index.ts";
import type { Args } from "../../compiler/ops/library.ts";
import { inputNode, stateNode } from "../../compiler/ops/leaf.ts";
import { linear } from "../../compiler/ops/linear.ts";
import { permute, reshape, slice } from "../../compiler/ops/view.ts";
import { decompose } from "../../compiler/passes/decompose.ts";
import { cse, simplify } from "../../compiler/passes/simplify.ts";
import { assert, assertEquals } from "../assert.ts";
import { compareWithOracle, slotsOf, tensor } from "../support/compare_graph.ts";

const GPU: Target = { ...TARGET_CPU, provider: "dawn", processor: "gpu" };

const b = new Builder({ why: "" }, { compute: "f32", accum: "f32", why: "test" });
const call = (name: string, args: Args): Node => LIBRARY.get(name)!.build(b, args) as Node;
const input = (name: string, shape: number[], dtype: "f32" | "f16" | "i32" = "f32") =>
  inputNode(b, name, dtype, shape);
const result = (name: string, node: Node): Output => ({ kind: "result", name, node });

const prepared = (graph: Graph): Graph => [decompose, simplify, cse].reduce((g, p) => p.run(g), graph);

function kernelsOf(graph: Graph, target = GPU): string[] {
  const ready = prepared(graph);
  const program = emit(ready, { entry: "predict", dims: {}, target, state: layoutState(slotsOf(ready)) });
  return program.dispatches.map((d) => program.kernels[d.kernel].family);
}

Deno.test("softmax and its relatives are one kernel each", () => {
  const x = input("x", [300, 1000]);
  for (const name of ["softmax", "log_softmax"]) {
    assertEquals(kernelsOf({ outputs: [result("y", call(name, { x, axis: -1 }))] }), ["reduce"]);
  }
});

Deno.test("a layer norm is one kernel, with mean and deviation kept where wanted", () => {
  const [x, w, bias] = [input("x", [512, 768]), input("w", [768]), input("b", [768])];
  const mean = call("mean", { x, axis: [1], keepdim: true });
  const centred = call("sub", { x, y: mean });
  const variance = call("mean", { x: call("mul", { x: centred, y: centred }), axis: [1], keepdim: true });
  const deviation = call("rsqrt", { x: call("add", { x: variance, y: 1e-5 }) });
  const y = call("add", { x: call("mul", { x: call("mul", { x: centred, y: deviation }), y: w }), y: bias });
  assertEquals(kernelsOf({ outputs: [result("y", y)] }), ["reduce"]);
  assertEquals(kernelsOf({ outputs: [result("y", y), result("m", mean), result("d", deviation)] }), [
    "reduce",
  ]);
});

Deno.test("bias, activation, residual and cast end a product's kernel", () => {
  const x = input("x", [256, 512]);
  const y = linear(b, x, input("w", [1024, 512]), input("bias", [1024]));
  const z = call("add", { x: call("gelu", { x: y }), y: input("residual", [256, 1024]) });
  assertEquals(kernelsOf({ outputs: [result("z", cast(b, z, "f16")), result("y", y)] }), ["matmul"]);
});

Deno.test("heads are read where they stand", () => {
  // [B, T, 3·H·D] → q, k, v of [B, H, T, D]
  const [B, T, H, D] = [2, 128, 4, 32];
  const qkv = input("qkv", [B, T, 3 * H * D]);
  const part = (i: number) =>
    permute(b, reshape(b, slice(b, qkv, 2, i * H * D, H * D), [B, T, H, D]), [0, 2, 1, 3]);
  const scores = call("matmul", { x: part(0), y: permute(b, part(1), [0, 1, 3, 2]) });
  const y = call("matmul", { x: call("softmax", { x: scores, axis: -1 }), y: part(2) });
  const merged = reshape(b, permute(b, y, [0, 2, 1, 3]), [B, T, H * D]);
  const out = linear(b, merged, input("w", [H * D, H * D]));
  assertEquals(kernelsOf({ outputs: [result("out", out)] }), ["matmul", "reduce", "matmul", "matmul"]);
});

Deno.test("a cross-entropy's rows and their gradient take one kernel once the count is known", () => {
  const logits = input("logits", [4096, 3000]);
  const target = input("target", [4096], "i32");
  const defaults = { axis: -1, label_smoothing: 0, ignore_index: -100, reduction: "mean" };
  const loss = call("cross_entropy", { logits, target, ...defaults });
  const [gradient] = loss.op.grad!(b, loss, call("ones", { shape: [] }));
  const families = kernelsOf({ outputs: [result("loss", loss), result("g", gradient!)] });
  // The count of labels, the rows, the mean; on a GPU long sums are made in parts.
  assert(families.length <= 4, families.join());
});

Deno.test("updates of neighbouring slots are one kernel, whatever their shapes", () => {
  const shapes: Record<string, number[]> = { "a.weight": [5, 7], "b.weight": [3, 3, 5], "c.weight": [11, 2] };
  const outputs: Output[] = [];
  for (const [path, shape] of Object.entries(shapes)) {
    const p = stateNode(b, `param/${path}`, "f32", shape);
    const m = stateNode(b, `m/${path}`, "f32", shape);
    const next = call("add", { x: call("mul", { x: m, y: 0.9 }), y: p });
    outputs.push({ kind: "state", name: `m/${path}`, node: next });
    const moved = call("sub", { x: p, y: call("mul", { x: next, y: 0.01 }) });
    outputs.push({ kind: "state", name: `param/${path}`, node: moved });
    outputs.push({ kind: "state", name: `copy.f16/${path}`, node: cast(b, moved, "f16") });
  }
  assertEquals(kernelsOf({ outputs }), ["map"]);
  const graph = prepared({ outputs });
  const feeds = new Map(
    slotsOf(graph).map((s) => {
      const shape = s.shape as number[];
      const size = shape.reduce((x, d) => x * d, 1);
      return [
        s.name,
        tensor(
          s.dtype,
          shape,
          Array.from({ length: size }, () => s.name === "found_inf" ? 0 : Math.random()),
        ),
      ];
    }),
  );
  compareWithOracle(graph, feeds, { target: GPU });
});

Deno.test("an overflow counts though nobody reads the element", () => {
  const x = inputNode(new Builder(), "x", "f32", [8]);
  const plain = new Builder();
  const narrow = cast(plain, x, "f16");
  const seen = cast(plain, slice(plain, narrow, 0, 0, 4), "f32");
  const graph: Graph = { outputs: [result("y", seen), result("found", foundInf(plain, [seen]))] };
  for (const big of [70000, 60000]) {
    const feeds = new Map([
      ["x", tensor("f32", [8], [1, 2, 3, Math.random(), 5, 6, big, 8])],
      ["found_inf", tensor("u32", [1], [0])],
    ]);
    for (const fuse of [true, false]) {
      const { outputs } = compareWithOracle(graph, feeds, { fuse });
      assertEquals(outputs.get("result/found")!.data[0], big > 65504 ? 1 : 0);
    }
  }
});
