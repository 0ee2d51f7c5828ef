import type { Kernel } from "../../compiler/core/kernel.ts";
import { assert, assertEquals, assertStrictEquals } from "../../tests/assert.ts";
import { countCalls } from "./counter.ts";
import { PipelineCache } from "./pipeline.ts";
import { FakeGpu, settle } from "./testing.ts";

/** A device whose pipelines are ready when a test says so. */
class SlowGpu extends FakeGpu {
  readonly waiting: (() => void)[] = [];
  override createComputePipelineAsync(): Promise<unknown> {
    return new Promise((resolve) => this.waiting.push(() => resolve({})));
  }
  createShaderModule() {
    return {};
  }
  createPipelineLayout() {
    return {};
  }
  createBindGroupLayout() {
    return {};
  }
}

function kernel(name: string, code: string): Kernel {
  const shader = { code, variant: "plain", workgroups: [1, 1, 1], workgroupSize: [1, 1, 1] } as const;
  return { name, family: "map", bindings: [], fuses: [], shape: [1], stores: [], shader };
}

Deno.test("pipelines are made all at once, one for each shader, and the time they take counts once", async () => {
  const gpu = new SlowGpu();
  const device = gpu.asDevice();
  const counters = countCalls({ gpu: device, wait: (p) => p });
  const cache = new PipelineCache(device);
  const made = Promise.all(["a", "b", "c", "a"].map((code, i) => cache.compile(kernel(`k${i}`, code))));
  await settle();
  assertEquals(gpu.waiting.length, 3, "none waits for another; a shader that is known is not compiled again");
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 30));
  gpu.waiting.forEach((done) => done());
  const pipelines = await made;
  const waited = performance.now() - began;
  await settle();
  assertStrictEquals(pipelines[0].pipeline, pipelines[3].pipeline);
  assertEquals(counters.pipelines, 3);
  // Three times 30 ms would be the sum.
  assert(counters.pipelineMilliseconds >= 25, String(counters.pipelineMilliseconds));
  assert(counters.pipelineMilliseconds < 2 * waited + 30, String(counters.pipelineMilliseconds));
});
