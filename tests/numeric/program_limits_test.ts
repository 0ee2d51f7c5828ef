import { compile } from "../../compiler/compile.ts";
import type { Entry } from "../../compiler/core/program.ts";
import { TARGETS } from "../../compiler/core/target.ts";
import { assert, assertLessOrEqual } from "../assert.ts";
import { regression } from "../support/programs.ts";

/** No kernel binds more buffers than its target allows, whatever is fused into it. */

const FIELDS = [
  "optimizer = AdamW(lr: 1e-2) loss_scale = dynamic(init: 1024)",
  "optimizer = SGD(lr: 0.1, momentum: 0.9, nesterov: true) clip = norm(1.0)",
  "optimizer = Adam(lr: 1e-2) accumulate = 2 clip = value(0.5) schedule = cosine(total: 10, warmup: 2)",
  "optimizer = Lion(lr: 1e-3)",
];

for (const [name, target] of Object.entries(TARGETS)) {
  if (name === "cpu") continue;
  Deno.test(`limits: ${name} binds at most ${target.limits.maxStorageBuffersPerShaderStage} buffers a kernel`, () => {
    let widest = 0;
    for (const precision of ["f32", "mixed_f16", "mixed_bf16", "pure_f16", "pure_bf16"]) {
      for (const fields of FIELDS) {
        const { bundle, diagnostics } = compile({
          file: "t.mpt",
          text: regression(`metric largest = amax(Net(x))\n  ${fields}`, precision),
        }, {
          target,
        });
        assert(bundle, JSON.stringify(diagnostics));
        const update: Entry[] = fields.includes("accumulate") ? ["micro", "apply"] : ["step"];
        for (const entry of [...update, "eval", "predict", "init"] as Entry[]) {
          const dims: Record<string, number> = entry === "apply" || entry === "init" ? {} : { N: 8 };
          for (const kernel of bundle.program(entry, dims).kernels) {
            const count = kernel.bindings.length;
            widest = Math.max(widest, count);
            const where = `${kernel.name} of ${entry}, ${precision}, ${fields}`;
            assertLessOrEqual(count, target.limits.maxStorageBuffersPerShaderStage, where);
          }
        }
      }
    }
    assert(widest > 6, `the widest kernel has ${widest}: nothing is tested`);
  });
}
