import { assert, assertEquals, assertThrows } from "../tests/assert.ts";
import type { InputSpec } from "../compiler/core/program.ts";
import type { Batch } from "./batch.ts";
import { BatchError, batches, dimsOf, toBytes } from "./batch.ts";

const SPECS: InputSpec[] = [
  { name: "image", dtype: "u8", shape: ["N", 4] },
  { name: "label", dtype: "i32", shape: ["N"] },
];

Deno.test("dims come from element counts", () => {
  assertEquals(dimsOf(SPECS, { image: new Uint8Array(12), label: new Int32Array(3) }), { N: 3 });
});

Deno.test("dims come from shapes, and from inputs whose other symbols are known", () => {
  const specs: InputSpec[] = [{ name: "ids", dtype: "i32", shape: ["B", "T"] }, {
    name: "y",
    dtype: "f32",
    shape: ["B"],
  }];
  const y = new Float32Array(2);
  assertEquals(dimsOf(specs, { ids: new Int32Array(10), y }), { B: 2, T: 5 });
  assertEquals(dimsOf(specs, { ids: { data: new Int32Array(10), shape: [2, 5] }, y }), { B: 2, T: 5 });
  const open: InputSpec[] = [specs[0]];
  const error = assertThrows(() => dimsOf(open, { ids: new Int32Array(10) }), BatchError);
  assert(error.message.includes("{data, shape}"), error.message);
});

Deno.test("batches that do not fit say what would", () => {
  const label = new Int32Array(3);
  const pixels = (shape: number[]) => ({ data: new Uint8Array(shape.reduce((a, b) => a * b)), shape });
  const cases: [Batch, string][] = [
    [{ label }, "the batch has no image; it gives label"],
    [{ image: new Uint8Array(10), label }, "not whole rows of u8[N, 4]"],
    [{ image: new Uint8Array(8), label }, "label has 3 elements; i32[N] takes 2, the others making N 2"],
    [{ image: pixels([2, 4]), label: { data: label, shape: [3] } }, "label makes N 3 and image makes it 2"],
    [{ image: pixels([3, 5]), label }, "image is [3, 5], the program takes u8[N, 4]"],
    [{ image: pixels([12]), label }, "image is [12], the program takes u8[N, 4]"],
    [
      { image: { data: new Uint8Array(10), shape: [3, 4] }, label },
      "image has 10 elements; its shape [3, 4] takes 12",
    ],
  ];
  for (const [batch, text] of cases) {
    const error = assertThrows(() => dimsOf(SPECS, batch), BatchError);
    assert(error.message.includes(text), `${error.message} does not say: ${text}`);
  }
});

Deno.test("bytes are the declared dtype's, whatever array they came in", () => {
  const { label, image } = toBytes(SPECS, { image: [1, 2, 3, 255], label: new Uint8Array([7]) });
  assertEquals([...image], [1, 2, 3, 255]);
  assertEquals([...new Int32Array(label.slice().buffer)], [7]);
  const part = new Int32Array([9, 8, 7, 6]).subarray(1, 3);
  assertEquals([...new Int32Array(toBytes([SPECS[1]], { label: part }).label.slice().buffer)], [8, 7]);
  const floats = toBytes([{ name: "x", dtype: "f32", shape: [2] }], { x: new Float64Array([0.1, -2]) });
  assertEquals([...new Float32Array(floats.x.slice().buffer)], [Math.fround(0.1), -2]);
  // i32 bits of a float array would be another number altogether.
  assertEquals([
    ...new Int32Array(toBytes([SPECS[1]], { label: new Float32Array([3]) }).label.slice().buffer),
  ], [3]);
});

Deno.test("batches go through every row once a pass, rows kept together", () => {
  const rows = 10;
  const x = Float32Array.from({ length: rows * 2 }, (_, i) => i);
  const y = Int32Array.from({ length: rows }, (_, i) => i);
  const seen: number[] = [];
  const sizes: number[] = [];
  for (const b of batches({ x, y }, rows, { batchSize: 4, seed: 5 })) {
    const [bx, by] = [b.x as Float32Array, b.y as Int32Array];
    sizes.push(by.length);
    by.forEach((row, i) => {
      seen.push(row);
      assertEquals([bx[2 * i], bx[2 * i + 1]], [2 * row, 2 * row + 1]);
    });
  }
  assertEquals(sizes, [4, 4, 2]);
  assert(seen.some((row, i) => row !== i), "shuffled");
  assertEquals([...seen].sort((a, b) => a - b), [...y]);
  const again = [...batches({ x, y }, rows, { batchSize: 4, seed: 5 })].flatMap((
    b,
  ) => [...b.y as Int32Array]);
  assertEquals(again, seen);
  assertEquals([...batches({ y }, rows, { batchSize: 4, dropLast: true, epochs: 3 })].length, 6);
});
