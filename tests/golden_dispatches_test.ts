import { readFileSync } from "node:fs";
import { compile } from "../compiler/compile.ts";
import { TARGETS } from "../compiler/core/target.ts";
import { assert } from "./assert.ts";
import { golden } from "./golden.ts";

/**
 * Dispatches of a training step, by target. A block of a GPT counts what one more block adds to the step. After an
 * intended change:
 *
 *     MPT_UPDATE_GOLDENS=1 deno test -A tests/golden_dispatches_test.ts
 */

const MOST_MLP = 12;
const MOST_BLOCK = 30;
const NAMES = ["h100-dawn", "h100-deno", "lavapipe", "swiftshader"];

const read = (path: string) => readFileSync(new URL(`../examples/${path}`, import.meta.url), "utf8");

function dispatches(file: string, text: string, target: string, dims: Record<string, number>): number {
  const { bundle } = compile({ file, text }, { target: TARGETS[target] });
  assert(bundle, file);
  return bundle.program("step", dims).dispatches.length;
}

function replaced(text: string, from: RegExp, to: string): string {
  assert(from.test(text), `${from} is not in the program`);
  return text.replace(from, to);
}

Deno.test("golden: dispatches of a step of mlp.mpt, and of a GPT's block", () => {
  const mlp = read("mnist/mlp.mpt"), gpt = read("gpt/gpt.mpt");
  const mixed = replaced(gpt, /precision \{ params: f32.*\}/, "precision mixed_f16");
  const lines: string[] = [];
  const count = (title: string, most: number | undefined, of: (target: string) => number) => {
    const counts = NAMES.map((target) => [target, of(target)] as const);
    lines.push(`${title.padEnd(56)}${counts.map(([t, n]) => `  ${t} ${n}`).join("")}`);
    const [wide] = counts;
    if (most !== undefined) assert(wide[1] <= most, `${title} on ${wide[0]}: ${wide[1]}, more than ${most}`);
  };
  const block = (text: string, target: string) => {
    const [three, four] = [3, 4].map((depth) =>
      dispatches("gpt.mpt", replaced(text, /depth: 6\)/, `depth: ${depth})`), target, { B: 64 })
    );
    return four - three;
  };
  count("mlp.mpt, N = 128", MOST_MLP, (target) => dispatches("mlp.mpt", mlp, target, { N: 128 }));
  count("a block of gpt.mpt as it is, B = 64", MOST_BLOCK, (target) => block(gpt, target));
  count("a block of gpt.mpt in mixed_f16, B = 64", MOST_BLOCK, (target) => block(mixed, target));
  golden("dispatches.txt", lines.join("\n") + "\n");
});
