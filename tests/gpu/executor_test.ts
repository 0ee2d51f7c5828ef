import type { Program } from "../../compiler/core/program.ts";
import { GpuExecutor } from "../../runtime/gpu/executor.ts";
import { profile } from "../../runtime/gpu/profile.ts";
import type { GpuDevice } from "../../runtime/device.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { noGpu, openTestDevice } from "./open.ts";
import { accumulate, LAYOUT } from "./programs.ts";

function gpuTest(name: string, fn: (device: GpuDevice, executor: GpuExecutor) => Promise<void>): void {
  Deno.test({
    name: `executor: ${name}`,
    ignore: noGpu,
    async fn() {
      const device = await openTestDevice();
      const executor = new GpuExecutor(device);
      try {
        await fn(device, executor);
      } finally {
        executor.destroy();
        await executor.idle();
        device.close();
      }
    },
  });
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

const sum = (bytes: Uint8Array) => bytes.reduce((a, b) => a + b, 0);
const floats = (bytes: Uint8Array) => [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];

gpuTest("runs see their inputs and the state in order", async (_, executor) => {
  const state = await executor.createState(LAYOUT);
  const step = await executor.prepare(accumulate(), state);
  let total = 0;
  for (let run = 1; run <= 5; run++) {
    const x = randomBytes(12);
    total += sum(x);
    assertEquals(await step.run({ x }), { loss: total, runs: run });
    assertEquals(await step.read("echo"), x);
  }
  assertEquals(floats(await state.read("total")).reduce((a, b) => a + b), total);
});

gpuTest("a run is one submit, and many runs queue without a readback each", async (device, executor) => {
  const state = await executor.createState(LAYOUT);
  const step = await executor.prepare(accumulate(), state);
  await step.run({ x: randomBytes(12) });
  const before = { ...device.counters };
  const batches = Array.from({ length: 200 }, () => randomBytes(12));
  const rows = [];
  for (const x of batches) {
    await step.ready();
    const given = x.slice();
    rows.push(step.run({ x: given }));
    // Inputs are copied before `run` returns.
    given.fill(0);
  }
  const { counters } = device;
  assertEquals(counters.submits - before.submits, 200);
  assertEquals(counters.dispatches - before.dispatches, 400);
  const seen = await Promise.all(rows);
  let total = seen[0].loss - sum(batches[0]);
  seen.forEach(({ loss, runs }, i) => {
    total += sum(batches[i]);
    assertEquals([loss, runs], [total, i + 2]);
  });
  assert(counters.maps - before.maps <= 50, `${counters.maps - before.maps} maps for 200 runs`);
  assertEquals(counters.bytesUploaded - before.bytesUploaded, 200 * 16);
  assert(counters.buffersCreated - before.buffersCreated <= 2, "buffers are made once");
});

gpuTest("state slots go in and out unpadded", async (_, executor) => {
  const state = await executor.createState(LAYOUT);
  assertEquals(await state.read("bytes"), new Uint8Array(6), "a new State is zero");
  const bytes = randomBytes(6);
  const count = new Uint8Array(Uint32Array.of(1 + Math.floor(Math.random() * 1000)).buffer);
  state.write("bytes", bytes);
  state.write("count", count);
  assertEquals(await state.read("bytes"), bytes);
  assertEquals(await state.read("count"), count);
  assertThrows(
    () => state.write("bytes", randomBytes(7)),
    RangeError,
    '"bytes" is u8[2, 3], 6 bytes; 7 bytes',
  );
  await assertRejects(() => state.read("nothing"), RangeError, 'no slot "nothing"');
  const step = await executor.prepare(accumulate(), state);
  const { runs } = await step.run({ x: randomBytes(12) });
  assertEquals(runs, new Uint32Array(count.buffer)[0] + 1);
});

gpuTest("States are apart; Programs share pipelines and temps", async (device, executor) => {
  const [one, two] = [await executor.createState(LAYOUT), await executor.createState(LAYOUT)];
  const program = accumulate({ tempBytes: 4096 });
  const a = await executor.prepare(program, one);
  assertEquals(await executor.prepare(program, one), a, "the same Program and State give the same handle");
  const { pipelines, liveBytes } = device.counters;
  const b = await executor.prepare(accumulate({ tempBytes: 1024 }), two);
  assertEquals(device.counters.pipelines, pipelines);
  assert(device.counters.liveBytes - liveBytes < 1024, "the smaller temp lies in the larger");
  const [x, y] = [randomBytes(12), randomBytes(12)];
  const [first, second] = await Promise.all([a.run({ x }), b.run({ x: y })]);
  assertEquals([first.loss, second.loss], [sum(x), sum(y)]);
});

gpuTest("what is destroyed is gone once the device is done with it", async (device, executor) => {
  const idle = device.counters.liveBytes;
  const state = await executor.createState(LAYOUT);
  const step = await executor.prepare(accumulate(), state);
  const rows = Array.from({ length: 10 }, () => step.run({ x: randomBytes(12) }));
  step.destroy();
  state.destroy();
  await Promise.all(rows);
  await assertRejects(() => step.run({ x: randomBytes(12) }), Error, "has been destroyed");
  assertThrows(() => state.write("bytes", randomBytes(6)), Error, "has been destroyed");
  step.destroy();
  await executor.idle();
  executor.destroy();
  await executor.idle();
  assertEquals(device.counters.liveBytes, idle);
});

gpuTest("scalars of any size and place come in one row", async (_, executor) => {
  const state = await executor.createState(LAYOUT);
  const base = accumulate();
  const at = (name: string, dtype: "u8" | "u32" | "f32", buffer: number, offset: number) =>
    ({ name, dtype, shape: [], view: { buffer, offset, bytes: dtype === "u8" ? 1 : 4 } }) as const;
  const scalars = base.buffers.findIndex((b) => b.name === "scalars");
  const step = await executor.prepare({
    ...base,
    results: [
      at("second byte", "u8", scalars, 9),
      at("count", "u32", 0, 256),
      at("last total", "f32", 0, 12),
      ...base.results,
      at("first byte", "u8", scalars, 8),
    ],
  }, state);
  const count = 1 + Math.floor(Math.random() * 60000);
  state.write("count", new Uint8Array(Uint32Array.of(count - 1).buffer));
  const x = randomBytes(12);
  assertEquals(await step.run({ x }), {
    "second byte": count >> 8,
    count,
    "last total": sum(x.subarray(9)),
    loss: sum(x),
    runs: count,
    "first byte": count & 0xff,
  });
});

gpuTest("the profiler times every dispatch of real runs", async (device, executor) => {
  const state = await executor.createState(LAYOUT);
  const step = await executor.prepare(accumulate(), state);
  const x = randomBytes(12);
  const times = await profile(device.handle.gpu, step, { x }, 5);
  assertEquals(times.map((t) => [t.dispatch, t.kernel]), [[0, "k0_sum"], [1, "k1_add"]]);
  assert(times.every((t) => t.microseconds > 0 && t.microseconds < 1e6), JSON.stringify(times));
  assertEquals((await step.run({ x })).loss, 6 * sum(x));
  // Each dispatch three times over, k1_add among them.
  const repeated = await profile(device.handle.gpu, step, { x }, 1, 3);
  assertEquals(repeated.map((t) => t.kernel), ["k0_sum", "k1_add"]);
  assertEquals((await step.run({ x })).loss, 10 * sum(x));
});

gpuTest("mistakes are told in words", async (_, executor) => {
  const state = await executor.createState(LAYOUT);
  const step = await executor.prepare(accumulate(), state);
  await assertRejects(() => step.run({}), RangeError, 'step needs the input "x"; it was given none');
  await assertRejects(
    () => step.run({ x: randomBytes(11) }),
    RangeError,
    '"x" is u8[4, 3], 12 bytes; 11 bytes',
  );
  await assertRejects(() => step.read("y"), RangeError, 'no result "y"; it has loss, runs, echo');

  const broken = (change: (p: Program) => Program) => executor.prepare(change(accumulate()), state);
  const shader = (p: Program, code: string): Program => ({
    ...p,
    kernels: [{ ...p.kernels[0], shader: { ...p.kernels[0].shader!, code } }, p.kernels[1]],
  });
  await assertRejects(
    () => broken((p) => shader(p, "fn main() { nonsense }")),
    Error,
    "the shader of kernel k0_sum (plain) does not compile",
  );
  await assertRejects(
    () => broken((p) => ({ ...p, kernels: [{ ...p.kernels[0], shader: undefined }, p.kernels[1]] })),
    Error,
    "kernel k0_sum has no shader",
  );
  const huge = { name: "huge", bytes: 2 ** 50, role: "temp" } as const;
  await assertRejects(
    () => broken((p) => ({ ...p, buffers: [...p.buffers, huge] })),
    Error,
    '"huge" needs 1073741824.0 MiB in one buffer',
  );
  const foreign = { name: "other", bytes: 256, role: "state" } as const;
  await assertRejects(
    () => broken((p) => ({ ...p, buffers: [foreign, ...p.buffers.slice(1)] })),
    Error,
    'no buffer "other"',
  );
  // None of it harmed the device.
  const x = randomBytes(12);
  assertEquals((await step.run({ x })).loss, sum(x));
});

gpuTest("an error of the device reaches every caller", async (device, executor) => {
  const state = await executor.createState(LAYOUT);
  const step = await executor.prepare(accumulate(), state);
  await step.run({ x: randomBytes(12) });
  // A copy out of range: the device reports it outside any error scope.
  const { gpu } = device.handle;
  const small = gpu.createBuffer({ size: 16, usage: 12 });
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(small, 0, small, 8, 16);
  try {
    gpu.queue.submit([encoder.finish()]);
  } catch {
    // Some implementations throw as well.
  }
  await gpu.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await assertRejects(() => step.run({ x: randomBytes(12) }), Error, "the device reported an error");
  await assertRejects(() => step.read("echo"), Error, "the device reported an error");
  await assertRejects(() => executor.createState(LAYOUT), Error, "the device reported an error");
  small.destroy();
});
