import fc from "fast-check";
import {
  assert,
  assertArrayAlmostEquals,
  assertEquals,
  assertMatch,
  assertThrows,
} from "../../tests/assert.ts";
import { DTYPES } from "../../compiler/core/dtype.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  numbersOf,
  SafetensorsError,
  storedByteSize,
  type StoredDType,
  type StoredTensor,
} from "./safetensors.ts";

const dtypes: readonly StoredDType[] = [...DTYPES, "f64", "i64"];

const tensor: fc.Arbitrary<StoredTensor> = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }) })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((a, b) => a * b, 1) * storedByteSize(dtype);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ dtype, shape, data }));
  });
const name = fc.oneof(
  fc.string({ unit: "binary" }).filter((text) => text !== "__metadata__" && text.isWellFormed()),
  fc.constantFrom("__proto__", "constructor", "0", "10", "9", "blocks.0.up.weight", "ключ", ""),
);
const tensors = fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 8 });
const metadata = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }));

Deno.test("safetensors: what is encoded is decoded again", () => {
  fc.assert(fc.property(tensors, metadata, (list, meta) => {
    const file = encodeSafetensors(list, Object.entries(meta));
    const decoded = decodeSafetensors(file);
    assertEquals(Object.fromEntries(decoded.metadata), { ...meta });
    assertEquals(decoded.tensors.size, list.length);
    for (const [key, { dtype, shape, data }] of list) {
      const found = decoded.tensors.get(key);
      assert(found, key);
      assertEquals({ ...found, data: [...found.data] }, { dtype, shape, data: [...data] });
    }
  }));
});

Deno.test("safetensors: every tensor is aligned to its elements, and order does not matter", () => {
  fc.assert(fc.property(tensors, (list) => {
    const file = encodeSafetensors(list);
    for (const { data, dtype } of decodeSafetensors(file).tensors.values()) {
      assertEquals(data.byteOffset % storedByteSize(dtype), 0);
    }
    assertEquals(encodeSafetensors(list.toReversed()), file);
  }));
});

Deno.test("safetensors: numbers of every dtype", () => {
  const random = () => (Math.random() - 0.5) * 100;
  const f32 = Float32Array.from({ length: 6 }, random), f64 = Float64Array.from({ length: 6 }, random);
  const i32 = Int32Array.from({ length: 6 }, () => random() * 1e7);
  const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer as ArrayBuffer);
  const numbers = (dtype: StoredDType, data: ArrayBufferView) =>
    numbersOf({ dtype, shape: [2, 3], data: bytes(data) });
  assertEquals([...numbers("f32", f32)], [...f32]);
  assertEquals([...numbers("f64", f64)], [...f64]);
  assertEquals([...numbers("i32", i32)], [...i32]);
  assertEquals([...numbers("u32", i32)], [...i32].map((x) => x >>> 0));
  assertEquals([...numbers("i64", BigInt64Array.from(i32, BigInt))], [...i32]);
  assertEquals([...numbers("i8", Int8Array.of(1, -1, 127, -128, 5, 9))], [1, -1, 127, -128, 5, 9]);
  assertEquals([...numbers("u8", Uint8Array.of(1, 255, 127, 128, 5, 9))], [1, 255, 127, 128, 5, 9]);
  assertEquals([...numbers("f16", Uint16Array.of(0x3c00, 0xc000, 0x7bff, 1, 0xfc00, 0x3555))], [
    1,
    -2,
    65504,
    2 ** -24,
    -Infinity,
    0x555 / 2 ** 12,
  ]);
  // Rounding by cutting off, so within one step of 2^-7 below.
  const bf16 = Uint16Array.from(new Uint32Array(f32.buffer), (word) => word >>> 16);
  assertArrayAlmostEquals(numbers("bf16", bf16), f32, { rtol: 2 ** -7 });
  assertEquals([...numbers("f8e4m3", Uint8Array.of(0x38, 0x7e, 0xfe, 1, 0x3c, 0x40))], [
    1,
    448,
    -448,
    2 ** -9,
    1.5,
    2,
  ]);
  assertEquals([...numbers("f8e5m2", Uint8Array.of(0x3c, 0x7b, 0x7c, 1, 0x3e, 0xc0))], [
    1,
    57344,
    Infinity,
    2 ** -16,
    1.5,
    -2,
  ]);
});

