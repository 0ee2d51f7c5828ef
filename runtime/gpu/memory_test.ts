import { assert, assertEquals, assertRejects } from "../../tests/assert.ts";
import { GpuMemory, KERNEL_USAGE, OutOfMemoryError, sizeClass } from "./memory.ts";
import { FakeGpu, settle } from "./testing.ts";

const request = (bytes: number) => ({ label: "weights", bytes, usage: KERNEL_USAGE });

Deno.test("memory: a released buffer is destroyed after a fence that began after the release", async () => {
  const gpu = new FakeGpu();
  const memory = new GpuMemory(gpu.asDevice());
  const [a, b] = await memory.create([request(64), request(128)]);
  memory.release(a);
  await settle();
  assertEquals([gpu.live.size, gpu.fences.length], [2, 1]);
  // Released while the first fence is pending: that fence says nothing about it.
  memory.release(b);
  gpu.fences.shift()!();
  await settle();
  assertEquals([gpu.live.size, gpu.fences.length], [1, 1]);
  gpu.fences.shift()!();
  await memory.settled();
  assertEquals([gpu.live.size, gpu.fences.length], [0, 0]);
});

Deno.test("memory: lent buffers come back by size and usage, after their fence", async () => {
  const gpu = new FakeGpu();
  const memory = new GpuMemory(gpu.asDevice());
  const first = memory.lend(1000, 9);
  memory.release(first);
  assert(memory.lend(1000, 9) !== first, "still in use");
  await settle();
  gpu.fences.shift()!();
  await memory.settled();
  assert(memory.lend(1000, 8) !== first, "another usage");
  assert(memory.lend(5000, 9) !== first, "another size");
  assertEquals(memory.lend(1001, 9), first, "the same size class");
  memory.release(first);
  memory.destroy();
  await settle();
  gpu.fences.shift()!();
  await memory.settled();
  assert(!gpu.live.has(first as never), "nothing is kept once destroyed");
});

Deno.test("memory: what does not fit is all given back and told in words", async () => {
  const gpu = new FakeGpu();
  const memory = new GpuMemory(gpu.asDevice());
  gpu.outOfMemory = true;
  await assertRejects(
    () => memory.create([request(2 ** 20), request(2 ** 20)]),
    OutOfMemoryError,
    "no room for 2.0 MiB in 2 buffers. Use a smaller batch",
  );
  assertEquals(gpu.live.size, 0);
  await assertRejects(
    () => memory.create([request(2 ** 31)]),
    OutOfMemoryError,
    '"weights" needs 2048.0 MiB',
  );
});

Deno.test("memory: size classes waste at most an eighth and are multiples of 256", () => {
  for (let i = 0; i < 1000; i++) {
    const bytes = Math.ceil(2 ** (8 + Math.random() * 22));
    const size = sizeClass(bytes);
    assert(size >= bytes && size % 256 === 0, `${bytes}`);
    assert(size - bytes < Math.max(256, bytes / 8 + 1), `${bytes} takes ${size}`);
    assertEquals(sizeClass(size), size);
  }
  assertEquals(sizeClass(1), 256);
});
