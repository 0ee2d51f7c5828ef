import { assert, assertEquals } from "../../tests/assert.ts";
import type { Glob } from "./globs.ts";
import { covers, matches, parseGlob, winner } from "./globs.ts";

const glob = (text: string): Glob => {
  const g = parseGlob(text);
  if (typeof g === "string") throw new Error(g);
  return g;
};
const path = (text: string) => text.split(".");

Deno.test("a segment, a part of one, one, any number", () => {
  const cases: [string, string, boolean][] = [
    ["fc1", "fc1", true],
    ["fc1", "fc10", false],
    ["blocks.*.ln*", "blocks.3.ln2", true],
    ["blocks.*.ln*", "blocks.3.attn", false],
    ["blocks.*.ln*", "blocks.3.attn.ln1", false],
    ["**.bias", "bias", true],
    ["**.bias", "blocks.0.up.bias", true],
    ["blocks.0.**", "blocks.0", true],
    ["blocks.0.**", "blocks.0.up.weight", true],
    ["blocks.0.**", "blocks.1.up", false],
    ["**.ln*.**", "blocks.0.ln1.weight", true],
    ["**.ln*.**", "ln.weight", true],
    ["a*b*c", "aXbYc", true],
    ["a*bc*c", "abc", false],
    ["*", "a.b", false],
  ];
  for (const [g, p, expected] of cases) assertEquals(matches(glob(g), path(p)), expected, `${g} on ${p}`);
});

Deno.test("a rule covers the subtree of what it matches", () => {
  assert(covers(glob("blocks"), path("blocks.0.up.weight")));
  assert(covers(glob("blocks.*.ln*"), path("blocks.1.ln1.weight")));
  assert(!covers(glob("blocks.*.ln*"), path("blocks.1")));
});

Deno.test("literal over partial over * over **, from the left; ties go to the last written", () => {
  const win = (rules: string[], p: string) =>
    winner(rules.map((r) => ({ glob: glob(r) })), path(p))?.glob.text;
  assertEquals(win(["blocks.*.ln*", "blocks.0.**"], "blocks.0.ln1"), "blocks.0.**");
  assertEquals(win(["blocks.0.**", "blocks.*.ln*"], "blocks.0.ln1"), "blocks.0.**");
  assertEquals(win(["blocks.*.ln*", "blocks.0.**"], "blocks.1.ln1"), "blocks.*.ln*");
  assertEquals(win(["**", "*"], "fc"), "*");
  assertEquals(win(["f*", "*"], "fc"), "f*");
  assertEquals(win(["f*", "*c"], "fc"), "*c");
  assertEquals(win(["*c", "f*"], "fc"), "f*");
  assertEquals(win(["a", "a.b"], "a.b.c"), "a.b");
  assertEquals(win(["a.b", "a"], "a.b.c"), "a.b");
  assertEquals(win(["x"], "a.b"), undefined);
});

Deno.test("malformed rules say what is wrong", () => {
  for (const g of ["", "a..b", ".a", "a.**b", "a b", "a.***"]) assert(typeof parseGlob(g) === "string", g);
});
