/** Opens the device of `MPT_TEST_DEVICE`, doubles four numbers on it, and prints its name; exits with 1 if it cannot. */
import { describeAdapter, openTestGpu } from "./gpu.ts";

const input = Uint32Array.from({ length: 4 }, () => Math.floor(Math.random() * 2 ** 31));

try {
  const { adapter, device } = await openTestGpu();
  const output = await double(device, input);
  if (!input.every((value, i) => output[i] === value * 2)) throw new Error(`doubled ${input} to ${output}`);
  console.log(describeAdapter(adapter));
  Deno.exit(0); // Dawn would keep the process alive
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

async function double(device: GPUDevice, data: Uint32Array<ArrayBuffer>): Promise<Uint32Array> {
  const size = data.byteLength;
  const values = device.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  const readback = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(values, 0, data);
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var<storage, read_write> values: array<u32>;
      @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { values[i] *= 2u; }`,
  });
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module, entryPoint: "main" },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: values } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, readback, 0, size);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  return new Uint32Array(readback.getMappedRange().slice(0));
}
