import type { Kernel, Shader } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { renderGroup } from "./group.ts";
import { renderReduce } from "./reduce.ts";
import { renderMatmul } from "./matmul.ts";
import { renderMap } from "./map.ts";

/**
 * The WGSL module, grid and workgroup size that run a kernel on a target. Pure: the same kernel and target give the
 * same text, on a machine that has no such device too.
 *
 * @throws Error where the kernel is malformed (an accumulator used before its phase, a store of the wrong kind), or
 * does not fit the largest grid: both are the compiler's mistakes, not a user's.
 */
export function renderKernel(kernel: Kernel, target: Target): Shader {
  switch (kernel.family) {
    case "map":
      return renderMap(kernel, target);
    case "reduce":
      return renderReduce(kernel, target);
    case "matmul":
      return renderMatmul(kernel, target);
    case "group":
      return renderGroup(kernel, target);
  }
}
