import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import type { Kernel } from "../../compiler/core/kernel.ts";
import type { Program, StateLayout } from "../../compiler/core/program.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "../../tests/assert.ts";
import { createCpuExecutor } from "./executor.ts";
import { load } from "../../tests/support/kernels/arbitrary.ts";
import { fromBytes, toBytes } from "../../tests/support/kernels/run_kernel.ts";

const N = 5;

/**
 * `w += x` (f16, in place), then the sum of w to a scalar, and a count and a truth beside it. The sum goes through a
 * temp that shares its bytes with another, at an offset.
 */
function example(): { program: Program; layout: StateLayout } {
  const x = { name: "x", dtype: "f16", shape: [N] } as const;
  const w = { name: "w", dtype: "f16", shape: [N] } as const;
  const temp = { name: "t", dtype: "f32", shape: [N] } as const;
  const result = { name: "sum", dtype: "f32", shape: [] } as const;
  const update = [{ ...x, access: "read" as const }, { ...w, access: "read_write" as const }, {
    ...temp,
    access: "write" as const,
  }];
  const at = coord(0);
  const sum: Expr = {
    e: "round",
    to: "f16",
    arg: prim("add", load(update, 0, at), load(update, 1, at)),
    flag: false,
    kind: "f32",
  };
  const kernels: Kernel[] = [
    {
      family: "map",
      name: "update",
      fuses: [],
      shape: [N],
      bindings: update,
      stores: [{ binding: 1, value: sum }, { binding: 2, value: sum }],
    },
    {
      family: "reduce",
      name: "total",
      fuses: [],
      outer: [],
      inner: [N],
      bindings: [
        { ...temp, access: "read" },
        { ...result, access: "write" },
        { name: "count", dtype: "u32", shape: [], access: "write" },
        { name: "big", dtype: "bool", shape: [], access: "write" },
      ],
      phases: [[{ combine: "sum", value: load([{ ...temp, access: "read" }], 0, at) }]],
      rowStores: [
        { binding: 1, value: acc(0) },
        { binding: 2, value: { e: "const", kind: "u32", value: 4000000000 } },
        { binding: 3, value: prim("gt", acc(0), f32(20)) },
      ],
      elementStores: [],
    },
  ];
  const program: Program = {
    entry: "step",
    dims: {},
    buffers: [
      { name: "in", bytes: 12, role: "input" },
      { name: "weights", bytes: 512, role: "state" },
      { name: "scratch", bytes: 512, role: "temp" },
      { name: "out", bytes: 768, role: "result" },
    ],
    kernels,
    dispatches: [
      {
        kernel: 0,
        views: [{ buffer: 0, offset: 0, bytes: 12 }, { buffer: 1, offset: 256, bytes: 12 }, {
          buffer: 2,
          offset: 256,
          bytes: 20,
        }],
      },
      {
        kernel: 1,
        views: [{ buffer: 2, offset: 256, bytes: 20 }, { buffer: 3, offset: 0, bytes: 4 }, {
          buffer: 3,
          offset: 256,
          bytes: 4,
        }, { buffer: 3, offset: 512, bytes: 4 }],
      },
    ],
    inputs: [{ ...x, view: { buffer: 0, offset: 0, bytes: 12 } }],
    results: [
      { ...result, view: { buffer: 3, offset: 0, bytes: 4 } },
      { name: "count", dtype: "u32", shape: [], view: { buffer: 3, offset: 256, bytes: 4 } },
      { name: "big", dtype: "bool", shape: [], view: { buffer: 3, offset: 512, bytes: 4 } },
      { ...temp, name: "terms", view: { buffer: 2, offset: 256, bytes: 20 } },
    ],
  };
  const layout: StateLayout = {
    buffers: [{ name: "weights", bytes: 512 }],
    slots: [{ ...w, name: "param/w", buffer: "weights", offset: 256, bytes: 12 }],
  };
  return { program, layout };
}

const halves = (values: readonly number[]) => toBytes(values, "f16");

