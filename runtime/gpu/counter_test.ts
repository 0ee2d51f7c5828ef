import { assertEquals, assertStrictEquals } from "../../tests/assert.ts";
import { countCalls, resetCounters } from "./counter.ts";
import { FakeGpu } from "./testing.ts";
import { MapMode, Usage } from "./usage.ts";

Deno.test("counter: counts what passes, and sends promises through the provider", async () => {
  const fake = new FakeGpu();
  const gpu = fake.asDevice();
  let waits = 0;
  const counters = countCalls({
    gpu,
    wait: (promise) => {
      waits++;
      return promise;
    },
  });
  assertStrictEquals(countCalls({ gpu, wait: (p) => p }), counters, "counted once");

  const buffer = gpu.createBuffer({ size: 64, usage: Usage.MAP_READ });
  const other = gpu.createBuffer({ size: 100, usage: Usage.STORAGE });
  assertEquals([counters.buffersCreated, counters.liveBytes], [2, 164]);
  gpu.queue.writeBuffer(other, 0, new Float32Array(6));
  gpu.queue.writeBuffer(other, 0, new Float32Array(6), 2, 3);
  gpu.queue.writeBuffer(other, 0, new Uint8Array(8).buffer, 4);
  assertEquals(counters.bytesUploaded, 24 + 12 + 4);

  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  const entries = [
    { binding: 0, resource: { buffer: other, offset: 20, size: 30 } },
    { binding: 1, resource: { buffer: other, offset: 40 } },
  ];
  pass.setBindGroup(0, gpu.createBindGroup({ layout: {} as GPUBindGroupLayout, entries }));
  pass.dispatchWorkgroups(1);
  pass.dispatchWorkgroups(2, 3);
  gpu.queue.submit([encoder.finish()]);
  assertEquals([counters.dispatches, counters.submits, counters.bytesBound], [2, 1, 180]);

  gpu.createComputePipeline({} as GPUComputePipelineDescriptor);
  await gpu.createComputePipelineAsync({} as GPUComputePipelineDescriptor);
  assertEquals([counters.pipelines, waits], [2, 1]);

  const mapped = buffer.mapAsync(MapMode.READ);
  fake.maps[0].completeMap();
  await mapped;
  buffer.getMappedRange(0, 16);
  assertEquals([counters.maps, counters.bytesDownloaded, waits], [1, 16, 2]);

  other.destroy();
  other.destroy();
  assertEquals([counters.buffersDestroyed, counters.liveBytes, counters.peakBytes], [1, 64, 164]);
  resetCounters(counters);
  assertEquals([counters.submits, counters.liveBytes, counters.peakBytes], [0, 64, 64]);
});
