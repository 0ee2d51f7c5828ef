import { readFileSync } from "node:fs";
import { decodeSafetensors, numbersOf } from "../../runtime/io/safetensors.ts";
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "../assert.ts";
import { Random } from "../numeric/suite/random.ts";
import { f32, file, i32, program } from "./mlp_files.ts";
import { inFolder, mpt, mptRefuses } from "./run_cli.ts";

/** Points and their nearest of five random centres. */
function points(seed: number, rows: number): Uint8Array {
  const random = new Random(seed), centres = new Random(99);
  const at = Array.from({ length: 5 }, () => Array.from({ length: 13 }, () => centres.between(-1, 1)));
  const label = Array.from({ length: rows }, () => random.below(5));
  const x = label.flatMap((k) => at[k].map((c) => c + random.between(-0.5, 0.5)));
  return file({ x: f32([rows, 13], x), label: i32([rows], label) });
}

Deno.test("mpt train: learns from files, tests on others, writes the weights, and repeats itself", async () => {
  await inFolder(async ({ path, write }) => {
    const mlp = write(
      "mlp.mpt",
      program("optimizer = AdamW(lr: 1e-2) schedule = cosine(total: 120, warmup: 10)", "mixed_f16"),
    );
    const args = [
      "train",
      mlp,
      "--data",
      write("train", points(1, 600)),
      "--test",
      write("test", points(2, 200)),
    ];
    const run = async (out: string, ...more: string[]) => {
      const { code, stdout, stderr } = await mpt([
        ...args,
        "--batch",
        "50",
        "--seed",
        "7",
        "--out",
        path(out),
        ...more,
      ]);
      assertEquals(code, 0, stderr);
      return { stdout, bytes: readFileSync(path(out)) };
    };
    const one = await run("one");
    assertMatch(one.stdout, /training on CPU/);
    assertLess(0.9, Number(/test .*accuracy ([\d.]+)/.exec(one.stdout)![1]));
    assertEquals((await run("two")).bytes, one.bytes);
    assert(!(await run("three", "--steps", "20")).bytes.equals(one.bytes));
    const { tensors } = decodeSafetensors(one.bytes);
    assertEquals([...tensors.keys()].sort(), ["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"]);
    for (const t of tensors.values()) assert(t.dtype === "f32" && numbersOf(t).every(Number.isFinite));
  });
});

Deno.test("mpt train: mistakes are told", async () => {
  await inFolder(async ({ path, write }) => {
    const mlp = write("mlp.mpt", program("optimizer = SGD(lr: 0.1)"));
    const data = write("data", points(1, 60));
    const uneven = write(
      "uneven",
      file({ x: f32([3, 13], new Float32Array(39).fill(1)), label: i32([2], [0, 1]) }),
    );
    const cases: [string[], string][] = [
      [["--data", data], "--steps"],
      [["--data", path("none"), "--steps", "3"], "none"],
      [["--data", uneven, "--steps", "3"], "rows"],
      [["--data", data, "--steps", "3", "--batch", "0"], "--batch"],
      [["--data", data, "--steps", "3", "--out", path("no/folder")], "no/folder"],
    ];
    for (const [args, said] of cases) {
      assertStringIncludes(await mptRefuses(["train", mlp, ...args], 2), said, args.join(" "));
    }
  });
});
