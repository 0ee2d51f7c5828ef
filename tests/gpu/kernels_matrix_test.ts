import type { DType } from "../../compiler/core/dtype.ts";
import { acc, coord, type Expr, f32, i32, prim } from "../../compiler/core/expr.ts";
import type { Kernel, MatmulKernel, Shader } from "../../compiler/core/kernel.ts";
import { type Target, TARGET_H100_DAWN, TARGET_H100_DENO } from "../../compiler/core/target.ts";
import { renderMatmulOnMatrixUnits } from "../../kernels/matmul_matrix.ts";
import { MATRIX_CANDIDATES } from "../../kernels/matrix_speed.ts";
import { MATRIX_UNITS, type MatrixPlan, type MatrixTile, matrixUnit } from "../../kernels/matrix_plan.ts";
import { renderKernel } from "../../kernels/render.ts";
import { binding, load, random, rounded } from "../../kernels/testing/build.ts";
import { evaluateKernel, getCode, pack, type Words } from "../../kernels/testing/evaluate_kernel.ts";
import { assert, assertEquals, assertStringIncludes, fail } from "../assert.ts";
import { testDevice } from "../support/devices.ts";
import { kernelTest } from "../support/kernel_test.ts";
import { runKernel } from "../support/run_kernel.ts";
import {
  type Contraction,
  randomContraction,
  showContraction,
  tryContraction,
} from "../support/contraction.ts";
import { emulateUnits } from "../support/emulate_units.ts";
import { tintError } from "./tint.ts";

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposed: number;
  readonly operand: DType;
  readonly batch?: number;
}

const CASES: readonly Case[] = [
  ...[0, 1, 2, 3].map((transposed): Case => ({ m: 128, n: 144, k: 72, transposed, operand: "f16" })),
  { m: 100, n: 72, k: 48, transposed: 0, operand: "f16" },
  { m: 65, n: 33, k: 7, transposed: 2, operand: "f16" },
  { m: 40, n: 50, k: 70, transposed: 1, operand: "f8e4m3" },
  ...[0, 1, 2, 3].map((transposed): Case => ({ m: 128, n: 144, k: 80, transposed, operand: "i8" })),
  { m: 100, n: 72, k: 48, transposed: 0, operand: "i8" },
  { m: 65, n: 33, k: 7, transposed: 2, operand: "i8" },
  { m: 64, n: 64, k: 64, transposed: 2, operand: "i8", batch: 3 },
  { m: 64, n: 80, k: 96, transposed: 1, operand: "u8", batch: 2 },
];

/** Every tiling, with the unit for a kernel's operands. */
function plansFor(kernel: MatmulKernel): MatrixPlan[] {
  return MATRIX_CANDIDATES.map((tile) => ({ ...tile, unit: matrixUnit(kernel, TARGET_H100_DAWN)! }));
}

/** With a prologue on one side, a guarded load on the other, and an epilogue that rounds and flags. */
function kernelOf({ m, n, k, transposed, operand, batch }: Case): MatmulKernel {
  const lead = batch ? [batch] : [];
  const bindings = [
    binding(operand, [...lead, ...(transposed & 1 ? [k, m] : [m, k])]),
    binding(operand, transposed & 2 ? [n, k] : [k, n]),
    binding("f32", [n]),
    binding("f16", [...lead, m, n], "write"),
    binding("f32", [...lead, m, n], "write"),
    binding("u32", [1], "read_write"),
  ];
  const at = lead.map((_, i) => coord(i)), rank = lead.length;
  const [cm, cn, ck] = [coord(rank), coord(rank + 1), coord(rank + 2)];
  const guard = prim("lt", ck, i32(Math.max(1, k - 8)));
  const plain = load(bindings, 0, [...at, ...(transposed & 1 ? [ck, cm] : [cm, ck])]);
  const number = (x: Expr) => x.kind === "f32" ? x : prim("to_f32", x);
  const guarded = load(bindings, 1, transposed & 2 ? [cn, ck] : [ck, cn], guard);
  const unit = operand === "i8" || operand === "u8" ? MATRIX_UNITS[operand] : MATRIX_UNITS.f16;
  const y = prim("add", number(acc(0, unit.result)), load(bindings, 2, [cn]));
  return {
    family: "matmul",
    name: `${m}x${n}x${k}_${transposed}`,
    bindings,
    batch: lead,
    m,
    n,
    k,
    a: plain,
    b: m === 100 ? prim("max", guarded, guarded.kind === "f32" ? f32(0) : i32(0)) : guarded,
    operand,
    stores: [{ binding: 3, value: rounded(y, "f16", true) }, { binding: 4, value: y }],
    flag: 5,
    fuses: [],
  };
}

