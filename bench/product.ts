import { compile } from "../compiler/compile.ts";
import { byteSize, type DType, isFloat } from "../compiler/core/dtype.ts";
import type { MatmulKernel, Shader } from "../compiler/core/kernel.ts";
import type { Program } from "../compiler/core/program.ts";
import { mulberry32 } from "../runtime/batch.ts";
import type { Device } from "../runtime/device.ts";
import { executorOf } from "../runtime/executor.ts";
import { median } from "../runtime/profile.ts";
import { profileOf } from "./variant.ts";

/** y[batch, m, n] = a · b, both of `operand`; floats give that dtype too, i8 gives i32 and u8 u32. */
export interface Product {
  readonly operand: DType;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch?: number;
  /** "T": a stands as k × m, b as n × k. */
  readonly layout?: "NN" | "TN" | "NT" | "TT";
}

export interface ProductTime {
  readonly microseconds: number;
  /** Multiplies and adds, a trillion a second. */
  readonly tflops: number;
  /** The kernels that make it, as they were rendered; empty on the CPU. */
  readonly variants: readonly string[];
}

/** The product as a program. */
function sourceOf({ operand, m, n, k, batch, layout = "NN" }: Product): string {
  const lead = batch ? `${batch}, ` : "";
  const shapes = {
    a: layout[0] === "T" ? `${lead}${k}, ${m}` : `${lead}${m}, ${k}`,
    b: layout[1] === "T" ? `${lead}${n}, ${k}` : `${lead}${k}, ${n}`,
  };
  const [a, b] = ["a", "b"].map((x, i) => layout[i] === "T" ? `transpose(${x})` : x);
  const result = isFloat(operand) ? operand : operand === "i8" ? "i32" : "u32";
  const precision = isFloat(operand)
    ? `  precision { params: ${operand}, compute: ${operand}, output: ${operand} }\n`
    : "";
  return `model Product() {
${precision}  forward(a: ${operand}[${shapes.a}], b: ${operand}[${shapes.b}]) -> ${result}[${lead}${m}, ${n}] {
    return ${a} @ ${b}
  }
}`;
}

/**
 * Compiles and times a product: the median of several runs by the device's own clock, where it has one.
 *
 * @param render how its contraction is to be rendered, instead of what the compiler chooses
 */
export async function timeProduct(
  device: Device,
  product: Product,
  render?: (kernel: MatmulKernel) => Shader,
): Promise<ProductTime> {
  const { operand, m, n, k, batch = 1 } = product;
  const source = { file: "product.mpt", text: sourceOf(product) };
  const { bundle, diagnostics } = compile(source, { target: device.target });
  if (!bundle) throw new Error(diagnostics.map((d) => d.message).join("; "));
  const executor = await executorOf(device);
  try {
    const state = await executor.createState(bundle.state);
    const chosen = bundle.program("predict", {});
    const program: Program = !render ? chosen : {
      ...chosen,
      kernels: chosen.kernels.map((x) => x.family === "matmul" ? { ...x, shader: render(x) } : x),
    };
    const prepared = await executor.prepare(program, state);
    const inputs = {
      a: randomElements(operand, batch * m * k, 1),
      b: randomElements(operand, batch * k * n, 2),
    };
    // Warm: the clocks, the caches and, on the CPU, the compiler of this code.
    await prepared.run(inputs);
    const clock = device.kind !== "gpu" || device.handle.gpu.features.has("timestamp-query");
    const microseconds = clock
      ? (await profileOf(device, prepared, inputs, 7, repeatsOn(device))).reduce(
        (sum, t) => sum + t.microseconds,
        0,
      )
      : await timeRuns(() => prepared.run(inputs));
    const variants = program.kernels.flatMap((x) => x.shader?.variant ?? []);
    return { microseconds, tflops: 2 * batch * m * n * k / microseconds / 1e6, variants };
  } finally {
    executor.destroy();
  }
}

/** Launches timed together: on hardware as many as `bench/rivals/pytorch.py` times of cuBLAS's. */
function repeatsOn(device: Device): number {
  return device.kind === "gpu" && !device.handle.adapter.software ? 20 : 1;
}

/** Microseconds of one of several queued runs, where the device tells no times. */
async function timeRuns(run: () => Promise<unknown>): Promise<number> {
  const timed = async (count: number) => {
    const began = performance.now();
    await Promise.all(Array.from({ length: count }, run));
    return performance.now() - began;
  };
  const rounds: number[] = [];
  for (let i = 0; i < 5; i++) rounds.push((await timed(6) - await timed(2)) / 4);
  return Math.max(1, median(rounds) * 1000);
}

/** As many are drawn; more are these again. */
const DRAWN = 2 ** 20;

/** Bits of floats in ±[0.25, 2), or of any integers: tens of millions of them, of which the first are drawn. */
export function randomElements(dtype: DType, count: number, seed: number): Uint8Array {
  const drawn = drawElements(dtype, Math.min(count, DRAWN), seed);
  const out = new Uint8Array(count * byteSize(dtype));
  for (let at = 0; at < out.length; at += drawn.length) {
    out.set(drawn.subarray(0, out.length - at), at);
  }
  return out;
}

function drawElements(dtype: DType, count: number, seed: number): Uint8Array {
  const random = mulberry32(seed);
  if (dtype === "f32") {
    const floats = Float32Array.from({ length: count }, () => 4 * random() - 2);
    return new Uint8Array(floats.buffer);
  }
  if (!isFloat(dtype)) {
    return Uint8Array.from({ length: count * byteSize(dtype) }, () => Math.floor(random() * 256));
  }
  const [mantissa, bias] = dtype === "f16" ? [10, 15] : dtype === "bf16" ? [7, 127] : [3, 7];
  const codes = byteSize(dtype) === 2 ? new Uint16Array(count) : new Uint8Array(count);
  const width = byteSize(dtype) * 8;
  for (let i = 0; i < count; i++) {
    const r = Math.floor(random() * 2 ** 16);
    const exponent = bias - 2 + (r >> 8) % 3;
    codes[i] = ((r & 1) << (width - 1)) | (exponent << mantissa) | (r >> 1 & (2 ** mantissa - 1));
  }
  return new Uint8Array(codes.buffer);
}
