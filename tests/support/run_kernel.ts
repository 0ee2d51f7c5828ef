import type { Kernel, Shader } from "../../compiler/core/kernel.ts";
import type { Words } from "../../kernels/testing/evaluate_kernel.ts";

/**
 * Runs one rendered kernel on a device: fresh buffers, one dispatch, everything read back.
 *
 * @param memory the words of each binding at the start
 * @returns the words of each binding afterwards
 * @throws Error with the device's message where the shader or the dispatch does not validate
 */
export async function runKernel(
  device: GPUDevice,
  kernel: Kernel,
  shader: Shader,
  memory: readonly Words[],
): Promise<Words[]> {
  device.pushErrorScope("validation");
  const layout = device.createBindGroupLayout({
    entries: kernel.bindings.map((b, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: b.access === "read" ? "read-only-storage" as const : "storage" as const },
    })),
  });
  const module = device.createShaderModule({ code: shader.code });
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: "main" },
  });
  const invalid = await device.popErrorScope();
  if (invalid) throw new Error(`${invalid.message}\n${numbered(shader.code)}`);

  device.pushErrorScope("validation");
  const buffers = memory.map((words) => {
    const buffer = device.createBuffer({
      size: words.byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  });
  const group = device.createBindGroup({
    layout,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...shader.workgroups);
  pass.end();
  const total = memory.reduce((sum, words) => sum + words.byteLength, 0);
  const staging = device.createBuffer({
    size: total,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  let offset = 0;
  for (const buffer of buffers) {
    encoder.copyBufferToBuffer(buffer, 0, staging, offset, buffer.size);
    offset += buffer.size;
  }
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(`${error.message}\n${numbered(shader.code)}`);
  await staging.mapAsync(GPUMapMode.READ);
  const words = new Uint32Array(staging.getMappedRange().slice(0));
  staging.unmap();
  staging.destroy();
  for (const buffer of buffers) buffer.destroy();
  let at = 0;
  return memory.map((m) => words.slice(at, at += m.length));
}

function numbered(code: string): string {
  return code.split("\n").map((line, i) => `${String(i + 1).padStart(4)} ${line}`).join("\n");
}
