import { assertEquals, assertStrictEquals, assertThrows } from "../tests/assert.ts";
import { expectBytes, hostBytes, toDeviceLayout, toHostLayout } from "./layout.ts";

Deno.test("layout: rows of sub-word elements are padded to words with zeros, and back", () => {
  for (let i = 0; i < 50; i++) {
    const shape = [1 + Math.floor(Math.random() * 4), 1 + Math.floor(Math.random() * 9)];
    const dtype = (["u8", "f16", "f32"] as const)[i % 3];
    const host = crypto.getRandomValues(new Uint8Array(hostBytes(shape, dtype)));
    const device = toDeviceLayout(host, shape, dtype);
    assertEquals(device.length % (4 * shape[0]), 0);
    assertEquals(toHostLayout(device, shape, dtype), host);
  }
  assertEquals(
    toDeviceLayout(Uint8Array.of(1, 2, 3, 4, 5, 6), [2, 3], "u8"),
    Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 0),
  );
  assertEquals(toDeviceLayout(Uint8Array.of(9, 8), [], "f16"), Uint8Array.of(9, 8, 0, 0));
});

Deno.test("layout: whole words are not copied on the way in", () => {
  const host = crypto.getRandomValues(new Uint8Array(24));
  assertStrictEquals(toDeviceLayout(host, [2, 6], "f16"), host);
});

Deno.test("layout: a wrong length names the tensor and both lengths", () => {
  assertThrows(
    () => expectBytes("x", new Uint8Array(5), [2, 3], "f16"),
    RangeError,
    '"x" is f16[2, 3], 12 bytes; 5 bytes were given',
  );
});
