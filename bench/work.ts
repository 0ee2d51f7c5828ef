import type { Kernel } from "../compiler/core/kernel.ts";
import type { DType } from "../compiler/core/dtype.ts";
import type { Program } from "../compiler/core/program.ts";

/** What one dispatch has to do at the least. */
export interface Work {
  readonly kernel: Kernel;
  /** Every bound range once, as it was bound. */
  readonly bytes: number;
  /** Multiplies and adds of a contraction; other arithmetic is not counted. */
  readonly flops: number;
  /** What a contraction multiplies. */
  readonly operand?: DType;
}

/** The work of each dispatch of a Program. */
export function workOf(program: Program): Work[] {
  return program.dispatches.map(({ kernel: index, views }) => {
    const kernel = program.kernels[index];
    const bytes = views.reduce((sum, view) => sum + view.bytes, 0);
    if (kernel.family !== "matmul") return { kernel, bytes, flops: 0 };
    const batch = kernel.batch.reduce((a, b) => a * b, 1);
    return { kernel, bytes, flops: 2 * batch * kernel.m * kernel.n * kernel.k, operand: kernel.operand };
  });
}

/** The low-precision float dtypes that a Program reads, writes or multiplies. */
export function narrowFloats(program: Program): DType[] {
  const all = program.kernels.flatMap((k) => [
    ...k.bindings.map((b) => b.dtype),
    ...(k.family === "matmul" ? [k.operand] : []),
  ]);
  return [...new Set(all)].filter((d) => ["f16", "bf16", "f8e4m3", "f8e5m2"].includes(d)).sort();
}

/** `k = 784, m × n = 128 × 64`: a kernel's extents, for a reader. */
export function extentsOf(kernel: Kernel): string {
  switch (kernel.family) {
    case "map":
      return `[${kernel.shape.join(", ")}]${
        kernel.prelude ? ` after [${kernel.prelude.inner.join(", ")}]` : ""
      }`;
    case "reduce":
      return `[${kernel.outer.join(", ")}] over [${kernel.inner.join(", ")}]`;
    case "group":
      return kernel.parts.map(extentsOf).join(" | ");
    case "matmul": {
      const { batch, m, n, k } = kernel;
      return `${[...batch, m, n].join("×")} over ${k}`;
    }
  }
}
