import { createHash } from "node:crypto";
import {
  TARGET_H100_DAWN,
  TARGET_H100_DENO,
  TARGET_LAVAPIPE,
  TARGET_SWIFTSHADER,
} from "../../compiler/core/target.ts";
import { renderMatmulOnMatrixUnits } from "../../kernels/matmul_matrix.ts";
import { MATRIX_CANDIDATES } from "../../kernels/matrix_speed.ts";
import { MATRIX_UNITS } from "../../kernels/matrix_plan.ts";
import { renderKernel } from "../../kernels/render.ts";
import { assertEquals } from "../assert.ts";
import { golden } from "../golden.ts";
import { type Contraction, kernelsOf, showContraction } from "../support/contraction.ts";
import { tintError } from "./tint.ts";

/**
 * Every rendering of a contraction, on a machine that need not have what it is for. After an intended change:
 *
 *     MPT_UPDATE_GOLDENS=1 deno test -A tests/gpu/kernels_matrix_golden_test.ts
 */

const LAYOUTS = ["NN", "TN", "NT", "TT"] as const;
const OPERANDS = ["f16", "i8", "u8"] as const;
const BASE = {
  m: 160,
  n: 144,
  k: 192,
  batch: [],
  shared: false,
  cast: false,
  epilogue: false,
  scale: 0.5,
  parts: 1,
};

/** What may be added to a product, alone and all together; ragged edges too. */
const FORMS: readonly Partial<Contraction>[] = [
  {},
  { batch: [3] },
  { batch: [3], shared: true },
  { parts: 2 },
  { cast: true },
  { epilogue: true },
  { m: 33, n: 70, k: 45 },
  { m: 33, n: 70, k: 90, batch: [2, 3], parts: 2, cast: true, epilogue: true },
];

const VARIANTS: readonly Contraction[] = OPERANDS.flatMap((operand) =>
  LAYOUTS.flatMap((layout) => FORMS.map((form): Contraction => ({ ...BASE, operand, layout, ...form })))
);

function matrixShader(c: Contraction, tiling: number) {
  const [kernel] = kernelsOf(c);
  if (kernel.family !== "matmul") throw new Error("a contraction is a matmul");
  const tile = MATRIX_CANDIDATES[tiling % MATRIX_CANDIDATES.length];
  return renderMatmulOnMatrixUnits(kernel, TARGET_H100_DAWN, { ...tile, unit: MATRIX_UNITS[c.operand] });
}

const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);

Deno.test("golden: contractions on matrix units, of f16 and of bytes", () => {
  const plain: Contraction = { ...BASE, operand: "f16", layout: "NN" };
  golden("matrix/f16_nn_epilogue.wgsl", matrixShader({ ...plain, epilogue: true }, 0).code);
  golden(
    "matrix/i8_nt_batch.wgsl",
    matrixShader({ ...plain, operand: "i8", layout: "NT", batch: [3] }, 2).code,
  );
  golden(
    "matrix/u8_plain_swiftshader.wgsl",
    renderKernel(kernelsOf({ ...plain, operand: "u8" })[0], TARGET_H100_DENO).code,
  );
});

Deno.test("golden: every variant of the contraction on matrix units, by the hash of its WGSL", () => {
  const lines = VARIANTS.map((c, i) => {
    const { code, variant, workgroups } = matrixShader(c, i);
    return `${digest(code)} ${showContraction(c)}: ${variant}, grid ${workgroups.join("×")}`;
  });
  assertEquals(new Set(lines.map((l) => l.slice(0, 12))).size, lines.length, "no two variants are the same");
  golden("matrix/variants.txt", lines.join("\n"));
});

Deno.test({
  name: "matrix units: every variant of the contraction is valid to Tint, and plain ones for every target",
  // Dawn keeps its null backend.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    for (const [i, c] of VARIANTS.entries()) {
      const { code, variant } = matrixShader(c, i);
      assertEquals(await tintError(code), null, `${variant}\n${code}`);
      const target = {
        ...[TARGET_LAVAPIPE, TARGET_SWIFTSHADER, TARGET_H100_DAWN][i % 3],
        subgroupMatrix: [],
      };
      const plain = renderKernel(kernelsOf(c)[0], target);
      assertEquals(await tintError(plain.code), null, `${plain.variant}\n${plain.code}`);
    }
  },
});