/** A file with that header and so many bytes of data. */
function fileOf(header: unknown, dataBytes = 0, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}
const f32At = (begin: unknown, end: unknown, shape: unknown = [2]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

const hostile: [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(0), /has 0 bytes/],
  ["a length alone", fileOf("", 0), /does not begin with/],
  ["a header too long for the file", fileOf("{}", 0, 3n), /has 3 bytes, but only 2 are there/],
  ["a header of 2^63 bytes", fileOf("{}", 0, 2n ** 63n), /would have 9223372036854775808 bytes/],
  ["another kind of file", fileOf("PK\x03\x04 something"), /does not begin with/],
  ["broken JSON", fileOf('{"a":'), /not JSON/],
  ["broken UTF-8", fileOf("{}").map((byte, i) => (i === 9 ? 0xff : byte)), /not JSON/],
  ["a number for a tensor", fileOf({ a: 1 }), /"a" is not an object/],
  ["metadata that is no string", fileOf({ __metadata__: { a: 1 } }), /metadata "a" is not a string/],
  [
    "an unknown dtype",
    fileOf({ a: { dtype: "C64", shape: [], data_offsets: [0, 8] } }, 8),
    /dtype "C64"; supported/,
  ],
  [
    "a dtype that is no string",
    fileOf({ a: { dtype: ["F32"], shape: [], data_offsets: [0, 4] } }, 4),
    /has dtype \["F32"\]/,
  ],
  ["no shape", fileOf({ a: { dtype: "F32", data_offsets: [0, 4] } }, 4), /no valid shape: undefined/],
  ["a negative extent", fileOf({ a: f32At(0, 8, [-1, -2]) }, 8), /no valid shape/],
  ["a fraction of an extent", fileOf({ a: f32At(0, 2, [0.5]) }, 2), /no valid shape/],
  ["extents that overflow", fileOf({ a: f32At(0, 8, [2 ** 40, 2 ** 40]) }, 8), /too large/],
  ["offsets the wrong way", fileOf({ a: f32At(8, 0) }, 8), /no valid data_offsets/],
  ["one offset", fileOf({ a: { dtype: "F32", shape: [2], data_offsets: [0] } }, 8), /no valid data_offsets/],
  [
    "an end outside the file",
    fileOf({ a: f32At(0, 8) }, 7),
    /ends at byte 8, but the file has 7: it is cut short/,
  ],
  ["a shape that needs more bytes", fileOf({ a: f32At(0, 8, [3]) }, 8), /F32\[3\], 12 bytes, but has 8/],
  ["overlapping tensors", fileOf({ a: f32At(0, 8), b: f32At(4, 12) }, 12), /bytes of "a" and "b" overlap/],
  ["the same bytes twice", fileOf({ a: f32At(0, 8), b: f32At(0, 8) }, 8), /overlap/],
  ["a gap", fileOf({ a: f32At(0, 8), b: f32At(12, 20) }, 20), /4 bytes before "b" belong to no tensor/],
  ["bytes left over", fileOf({ a: f32At(0, 8) }, 9), /1 bytes at the end/],
];
for (const [what, file, message] of hostile) {
  Deno.test(`safetensors: ${what} is refused`, () => {
    assertMatch(assertThrows(() => decodeSafetensors(file), SafetensorsError).message, message);
  });
}

Deno.test("safetensors: damage anywhere gives a file or a SafetensorsError", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(tensors, damage, fc.nat(), (list, changes, cut) => {
    const file = encodeSafetensors(list);
    for (const [at, byte] of changes) file[at % file.length] = byte;
    for (const bytes of [file, file.subarray(0, cut % file.length)]) {
      try {
        decodeSafetensors(bytes);
      } catch (error) {
        assert(error instanceof SafetensorsError, String(error));
      }
    }
  }));
});

Deno.test("safetensors: what cannot be stored is refused", () => {
  const encode = (key: string, dtype: string, shape: number[], bytes: number) =>
    assertThrows(
      () => encodeSafetensors([[key, { dtype: dtype as StoredDType, shape, data: new Uint8Array(bytes) }]]),
      SafetensorsError,
    ).message;
  assertMatch(encode("a", "f32", [2], 7), /"a" is f32\[2\], 8 bytes, but has 7/);
  assertMatch(encode("a", "c64", [], 8), /dtype c64/);
  assertMatch(encode("a", "f32", [1.5], 6), /no valid shape/);
  assertMatch(encode("__metadata__", "u8", [1], 1), /may not be called/);
  const twice: [string, StoredTensor] = ["a", { dtype: "u8", shape: [1], data: new Uint8Array(1) }];
  assertThrows(() => encodeSafetensors([twice, twice]), SafetensorsError, 'two tensors are called "a"');
});

const PYTHON_READER = `
import json, struct, sys
import numpy as np
blob = sys.stdin.buffer.read()
n = struct.unpack("<Q", blob[:8])[0]
head = json.loads(blob[8:8 + n]); head.pop("__metadata__", None)
assert n % 8 == 0
types = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U32": "<u4", "I8": "i1", "U8": "u1", "BOOL": "?"}
out = {}
for name, e in head.items():
    b, end = e["data_offsets"]; raw = blob[8 + n + b:8 + n + end]
    if e["dtype"] == "BF16": a = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    else: a = np.frombuffer(raw, types[e["dtype"]])
    out[name] = a.reshape(e["shape"]).astype("f8").tolist()
print(json.dumps(out))`;

const python = "/usr/bin/python3";
function hasNumpy(): boolean {
  try {
    return new Deno.Command(python, { args: ["-c", "import numpy"], stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "safetensors: Python reads what is written here",
  ignore: !hasNumpy(),
  async fn() {
    const list = new Map<string, StoredTensor>();
    for (const dtype of dtypes.filter((name) => !name.startsWith("f8"))) {
      const count = 15 * storedByteSize(dtype);
      // Exponent bits that are all ones would be infinities or NaN, which JSON cannot carry.
      const data = Uint8Array.from(
        { length: count },
        () => Math.floor(Math.random() * (dtype === "bool" ? 2 : 120)),
      );
      list.set(`random.${dtype}`, { dtype, shape: [3, 5], data });
    }
    const command = new Deno.Command(python, {
      args: ["-c", PYTHON_READER],
      stdin: "piped",
      stdout: "piped",
    });
    const child = command.spawn();
    const writer = child.stdin.getWriter();
    await writer.write(encodeSafetensors(list, [["format", "mpt"]]));
    await writer.close();
    const { success, stdout } = await child.output();
    assert(success);
    const read: Record<string, number[][]> = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(Object.keys(read).sort(), [...list.keys()].sort());
    for (const [key, stored] of list) {
      assertEquals(read[key].length, 3);
      assertEquals(read[key].flat(), [...numbersOf(stored)], key);
    }
  },
});
