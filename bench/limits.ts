import { type DType, isFloat } from "../compiler/core/dtype.ts";
import type { Device, GpuDevice } from "../runtime/device.ts";
import { messageOf } from "../runtime/gpu/pipeline.ts";
import { COMPUTE_STAGE, Usage } from "../runtime/gpu/usage.ts";
import { median } from "../runtime/profile.ts";
import { randomElements, timeProduct } from "./product.ts";

/** What the device was seen to do at its best, to compare a step with. */
export interface Limits {
  /** Bytes read plus bytes written per nanosecond, by the faster of a buffer copy and a copying kernel. */
  readonly copyGBs: number;
  /** By what is multiplied: a square product compiled by mpt, accumulated in f32, or in 32-bit integers. */
  readonly matmul: readonly MatmulLimit[];
}

export interface MatmulLimit {
  readonly operand: DType;
  readonly tflops: number;
  /** Rows and columns of the product. */
  readonly size: number;
}

/** Measures the limits that the given operands need. Takes a few seconds. */
export async function measureLimits(device: Device, operands: readonly DType[]): Promise<Limits> {
  const copyGBs = device.kind === "gpu" ? await copyOnGpu(device) : copyOnCpu();
  const matmul: MatmulLimit[] = [];
  for (const operand of operands) matmul.push(await matmulLimit(device, operand));
  return { copyGBs, matmul };
}

/** Each product is eight times the work of the one before; the first that takes this long is large enough. */
const LONG_ENOUGH_US = 4000;
const SIZES = [128, 256, 512, 1024, 2048, 4096];

async function matmulLimit(device: Device, operand: DType): Promise<MatmulLimit> {
  // Integers as a linear layer has them: the weight's rows run along the sum.
  const layout = isFloat(operand) ? "NN" : "NT";
  let best: MatmulLimit = { operand, tflops: 0, size: 0 };
  for (const size of SIZES) {
    const { microseconds, tflops } = await timeProduct(device, {
      operand,
      m: size,
      n: size,
      k: size,
      layout,
    });
    if (tflops > best.tflops) best = { operand, tflops, size };
    if (microseconds > LONG_ENOUGH_US) break;
  }
  return best;
}

/** Large against any cache, small against any memory. */
const COPY_BYTES = 256 * 2 ** 20;
const SOFTWARE_COPY_BYTES = 16 * 2 ** 20;

async function copyOnGpu({ handle, target }: GpuDevice): Promise<number> {
  const { gpu } = handle;
  const { maxBufferSize, maxStorageBufferBindingSize } = target.limits;
  const wanted = handle.adapter.software ? SOFTWARE_COPY_BYTES : COPY_BYTES;
  const bytes = Math.min(
    wanted,
    Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 2 ** 20) * 2 ** 20,
  );
  const usage = Usage.STORAGE | Usage.COPY_SRC | Usage.COPY_DST;
  gpu.pushErrorScope("out-of-memory");
  const [from, to] = [0, 1].map(() => gpu.createBuffer({ size: bytes, usage }));
  const error = await gpu.popErrorScope();
  try {
    if (error) throw new Error(`no room for two buffers of ${bytes} bytes: ${error.message}`);
    gpu.queue.writeBuffer(from, 0, randomElements("f32", 2 ** 18, 3) as Uint8Array<ArrayBuffer>);
    const kernel = await copyKernel(gpu, from, to, bytes);
    const ways = [
      (encoder: GPUCommandEncoder, times: number) => {
        for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
      },
      kernel,
    ];
    const rates: number[] = [];
    for (const way of ways) rates.push(2 * bytes / (await timeCopies(gpu, way) * 1000));
    return Math.max(...rates);
  } catch (error) {
    throw new Error(`the copy limit could not be measured: ${messageOf(error)}`);
  } finally {
    await gpu.queue.onSubmittedWorkDone();
    from.destroy();
    to.destroy();
  }
}

/** Copies 16 bytes an invocation, with a grid folded at 65,535. */
async function copyKernel(gpu: GPUDevice, from: GPUBuffer, to: GPUBuffer, bytes: number) {
  const code = `
@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4<u32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
  let i = id.x + id.y * grid.x * 256u;
  if (i < ${bytes / 16}u) { target_[i] = source[i]; }
}`;
  const layout = gpu.createBindGroupLayout({
    entries: (["read-only-storage", "storage"] as const).map((type, binding) => ({
      binding,
      visibility: COMPUTE_STAGE,
      buffer: { type },
    })),
  });
  const pipeline = await gpu.createComputePipelineAsync({
    layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: gpu.createShaderModule({ code }), entryPoint: "main" },
  });
  const group = gpu.createBindGroup({
    layout,
    entries: [from, to].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const groups = bytes / 16 / 256;
  const width = Math.min(groups, 32768);
  return (encoder: GPUCommandEncoder, times: number) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(width, Math.ceil(groups / width));
    pass.end();
  };
}

/** Microseconds of one copy: the difference of many and few, so that the submit and the fence cancel. */
async function timeCopies(
  gpu: GPUDevice,
  encode: (encoder: GPUCommandEncoder, times: number) => void,
): Promise<number> {
  const timed = async (times: number) => {
    const encoder = gpu.createCommandEncoder();
    encode(encoder, times);
    const began = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await gpu.queue.onSubmittedWorkDone();
    return performance.now() - began;
  };
  const once = await timed(2);
  const many = Math.min(200, Math.max(4, Math.ceil(60 / Math.max(once / 2, 0.05))));
  const rounds: number[] = [];
  for (let i = 0; i < 5; i++) {
    const few = await timed(1);
    rounds.push((await timed(many + 1) - few) / many);
  }
  return Math.max(1, median(rounds) * 1000);
}

function copyOnCpu(): number {
  const from = randomElements("f32", 2 ** 22, 3);
  const to = new Uint8Array(from.length);
  const rounds: number[] = [];
  for (let i = 0; i < 9; i++) {
    const began = performance.now();
    for (let k = 0; k < 4; k++) to.set(from);
    rounds.push((performance.now() - began) / 4);
  }
  return 2 * from.length / (median(rounds) * 1e6);
}
