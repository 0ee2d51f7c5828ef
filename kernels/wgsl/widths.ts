import { byteSize } from "../../compiler/core/dtype.ts";
import { type Expr, loadsOf } from "../../compiler/core/expr.ts";
import { physicalBytes, rowLength, type SingleKernel, type Store } from "../../compiler/core/kernel.ts";
import type { Target } from "../../compiler/core/target.ts";
import type { LaneAnalysis } from "./lanes.ts";
import { isNative } from "./storage.ts";

/** Expressions or stores of a kernel, and the group in which they are evaluated. */
export interface Use {
  readonly analysis: LaneAnalysis;
  readonly values?: readonly Expr[];
  readonly stores?: readonly Store[];
  /** The logical shape of the stores. */
  readonly shape?: readonly number[];
}

/**
 * For each binding, how many components every one of its accesses moves at once, at an index that is a multiple: what
 * its array elements can be. An access of one element makes it 1.
 */
export function widthsOf(
  kernel: SingleKernel,
  target: Target,
  uses: readonly Use[],
  halvesInWords?: boolean,
): (1 | 2 | 4)[] {
  const lanes = kernel.bindings.map((b) => isNative(b, target, halvesInWords) ? 1 : 4 / byteSize(b.dtype));
  const widths = kernel.bindings.map(() => 4);
  const used = kernel.bindings.map(() => false);
  const limit = (binding: number, elements: number) => {
    used[binding] = true;
    widths[binding] = Math.min(widths[binding], Math.max(1, Math.floor(elements / lanes[binding])));
  };
  for (const { analysis, values = [], stores = [], shape = [] } of uses) {
    for (const l of loadsOf([...values, ...stores.map((s) => s.value)])) {
      limit(l.binding, analysis.isTogether(l, lanes[l.binding]) ? analysis.size : 1);
    }
    for (const { binding } of stores) {
      const row = rowLength(shape, kernel.bindings[binding].dtype);
      limit(binding, analysis.aligned && row % analysis.size === 0 ? analysis.size : lanes[binding]);
    }
  }
  return kernel.bindings.map((b, i) => {
    if (!used[i] || kernel.flag === i) return 1;
    const component = lanes[i] > 1 ? 4 : byteSize(b.dtype);
    let width = widths[i];
    // The last element of the array must lie wholly in the binding.
    while (width > 1 && physicalBytes(b.shape, b.dtype) % (width * component) !== 0) width /= 2;
    return width as 1 | 2 | 4;
  });
}
