import { assert, assertEquals } from "../../tests/assert.ts";
import { byteSize } from "../core/dtype.ts";
import { GRADS } from "../passes/fuse_arena.ts";
import { layoutState } from "./state.ts";

const shapes: Record<string, number[]> = {
  "conv.weight": [3, 3, 5],
  "conv.bias": [5],
  "fc.weight": [7, 33],
  "fc.bias": [33],
};

const slots = [
  ...Object.entries(shapes).flatMap(([path, shape]) => [
    { name: `param/${path}`, dtype: "f32" as const, shape },
    { name: `adam.m/${path}`, dtype: "f32" as const, shape },
    { name: `copy.f16/${path}`, dtype: "f16" as const, shape },
  ]),
  { name: "step", dtype: "i32" as const, shape: [] },
];

Deno.test("columns hold the same parameters at the same elements", () => {
  const { slots: placed } = layoutState(slots);
  for (const path of Object.keys(shapes)) {
    const starts = placed.filter((s) => s.name.endsWith(`/${path}`)).map((s) => s.offset / byteSize(s.dtype));
    assertEquals(new Set(starts).size, 1, `${path} at ${starts}`);
  }
});

Deno.test("slots start where bindings may, do not meet, and lie within their buffers", () => {
  const { slots: placed, buffers } = layoutState(slots);
  for (const s of placed) {
    assertEquals(s.offset % 256, 0);
    assert(s.offset + s.bytes <= buffers.find((b) => b.name === s.buffer)!.bytes);
    for (const t of placed.filter((t) => t !== s && t.buffer === s.buffer)) {
      assert(s.offset + s.bytes <= t.offset || t.offset + t.bytes <= s.offset, `${s.name} meets ${t.name}`);
    }
  }
});

Deno.test("scalars of one dtype share a buffer, what has axes has its own", () => {
  const { slots: placed } = layoutState([
    ...slots,
    { name: "scaler.clean", dtype: "i32", shape: [] },
    { name: "scaler.scale", dtype: "f32", shape: [] },
    { name: "seed", dtype: "u32", shape: [2] },
  ]);
  const buffers = Object.fromEntries(placed.map((s) => [s.name, s.buffer]));
  assertEquals(buffers["scaler.clean"], buffers.step);
  assert(buffers["scaler.scale"] !== buffers.step);
  assertEquals(buffers.seed, "seed");
});

Deno.test("a trained State has room for the gradients, another has none", () => {
  assert(layoutState(slots).buffers.some((b) => b.name === GRADS));
  assert(!layoutState(slots.filter((s) => s.name !== "step")).buffers.some((b) => b.name === GRADS));
});
