import { assert, assertEquals } from "../../tests/assert.ts";
import { withPrecision } from "./one_precision.ts";
import { parse } from "./parse.ts";
import { dump } from "./dump.ts";

const treeOf = (text: string) => dump(withPrecision(parse({ file: "a.mpt", text }).file, "f32"));

const NET = `model Net(h: int = 4) {
  precision mixed_f16
  layer a = Linear(8, h) in bf16
  layer b = Linear(h, 2)
  forward(x: float[N, 8]) -> f32[N, 2] {
    let y = (a(x) in f16) * 2
    return b(y as f16) in f32
  }
}`;

const PLAIN = `model Net(h: int = 4) {
  precision f32
  layer a = Linear(8, h)
  layer b = Linear(h, 2)
  forward(x: float[N, 8]) -> f32[N, 2] {
    let y = a(x) * 2
    return b(y as f16)
  }
}`;

/** A dump without the places of things. */
const bare = (text: string) => text.replace(/@?\d+\.\.\d+/g, "").replace(/[ \t]+/g, " ");

Deno.test("one_precision: annotations go, conversions stay", () => {
  assertEquals(bare(treeOf(NET)), bare(dump(parse({ file: "a.mpt", text: PLAIN }).file)));
});

Deno.test("one_precision: a model that says nothing says f32, and train blocks are left as they are", () => {
  const text = `model M() {\n  forward(x: f32[N]) -> f32[N] { return relu(x) }\n}\n`;
  assert(/precision[^]*f32/.test(treeOf(text)), treeOf(text));
});