Deno.test({
  name: "matrix units: guarded and converted operands are valid to Tint, with every tiling",
  // Dawn keeps its null backend.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    for (const kernel of CASES.map(kernelOf)) {
      for (const plan of plansFor(kernel)) {
        const { code, variant } = renderMatmulOnMatrixUnits(kernel, TARGET_H100_DAWN, plan);
        assertEquals(await tintError(code), null, `${variant}\n${code}`);
      }
    }
  },
});

Deno.test("matrix units: chosen where the product is large and a unit holds its operands", () => {
  const variant = (operand: DType, size: number, target = TARGET_H100_DAWN) => {
    // Floats that f16 does not hold are told from their dtype alone.
    const stored = operand === "f32" || operand === "bf16" ? "f16" : operand;
    const c = kernelOf({ m: size, n: size, k: size, transposed: 0, operand: stored });
    return renderKernel({ ...c, operand }, target).variant;
  };
  assertStringIncludes(variant("f16", 4096), "subgroup_matrix 16x16x16 f16, tile 128x128x32");
  assertStringIncludes(variant("f32", 4096), "tile 128x128x16, 8x8 an invocation");
  assertStringIncludes(variant("bf16", 4096), "an invocation");
  assertStringIncludes(variant("i8", 4096), "subgroup_matrix 16x16x32 i8, tile 128x128x64");
  assertStringIncludes(variant("u8", 4096), "subgroup_matrix 16x16x32 u8, tile 128x128x64");
  assertStringIncludes(variant("i8", 4096, TARGET_H100_DENO), "packed i8, tile 128x128x64");
});

/** Hardware is taken for a card with matrix units. */
const onHardware = testDevice().name === "hardware";
const isEmulated = (target: Target) => !onHardware && target.name !== "lavapipe-packed";

/** Whole multiples of `unit` to read, a pattern where something is to be written, and a flag that is down. */
function memoryFor(kernel: MatmulKernel, next: () => number, unit: number): Words[] {
  return kernel.bindings.map((b, i) => {
    const count = b.shape.reduce((x, y) => x * y, 1);
    if (i < 3) {
      return pack(Array.from({ length: count }, () => unit * (Math.floor(next() * 9) - 4)), b.shape, b.dtype);
    }
    const words = pack([], b.shape, b.dtype);
    return i === kernel.flag ? words : words.fill(0x5a5a5a5a);
  });
}

kernelTest("matrix units: products agree with the evaluator", async ({ device, target }) => {
  const next = random(41);
  for (const c of CASES) {
    const kernel = kernelOf(c);
    const memory = memoryFor(kernel, next, 1);
    const expected = evaluateKernel(kernel, memory);
    for (const plan of plansFor(kernel)) {
      const shader = renderMatmulOnMatrixUnits(kernel, target, plan);
      assertEquals(
        await runKernel(device, kernel, shader, memory),
        expected,
        `${kernel.name}: ${shader.variant}`,
      );
    }
  }
}, () => onHardware);

