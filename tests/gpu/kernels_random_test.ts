import { randomKernel } from "../../kernels/testing/random_kernel.ts";
import { checkKernel } from "../support/check_kernel.ts";
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
