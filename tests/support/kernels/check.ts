import type { Expr } from "../../../compiler/core/expr.ts";
import type { Binding, MapKernel, SingleKernel } from "../../../compiler/core/kernel.ts";
import { round } from "../../../compiler/core/round.ts";
import { assertArrayAlmostEquals, assertEquals } from "../../assert.ts";
import { type Mode, runNaively } from "./naive.ts";
import { runKernel } from "./run_kernel.ts";

export const FLAG: Binding = { name: "flag", dtype: "u32", access: "read_write", shape: [1] };

/** A map kernel that stores each value in a tensor of its own, in the value's kind. */
export function mapKernel(
  shape: readonly number[],
  reads: readonly Binding[],
  values: readonly Expr[],
): MapKernel {
  const outputs = values.map((v, i): Binding => ({ name: `y${i}`, dtype: v.kind, access: "write", shape }));
  return {
    family: "map",
    name: "map",
    fuses: [],
    shape,
    bindings: [...reads, ...outputs, FLAG],
    flag: reads.length + outputs.length,
    stores: values.map((value, i) => ({ binding: reads.length + i, value })),
  };
}

/** Checks a kernel's outputs and flag against their scalar evaluation: exactly, or with a tolerance. */
export async function checkKernel(
  kernel: SingleKernel,
  tensors: readonly (readonly number[])[],
  { precision = "f32", ...tolerance }: Partial<Mode> & { rtol?: number; atol?: number } = {},
): Promise<void> {
  const expected = runNaively(kernel, tensors, { precision });
  const actual = await runKernel(kernel, tensors, precision);
  for (const [binding, values] of expected.outputs) {
    const { dtype, name } = kernel.bindings[binding];
    // Adding 0 turns −0 into 0: min, max and rint of zeros may give either.
    const stored = values.map((v) => round(v, dtype) + 0);
    const found = actual.outputs.get(binding)!.map((v) => v + 0);
    if (tolerance.rtol === undefined) assertEquals(found, stored, `${kernel.name}: ${name}`);
    else assertArrayAlmostEquals(found, stored, { ...tolerance, message: `${kernel.name}: ${name}` });
  }
  assertEquals(actual.overflow, expected.overflow, `${kernel.name}: overflow flag`);
}