Deno.test("executor: state, inputs with odd rows, temps, scalars and tensors of a run", async () => {
  const { program, layout } = example();
  const executor = createCpuExecutor({ poison: true });
  const state = await executor.createState(layout);
  assertEquals(fromBytes(await state.read("param/w"), "f16"), [0, 0, 0, 0, 0]);
  state.write("param/w", halves([1, 2, 3, 4, 5]));
  const prepared = await executor.prepare(program, state);
  assertEquals(await executor.prepare(program, state), prepared);
  const x = halves([0.5, 0.25, 0, -1, 2]);
  const running = prepared.run({ x });
  x.fill(0xff); // inputs are copied before run returns
  assertEquals(await running, { sum: 16.75, count: 4000000000, big: 0 });
  assertEquals(fromBytes(await prepared.read("terms"), "f32"), [1.5, 2.25, 3, 3, 7]);
  assertEquals(fromBytes(await state.read("param/w"), "f16"), [1.5, 2.25, 3, 3, 7]);
  assertEquals(await prepared.run({ x: halves([1, 1, 1, 1, 1]) }), { sum: 21.75, count: 4000000000, big: 1 });
  executor.destroy();
});

Deno.test("executor: a State is shared by its programs and apart from other States", async () => {
  const { program, layout } = example();
  const executor = createCpuExecutor();
  const [one, two] = [await executor.createState(layout), await executor.createState(layout)];
  const first = await executor.prepare(program, one);
  const second = await executor.prepare({ ...program, entry: "micro" }, one);
  const x = halves([1, 1, 1, 1, 1]);
  first.run({ x });
  assertEquals((await second.run({ x })).sum, 10);
  assertEquals((await (await executor.prepare(program, two)).run({ x })).sum, 5);
});

Deno.test("executor: mistakes are told, not thrown from inside", async () => {
  const { program, layout } = example();
  const executor = createCpuExecutor();
  const state = await executor.createState(layout);
  const prepared = await executor.prepare(program, state);
  await assertRejects(() => prepared.run({}), Error, 'lacks its input "x"');
  await assertRejects(
    () => prepared.run({ x: new Uint8Array(12) }),
    RangeError,
    "10 bytes; 12 bytes were given",
  );
  await assertRejects(() => prepared.read("loss"), Error, '"loss"');
  await assertRejects(() => state.read("param/v"), Error, '"param/v"');
  assertThrows(() => state.write("param/w", new Uint8Array(3)), RangeError, "param/w");
  const shifted = { ...program, buffers: program.buffers.map((b) => ({ ...b, name: `${b.name}2` })) };
  await assertRejects(() => executor.prepare(shifted, state), Error, "weights2");
  state.destroy();
  await assertRejects(() => prepared.run({ x: halves([1, 2, 3, 4, 5]) }), Error, "destroyed");
  await assertRejects(() => executor.prepare(program, state), Error, "destroyed");
});

Deno.test("executor: long work gives timers their turn", async () => {
  const { program, layout } = example();
  const executor = createCpuExecutor();
  const prepared = await executor.prepare(program, await executor.createState(layout));
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const until = performance.now() + 200;
  let runs = 0;
  while (performance.now() < until) {
    await prepared.ready();
    await prepared.run({ x: halves([0, 0, 0, 0, 0]) });
    runs++;
  }
  clearInterval(timer);
  assert(ticks >= 2, `${ticks} ticks in ${runs} runs`);
});

Deno.test("executor: poison shows what is read before it is written", async () => {
  const { program, layout } = example();
  const partial: Program = { ...program, dispatches: program.dispatches.slice(1) };
  const executor = createCpuExecutor({ poison: true });
  const prepared = await executor.prepare(partial, await executor.createState(layout));
  const { sum } = await prepared.run({ x: halves([1, 2, 3, 4, 5]) });
  assertEquals(sum, NaN);
});

Deno.test("executor: a kernel error names the kernel", async () => {
  const { program, layout } = example();
  const broken: Program = {
    ...program,
    kernels: [
      { ...program.kernels[0], stores: [{ binding: 1, value: prim("shl", i32(1), i32(1)) }] } as Kernel,
    ],
    dispatches: program.dispatches.slice(0, 1),
  };
  const executor = createCpuExecutor();
  const state = await executor.createState(layout);
  const error = await assertRejects(() => executor.prepare(broken, state)) as Error;
  assertMatch(error.message, /^kernel update: /);
});
