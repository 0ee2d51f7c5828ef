/**
 * Compares a kernel on a device with the scalar evaluator.
 *
 * @module
 */
import { byteSize, type DType, isFloat } from "../../compiler/core/dtype.ts";
import { type Kernel, physicalBytes, type Shader } from "../../compiler/core/kernel.ts";
import type { Target } from "../../compiler/core/target.ts";
import { renderKernel } from "../../kernels/render.ts";
import { evaluateKernel, unpack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { fail } from "../assert.ts";
import { runKernel } from "./run_kernel.ts";

export interface CheckOptions {
  /** Relative and absolute tolerance of floats, beside one unit in the last place of their dtype. Default: exact. */
  readonly rtol?: number;
  readonly atol?: number;
  /** Stored values may differ by one step of their dtype: a rounding fell on the other side. */
  readonly step?: boolean;
}

/** Half a unit in the last place, relative. */
const HALF_ULP: Partial<Record<DType, number>> = {
  f32: 2 ** -24,
  f16: 2 ** -11,
  bf16: 2 ** -8,
  f8e4m3: 2 ** -4,
  f8e5m2: 2 ** -3,
};

/**
 * Runs the kernel on the device and in the evaluator and fails with the first differences. Outputs start poisoned, so
 * an element or a padding byte that is not written shows.
 *
 * @param inputs the words of each binding that the kernel reads; the others are made here
 * @returns the device's words
 */
export async function checkKernel(
  device: GPUDevice,
  target: Target,
  kernel: Kernel,
  inputs: readonly (Words | undefined)[],
  options: CheckOptions = {},
  shader: Shader = renderKernel(kernel, target),
): Promise<Words[]> {
  const memory = kernel.bindings.map((b, i) => {
    if (inputs[i]) return inputs[i];
    const words: Words = new Uint32Array(physicalBytes(b.shape, b.dtype) / 4);
    return i === kernel.flag ? words : words.fill(0x5a5a5a5a);
  });
  const expected = evaluateKernel(kernel, memory);
  const actual = await runKernel(device, kernel, shader, memory);
  kernel.bindings.forEach((b, i) => {
    const problem = difference(b.dtype, actual[i], expected[i], options);
    if (problem) {
      fail(
        `${kernel.name} (${shader.variant}), binding ${i} ${b.dtype}[${b.shape}]: ${problem}\n${shader.code}`,
      );
    }
  });
  return actual;
}

function difference(dtype: DType, actual: Words, expected: Words, o: CheckOptions): string | undefined {
  const a = unpack(actual, dtype), e = unpack(expected, dtype);
  const ulp = o.step ? 2.01 * (HALF_ULP[dtype] ?? 0) : 0;
  const tiny = o.step ? 2 ** (byteSize(dtype) === 2 ? -24 : -9) : 0;
  const wrong: string[] = [];
  let count = 0;
  a.forEach((x, i) => {
    const y = e[i];
    if (Object.is(x, y) || x === y) return;
    if (Number.isNaN(x) && Number.isNaN(y)) return;
    if (isFloat(dtype)) {
      // An overflow of f32 is whatever the device makes of it, as long as it is huge.
      if (Math.abs(y) > 3.4e38 && Math.abs(x) > 3.4e38 && Math.sign(x) === Math.sign(y)) return;
      // Subnormal results may be flushed.
      if (dtype === "f32" && Math.abs(x - y) <= 2 ** -126) return;
      const limit = (o.rtol ?? 0) * Math.abs(y) + (o.atol ?? 0) + ulp * Math.abs(y) + (ulp ? tiny : 0);
      if (Math.abs(x - y) <= limit) return;
    }
    count++;
    if (wrong.length < 8) wrong.push(`[${i}] is ${x}, expected ${y}`);
  });
  return count ? `${count} of ${a.length} differ: ${wrong.join("; ")}` : undefined;
}
