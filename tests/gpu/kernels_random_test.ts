import { groupKernels } from "../../compiler/emit/group.ts";
import type { BuiltKernel } from "../../compiler/emit/kernel.ts";
import type { Tensor } from "../../compiler/emit/tensor.ts";
import type { Words } from "../../kernels/testing/evaluate_kernel.ts";
import { randomKernel } from "../../kernels/testing/random_kernel.ts";
import { checkKernel } from "../support/check_kernel.ts";
import { assert } from "../assert.ts";
import { kernelTest } from "../support/kernel_test.ts";

/** `MPT_TEST_SEED=N` runs that one; a failure names its seed. */
const only = Deno.env.get("MPT_TEST_SEED");
const seeds = only ? [Number(only)] : Array.from({ length: 40 }, (_, i) => i);

kernelTest("random kernels agree with the evaluator, bit for bit", async ({ device, target }) => {
  for (const seed of seeds) {
    const { kernel, inputs } = randomKernel(seed);
    await checkKernel(device, target, kernel, inputs);
  }
});

kernelTest("random kernels in one dispatch agree with the evaluator", async ({ device, target }) => {
  const limit = target.limits.maxStorageBuffersPerShaderStage;
  let groups = 0, contractions = 0;
  for (const seed of seeds.slice(0, 12)) {
    const inputs = new Map<Tensor, Words | undefined>();
    const flag: Tensor = { kind: "state", name: "flag", dtype: "u32", layout: [1] };
    const members = [3 * seed, 3 * seed + 1, 3 * seed + 2].map((s): BuiltKernel => {
      const random = randomKernel(s);
      const tensors = random.kernel.bindings.map((b, i): Tensor => {
        if (random.kernel.flag === i) return flag;
        const t: Tensor = { kind: "temp", name: b.name, dtype: b.dtype, layout: b.shape };
        inputs.set(t, random.inputs[i]);
        return t;
      });
      return { kernel: random.kernel, tensors };
    });
    // Contractions are tiled otherwise on a GPU: in panels, which parts of a workgroup fill together.
    for (const processor of ["cpu", "gpu"] as const) {
      const on = { ...target, processor };
      for (const { kernel, tensors } of groupKernels(members, on)) {
        if (kernel.family !== "group") continue;
        groups++;
        contractions += kernel.parts.filter((p) => p.family === "matmul").length;
        await checkKernel(
          device,
          on,
          { ...kernel, name: `random ${seed}` },
          tensors.map((t) => inputs.get(t)),
        );
      }
    }
  }
  // Where ten buffers are bound no two of them fit; programs' own groups are smaller.
  const enough = groups > 10 && contractions > 3;
  assert(only !== undefined || limit < 16 || enough, `${groups} groups with ${contractions} contractions`);
});