kernelTest("matrix units: what f16 cannot hold is saturated and flagged", async ({ device }) => {
  // Sums of about 60,000 either way, some beyond 65504, all exact.
  const kernel = kernelOf({ m: 40, n: 50, k: 72, transposed: 0, operand: "f16" });
  const memory = memoryFor(kernel, random(43), 32);
  const expected = evaluateKernel(kernel, memory);
  const codes = Array.from({ length: 40 * 50 }, (_, i) => getCode(expected[3], "f16", i));
  for (const largest of [0x7bff, 0xfbff]) assert(codes.filter((c) => c === largest).length > 100);
  assertEquals([...expected[kernel.flag!]], [1]);
  const tile = MATRIX_CANDIDATES.find((t) => t.subM * t.subN === 32 * 32)!;
  for (const narrowsToInfinity of [true, false]) {
    const on = { ...TARGET_H100_DAWN, quirks: { ...TARGET_H100_DAWN.quirks, narrowsToInfinity } };
    const shader = onUnits(kernel, tile, on)!;
    assertEquals(shader.code.includes("saturated_halves"), narrowsToInfinity);
    const code = onHardware ? shader.code : emulateUnits(shader.code, MATRIX_UNITS.f16);
    assertEquals(await runKernel(device, kernel, { ...shader, code }, memory), expected);
  }
}, (target) => onHardware || isEmulated(target));

/** How many random contractions, and their greatest extent; a software device takes most of its time to compile one. */
const TRIES = {
  hardware: { count: 50, most: 400 },
  // On either of two targets.
  lavapipe: { count: 25, most: 48 },
  swiftshader: { count: 8, most: 32 },
  cpu: { count: 0, most: 0 },
}[testDevice().name];

/** `MPT_TEST_SEED=N` repeats a run that failed. */
const SEED = Number(Deno.env.get("MPT_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 31));

kernelTest("contractions at random shapes agree with f64", async ({ device, target }) => {
  await eachRandom(TRIES, async (c, seed) => {
    const chosen = await tryOn(device, c, seed, (kernel) => renderKernel(kernel, target));
    if (chosen || !onHardware) return chosen;
    return await tryOn(
      device,
      c,
      seed,
      (kernel, tile) => onUnits(kernel, tile) ?? renderKernel(kernel, target),
    );
  });
});

kernelTest("matrix units, emulated: random contractions agree with f64", async ({ device, target }) => {
  // The smallest tiling: a software device takes ten seconds to compile the others.
  const tile = MATRIX_CANDIDATES.find((t) => t.subM * t.subN === 32 * 32)!;
  await eachRandom({ count: testDevice().name === "lavapipe" ? 8 : 3, most: 110 }, async (c, seed) => {
    return await tryOn(device, c, seed, (kernel) => {
      const shader = onUnits(kernel, tile);
      if (!shader || kernel.family !== "matmul") return renderKernel(kernel, target);
      return { ...shader, code: emulateUnits(shader.code, matrixUnit(kernel, TARGET_H100_DAWN)!) };
    });
  });
}, isEmulated);

/** Random contractions, each with a seed for its values, until one is wrong. */
async function eachRandom(
  { count, most }: typeof TRIES,
  check: (c: Contraction, seed: number) => Promise<string | null>,
): Promise<void> {
  const next = random(SEED);
  for (let i = 0; i < count; i++) {
    const c = randomContraction(next, most);
    const wrong = await check(c, Math.floor(next() * 2 ** 31));
    if (wrong) fail(`number ${i} of MPT_TEST_SEED=${SEED}, ${showContraction(c)}: ${wrong}`);
  }
}

/** Runs one with the shaders given; tilings take turns by its seed. */
async function tryOn(
  device: GPUDevice,
  c: Contraction,
  seed: number,
  render: (kernel: Kernel, tile: MatrixTile) => Shader,
): Promise<string | null> {
  const variants: string[] = [];
  const wrong = await tryContraction(c, random(seed), async (kernel, memory) => {
    const shader = render(kernel, MATRIX_CANDIDATES[seed % MATRIX_CANDIDATES.length]);
    variants.push(shader.variant);
    return await runKernel(device, kernel, shader, memory);
  });
  return wrong && `by ${variants.join("; ")}: ${wrong}`;
}

/** A contraction as the H100's matrix units make it; undefined for another kernel. */
function onUnits(kernel: Kernel, tile: MatrixTile, target = TARGET_H100_DAWN): Shader | undefined {
  const unit = kernel.family === "matmul" ? matrixUnit(kernel, TARGET_H100_DAWN) : undefined;
  if (!unit || kernel.family !== "matmul") return undefined;
  return renderMatmulOnMatrixUnits(kernel, target, { ...tile, unit });
}
