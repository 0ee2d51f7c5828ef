import { assertEquals, assertRejects } from "../../tests/assert.ts";
import { GpuMemory } from "./memory.ts";
import { RowRing } from "./rows.ts";
import { type FakeBuffer, FakeGpu, settle } from "./testing.ts";

/** One run: its row holds `value`. */
function run(ring: RowRing, value: number): Promise<number> {
  const row = ring.reserve();
  new DataView((row.buffer as unknown as FakeBuffer).bytes).setUint32(row.offset, value, true);
  ring.submitted();
  return row.bytes.then((view) => view.getUint32(0, true));
}

async function completeMap(gpu: FakeGpu): Promise<void> {
  gpu.maps.shift()!.completeMap();
  await settle();
}

Deno.test("rows: an idle ring maps at once, a busy one gathers rows for the next map", async () => {
  const gpu = new FakeGpu();
  const ring = new RowRing(new GpuMemory(gpu.asDevice()), 4, 8);
  const seed = Math.floor(Math.random() * 1e6);
  const rows = [0, 1, 2, 3].map((i) => run(ring, seed + i));
  assertEquals(gpu.maps.length, 1);
  await completeMap(gpu);
  assertEquals(await rows[0], seed);
  assertEquals(gpu.maps.length, 1, "the three others share one map");
  await completeMap(gpu);
  assertEquals(await Promise.all(rows), [seed, seed + 1, seed + 2, seed + 3]);
  assertEquals(gpu.maps.length, 0);
  assertEquals(gpu.live.size, 2, "two chunks");
  const again = run(ring, 7);
  await completeMap(gpu);
  assertEquals([await again, gpu.live.size], [7, 2]);
});

Deno.test("rows: ready waits while depth runs are in flight", async () => {
  const gpu = new FakeGpu();
  const ring = new RowRing(new GpuMemory(gpu.asDevice()), 4, 4);
  const rows = [0, 1, 2, 3].map((i) => run(ring, i));
  let ready = false;
  ring.ready().then(() => ready = true);
  await settle();
  assertEquals(ready, false);
  await completeMap(gpu);
  assertEquals(ready, true);
  // Nothing stops a caller that does not ask; the ring grows.
  rows.push(run(ring, 4), run(ring, 5), run(ring, 6));
  while (gpu.maps.length > 0) await completeMap(gpu);
  assertEquals(await Promise.all(rows), [0, 1, 2, 3, 4, 5, 6]);
});

Deno.test("rows: a failed map rejects every row and whoever waits for room", async () => {
  const gpu = new FakeGpu();
  const ring = new RowRing(new GpuMemory(gpu.asDevice()), 4, 2);
  const rows = [run(ring, 0), run(ring, 1)];
  const waiting = ring.ready();
  gpu.maps.shift()!.failMap(new Error("device lost"));
  for (const promise of [...rows, waiting, ring.ready()]) {
    await assertRejects(() => promise, Error, "device lost");
  }
});

Deno.test("rows: released with rows in flight, the ring delivers them and gives every chunk back", async () => {
  const gpu = new FakeGpu();
  const memory = new GpuMemory(gpu.asDevice());
  const ring = new RowRing(memory, 4, 4);
  const rows = [0, 1, 2, 3, 4].map((i) => run(ring, i));
  ring.release();
  memory.destroy();
  while (gpu.maps.length > 0) await completeMap(gpu);
  assertEquals(await Promise.all(rows), [0, 1, 2, 3, 4]);
  while (gpu.fences.length > 0) {
    gpu.fences.shift()!();
    await settle();
  }
  assertEquals(gpu.live.size, 0);
});
