/**
 * Single products on the device: `deno run -A bench/products.ts [--tilings] [OPERAND:LAYOUT:SIZE …]`, as in
 * `i8:NT:4096x4096x4096` or `f16:NN:384x256x64x256` with a batch in front. Prints what each takes and which kernel the
 * compiler chose; with `--tilings`, what every tiling of the matrix units would take as well.
 *
 * @module
 */
import type { DType } from "../compiler/core/dtype.ts";
import { openDevice } from "../runtime/device.ts";
import { renderMatmulOnMatrixUnits } from "../kernels/matmul_matrix.ts";
import { MATRIX_CANDIDATES } from "../kernels/matrix_speed.ts";
import { MATRIX_UNITS } from "../kernels/matrix_plan.ts";
import { type Product, type ProductTime, timeProduct } from "./product.ts";

/** The square products that have a rival's figure beside them, and attention's two. */
const USUAL = [
  "f16:NN:4096x4096x4096",
  "f16:TN:4096x4096x4096",
  "f16:NT:4096x4096x4096",
  "f16:TT:4096x4096x4096",
  "i8:NT:4096x4096x4096",
  "i8:NN:4096x4096x4096",
  "f16:NT:384x256x256x64",
  "f16:NN:384x256x64x256",
];

function parse(text: string): Product {
  const found = /^(f16|bf16|f32|i8|u8):([NT][NT]):(?:(\d+)x)?(\d+)x(\d+)x(\d+)$/.exec(text);
  if (!found) throw new Error(`${text} is no product; write one as i8:NT:4096x4096x4096`);
  const [, operand, layout, batch, m, n, k] = found;
  return {
    operand: operand as DType,
    layout: layout as Product["layout"],
    ...(batch ? { batch: Number(batch) } : {}),
    m: Number(m),
    n: Number(n),
    k: Number(k),
  };
}

function line(text: string, { microseconds, tflops, variants }: ProductTime): string {
  const rate = /^[iu]8/.test(text) ? "TOP/s" : "TFLOP/s";
  return `${text.padEnd(26)} ${microseconds.toFixed(1).padStart(9)} µs ${
    tflops.toPrecision(4).padStart(7)
  } ${rate}  ${variants.join(" + ")}`;
}

const tilings = Deno.args.includes("--tilings");
const asked = Deno.args.filter((a) => !a.startsWith("--"));
const device = await openDevice();
console.log(device.name);
for (const text of asked.length ? asked : USUAL) {
  const product = parse(text);
  console.log(line(text, await timeProduct(device, product)));
  const unit = MATRIX_UNITS[product.operand as keyof typeof MATRIX_UNITS];
  if (!tilings || !unit || !device.target.subgroupMatrix.some((s) => s.component === unit.component)) {
    continue;
  }
  for (const tile of MATRIX_CANDIDATES) {
    const render = (kernel: Parameters<typeof renderMatmulOnMatrixUnits>[0]) =>
      renderMatmulOnMatrixUnits(kernel, device.target, { ...tile, unit });
    console.log(line("", await timeProduct(device, product, render)));
  }
}
device.close();
