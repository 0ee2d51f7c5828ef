import { assert, assertEquals } from "../../tests/assert.ts";
import { parseBytes, showBytes } from "./bytes.ts";

Deno.test("bytes: amounts are read as they are written", () => {
  assertEquals(
    ["2GiB", "512 MiB", "1.5KiB", "1e6", "10gb", "7", "3k"].map(parseBytes),
    [2 ** 31, 2 ** 29, 1536, 1e6, 1e10, 7, 3072],
  );
  assertEquals(["", "GiB", "-1", "0", "2 GiBs", "1,5 MiB", "1e400", "NaN", "toString"].map(parseBytes), [
    ...Array(9),
  ]);
  assertEquals(parseBytes(4096), 4096);
});

Deno.test("bytes: what is shown is enough, and reads back", () => {
  assertEquals([1, 1023, 1536, 2 ** 20, 3 * 2 ** 30 + 1].map(showBytes), [
    "1 B",
    "1023 B",
    "1.50 KiB",
    "1 MiB",
    "3.01 GiB",
  ]);
  for (let k = 0; k < 200; k++) {
    const bytes = Math.floor(2 ** (Math.random() * 40)) + 1;
    const back = parseBytes(showBytes(bytes))!;
    assert(back >= bytes && back <= 1.01 * bytes + 1, `${bytes} ${showBytes(bytes)}`);
  }
});
