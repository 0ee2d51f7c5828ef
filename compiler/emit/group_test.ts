import { assertEquals } from "../../tests/assert.ts";
import { f32, i32, operands, prim } from "../core/expr.ts";
import type { Binding, Kernel, MapKernel } from "../core/kernel.ts";
import { partsOf } from "../core/kernel.ts";
import { type Target, TARGET_LAVAPIPE } from "../core/target.ts";
import { groupKernels } from "./group.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";

const tensor = (name: string, at?: Tensor["at"]): Tensor => ({
  kind: at ? "state" : "temp",
  name,
  dtype: "f32",
  layout: [4],
  ...(at ? { at } : {}),
});

/** A map kernel that reads some tensors and writes another, and may raise the flag. */
function map(reads: Tensor[], write: Tensor, flag?: Tensor): BuiltKernel {
  const show = (t: Tensor, access: Binding["access"]): Binding => ({
    name: t.name,
    dtype: "f32",
    access,
    shape: t.layout,
  });
  const sum = reads.map((_, i) => ({ e: "load", binding: i, index: coord0, kind: "f32" }) as const)
    .reduce<ReturnType<typeof f32>>((a, b) => prim("add", a, b), f32(1));
  const kernel: Kernel = {
    family: "map",
    name: "",
    fuses: [`%0 ${write.name}`],
    shape: [4],
    bindings: [
      ...reads.map((t) => show(t, "read")),
      show(write, "write"),
      ...(flag ? [show(flag, "read_write")] : []),
    ],
    stores: [{ binding: reads.length, value: sum }],
    ...(flag ? { flag: reads.length + 1 } : {}),
  };
  return { kernel, tensors: [...reads, write, ...(flag ? [flag] : [])] };
}

/** A kernel that reduces much and stores the same for every row. */
function rowSums(reads: Tensor[], write: Tensor): BuiltKernel {
  const { kernel, tensors } = map(reads, write);
  const [store] = (kernel as MapKernel).stores;
  const phases = [Array.from({ length: 12 }, () => ({ combine: "sum", value: store.value }) as const)];
  const reduce: Kernel = {
    ...kernel,
    family: "reduce",
    outer: [4],
    inner: [2],
    phases,
    rowStores: [store],
    elementStores: [],
  };
  return { kernel: reduce, tensors };
}

const most = (bindings: number): Target => ({
  ...TARGET_LAVAPIPE,
  limits: { ...TARGET_LAVAPIPE.limits, maxStorageBuffersPerShaderStage: bindings },
});

const coord0 = { e: "coord", axis: 0, kind: "i32" } as const;

/** What each dispatch computes. */
const shape = (kernels: BuiltKernel[]) => kernels.map((k) => k.kernel.fuses.map((f) => f.slice(3)).join("+"));

const [x, a, b, c, d] = ["x", "a", "b", "c", "d"].map((n) => tensor(n));

Deno.test("kernels that need nothing of one another share a dispatch", () => {
  assertEquals(shape(groupKernels([map([x], a), map([x], b)], most(8))), ["a+b"]);
});

Deno.test("a kernel does not share a dispatch with what it reads", () => {
  assertEquals(shape(groupKernels([map([x], a), map([a], b)], most(8))), ["a", "b"]);
});

Deno.test("a kernel moves past others to its company, but not past what it waits for", () => {
  assertEquals(shape(groupKernels([map([x], a), map([a], b), map([x], c)], most(8))), ["a", "b+c"]);
  assertEquals(shape(groupKernels([map([x], a), map([a], b), map([b], c), map([a], d)], most(8))), [
    "a",
    "b",
    "c+d",
  ]);
});

Deno.test("a slot is not overwritten in the dispatch that reads it, nor in one before", () => {
  const w = tensor("w", { buffer: "param", offset: 0 });
  assertEquals(shape(groupKernels([map([w], a), map([x], w)], most(8))), ["a", "w"]);
  assertEquals(shape(groupKernels([map([x], w), map([w], a)], most(8))), ["w", "a"]);
});

Deno.test("what maps read and write of one State buffer is bound once, and where it was", () => {
  const [v, w, u] = [0, 16, 64].map((offset) => tensor(`w${offset}`, { buffer: "param", offset }));
  const [both] = groupKernels([map([u], v), map([u], w)], most(1));
  assertEquals(both.tensors.map((t) => [t.name, t.layout, t.at?.offset]), [["param", [20], 0]]);
  const parts = partsOf(both.kernel).filter((p) => p.family === "map");
  assertEquals(parts.map((p) => p.stores[0].place), [0, 4].map((offset) => ({ offset, strides: [1] })));
  const loads = parts.flatMap((p) => operands(p.stores[0].value)).filter((x) => x.e === "load");
  assertEquals(loads.map((x) => x.index), [prim("add", coord0, i32(16)), prim("add", coord0, i32(16))]);
});

Deno.test("scalars of one State buffer are bound once, whoever reads and writes them", () => {
  const [count, clean] = [0, 256].map((offset) => ({
    ...tensor(`s${offset}`, { buffer: "scalars.f32", offset }),
    layout: [],
  }));
  const [both] = groupKernels([rowSums([count], a), map([clean], b)], most(3));
  assertEquals(both.tensors.map((t) => [t.name, t.layout]), [["scalars.f32", [68]], ["a", [4]], ["b", [4]]]);
});

Deno.test("nothing is bound twice of a State buffer that is written", () => {
  const [v, w] = [0, 64].map((offset) => tensor(`w${offset}`, { buffer: "param", offset }));
  const middle = tensor("middle", { buffer: "param", offset: 32 });
  const parts = [map([x], v), map([x], w), rowSums([middle], b)];
  assertEquals(shape(groupKernels(parts, most(8))), ["w0+w64", "b"]);
});

Deno.test("the flag is raised by several, bound once, and read by none of them", () => {
  const flag = tensor("found_inf", { buffer: "found_inf", offset: 0 });
  const [both] = groupKernels([map([x], a, flag), map([x], b, flag)], most(8));
  assertEquals(both.tensors.filter((t) => t === flag).length, 1);
  assertEquals(shape(groupKernels([map([x], a, flag), map([flag], b)], most(8))), ["a", "b"]);
});

Deno.test("no dispatch binds more than the device can", () => {
  assertEquals(shape(groupKernels([map([x], a), map([x], b), map([x], c)], most(3))), ["a+b", "c"]);
});

Deno.test("something small that several parts read is bound once", () => {
  const large: Tensor = { ...tensor("large"), layout: [2000] };
  const [both] = groupKernels([map([x, large], a), map([x, large], b)], most(8));
  assertEquals(both.tensors.map((t) => t.name), ["x", "large", "a", "large", "b"]);
});

Deno.test("reductions share a dispatch as far as workgroup memory goes", () => {
  const parts = [rowSums([x], a), rowSums([x], b), rowSums([x], c)];
  assertEquals(shape(groupKernels(parts, most(16))), ["a+b", "c"]);
});
