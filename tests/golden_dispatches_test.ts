import { readFileSync } from "node:fs";
import { compile } from "../compiler/compile.ts";
import type { Program } from "../compiler/core/program.ts";
import { type Processor, TARGETS } from "../compiler/core/target.ts";
import { GRADS } from "../compiler/passes/fuse_arena.ts";
import { assert } from "./assert.ts";
import { golden } from "./golden.ts";

/**
 * Dispatches of a training step, by target. A block of a GPT counts what one more block adds to the step; the optimizer is
 * what comes after the last gradient: norm, overflow check, the scaler's state and all updates. After an intended change:
 *
 *     MPT_UPDATE_GOLDENS=1 deno test -A tests/golden_dispatches_test.ts
 */

/** On a GPU contractions that are soon over share dispatches. */
const MOST_MLP = { gpu: 8, cpu: 10 } as const;
const MOST_BLOCK = 30;
/** On a CPU's lanes long maps have dispatches of their own: a launch costs less than what it would take to save it. */
const MOST_OPTIMIZER = { gpu: 2, cpu: 5 } as const;
const NAMES = ["h100-dawn", "h100-deno", "lavapipe", "swiftshader"];

const read = (path: string) => readFileSync(new URL(`../examples/${path}`, import.meta.url), "utf8");

function step(text: string, target: string, dims: Record<string, number>): Program {
  const { bundle } = compile({ file: "test.mpt", text }, { target: TARGETS[target] });
  assert(bundle, text);
  return bundle.program("step", dims);
}

function dispatches(text: string, target: string, dims: Record<string, number>): number {
  return step(text, target, dims).dispatches.length;
}

/** Dispatches after the last that writes a gradient. */
function afterGradients({ kernels, dispatches, buffers }: Program): number {
  const last = dispatches.findLastIndex(({ kernel, views }) =>
    kernels[kernel].bindings.some((b, i) => b.access !== "read" && buffers[views[i].buffer].name === GRADS)
  );
  assert(last >= 0, "no gradient is written");
  return dispatches.length - 1 - last;
}

function replaced(text: string, from: RegExp, to: string): string {
  assert(from.test(text), `${from} is not in the program`);
  return text.replace(from, to);
}

Deno.test("golden: dispatches of a step of mlp.mpt, of a GPT's block, and of the optimizer", () => {
  const mlp = read("mnist/mlp.mpt"), gpt = read("gpt/gpt.mpt");
  const mixed = replaced(gpt, /precision \{ params: f32.*\}/, "precision mixed_f16");
  const lines: string[] = [];
  const count = (title: string, most: number | Record<Processor, number>, of: (target: string) => number) => {
    const counts = NAMES.map((target) => [target, of(target)] as const);
    lines.push(`${title.padEnd(56)}${counts.map(([t, n]) => `  ${t} ${n}`).join("")}`);
    for (const [target, n] of counts) {
      const { limits, processor } = TARGETS[target];
      const limit = typeof most === "number" ? most : most[processor];
      const binds = limits.maxStorageBuffersPerShaderStage;
      assert(binds < 16 || n <= limit, `${title} on ${target}: ${n}, more than ${limit}`);
    }
  };
  const block = (text: string, target: string) => {
    const [three, four] = [3, 4].map((depth) =>
      dispatches(replaced(text, /depth: 6\)/, `depth: ${depth})`), target, { B: 64 })
    );
    return four - three;
  };
  count("mlp.mpt, N = 128", MOST_MLP, (target) => dispatches(mlp, target, { N: 128 }));
  count("a block of gpt.mpt as it is, B = 64", MOST_BLOCK, (target) => block(gpt, target));
  count("a block of gpt.mpt in mixed_f16, B = 64", MOST_BLOCK, (target) => block(mixed, target));
  const optimizer = (title: string, text: string, dims: Record<string, number>) =>
    count(`the optimizer of ${title}`, MOST_OPTIMIZER, (target) => afterGradients(step(text, target, dims)));
  optimizer("mlp.mpt", mlp, { N: 128 });
  optimizer("mlp.mpt without clip", replaced(mlp, /clip .*/, ""), { N: 128 });
  optimizer("mlp.mpt without loss scale", replaced(mlp, /loss_scale .*/, "loss_scale = none"), { N: 128 });
  optimizer("mlp.mpt in f32", replaced(mlp, /precision \{.*\}/, "precision f32"), { N: 128 });
  optimizer("gpt.mpt as it is", gpt, { B: 64 });
  optimizer("gpt.mpt in mixed_f16", mixed, { B: 64 });
  golden("dispatches.txt", lines.join("\n") + "\n");
});
