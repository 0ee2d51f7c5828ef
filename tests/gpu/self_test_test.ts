import { TARGET_H100_DAWN, TARGET_LAVAPIPE } from "../../compiler/core/target.ts";
import {
  matrixExperiment,
  memoryExperiment,
  subgroupExperiment,
  testedShapes,
} from "../../runtime/self_test/machine.ts";
import { bitsExperiment, f16Experiment, overflowExperiment } from "../../runtime/self_test/numbers.ts";
import type { Experiment } from "../../runtime/self_test/check.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { tintError } from "./tint.ts";

const shapes = testedShapes([
  ...TARGET_H100_DAWN.subgroupMatrix,
  { component: "f16", result: "f32", M: 16, N: 8, K: 8 },
  { component: "f32", result: "f32", M: 8, N: 8, K: 8 },
]);

const experiments: Experiment[] = [
  bitsExperiment(TARGET_LAVAPIPE),
  overflowExperiment(),
  memoryExperiment(),
  f16Experiment(),
  subgroupExperiment({ min: 4, max: 64 }),
  ...shapes.map((shape) => matrixExperiment(shape, 32)),
];

Deno.test("self-test: the shapes tested are the largest of each type, with results wide enough", () => {
  assertEquals(shapes.map(({ component, result, M, N, K }) => `${component} ${result} ${M} ${N} ${K}`), [
    "f16 f32 16 16 16",
    "i8 i32 16 16 32",
    "u8 u32 16 16 32",
    "f32 f32 8 8 8",
  ]);
  assertEquals(
    testedShapes([{ component: "i8", result: "i32", M: 16, N: 8, K: 32 }]),
    [],
    "rows under 16 bytes",
  );
});

for (const experiment of experiments) {
  Deno.test(`self-test: the shader of ${experiment.name} is valid, and silence is no success`, async () => {
    assertEquals(await tintError(experiment.code), null);
    // A device that wrote nothing, or nonsense, must not pass.
    for (const fill of [0, 0x3c003c00]) {
      const findings = experiment.judge(new Uint32Array(experiment.outputWords).fill(fill));
      assert(findings.some((f) => !f.ok && f.remedy.kind !== "note"), `${experiment.name} with ${fill}`);
    }
  });
}

Deno.test("self-test: operands that are swapped do not pass as a matrix product", async () => {
  const [, i8] = shapes;
  const { code } = matrixExperiment(i8, 32);
  const swapped = code.replaceAll("subgroup_matrix_left<i8, 32, 16>", "subgroup_matrix_left<i8, 16, 32>");
  assertStringIncludes(await tintError(swapped) ?? "", "subgroupMatrixMultiplyAccumulate");
});
