import type { Target } from "../../compiler/core/target.ts";
import { compileShader, messageOf } from "../gpu/pipeline.ts";
import { COMPUTE_STAGE, MapMode, Usage } from "../gpu/usage.ts";
import type { Check, Experiment, Finding } from "./check.ts";
import { matrixExperiment, memoryExperiment, subgroupExperiment, testedShapes } from "./machine.ts";
import { bitsExperiment, f16Experiment, overflowExperiment } from "./numbers.ts";

export type { Check } from "./check.ts";

export interface SelfTest {
  readonly checks: readonly Check[];
  /** The target with what failed taken away. */
  readonly target: Target;
  /** Why the device must not be used: one sentence without a full stop. */
  readonly refusal?: string;
  readonly milliseconds: number;
}

/**
 * Runs small kernels on a device and compares what they wrote with the truth, because the WebGPU specification promises
 * little of what mixed precision rests on. One submit and one readback; shaders compile in parallel.
 */
export async function selfTest(gpu: GPUDevice, claimed: Target): Promise<SelfTest> {
  const start = performance.now();
  const shapes = testedShapes(claimed.subgroupMatrix);
  // What was not tested is not offered.
  let target: Target = { ...claimed, subgroupMatrix: shapes };
  const experiments = experimentsFor(target);
  const findings = await perform(gpu, experiments);
  const checks: Check[] = [];
  let refusal: string | undefined;
  for (const { check, ok, detail, remedy } of findings) {
    if (ok || remedy.kind === "note") {
      checks.push({ check, ok: true, detail: ok ? detail : `${detail}; no kernel rests on it` });
    } else if (remedy.kind === "refuse") {
      checks.push({ check, ok, detail });
      refusal ??= `the device fails the check "${check}": ${detail}`;
    } else {
      target = remedy.change(target);
      checks.push({ check, ok, detail: `${detail}; ${remedy.how}` });
    }
  }
  return { checks, target, refusal, milliseconds: performance.now() - start };
}

function experimentsFor(target: Target): Experiment[] {
  const list = [bitsExperiment(target), overflowExperiment(), memoryExperiment()];
  if (target.f16) list.push(f16Experiment());
  if (target.subgroups) list.push(subgroupExperiment(target.subgroups));
  for (const shape of target.subgroupMatrix) list.push(matrixExperiment(shape, target.subgroups!.max));
  return list;
}

/** Byte ranges start at multiples of 256, the largest alignment that WebGPU may ask for. */
const align = (bytes: number) => Math.ceil(bytes / 256) * 256;

async function perform(gpu: GPUDevice, experiments: readonly Experiment[]): Promise<Finding[]> {
  const layout = gpu.createBindGroupLayout({
    entries: (["read-only-storage", "storage"] as const).map((type, binding) => ({
      binding,
      visibility: COMPUTE_STAGE,
      buffer: { type },
    })),
  });
  const pipelineLayout = gpu.createPipelineLayout({ bindGroupLayouts: [layout] });
  const compiled = await Promise.all(experiments.map(async (experiment) => {
    try {
      return {
        experiment,
        pipeline: await compileShader(gpu, experiment.name, experiment.code, pipelineLayout),
      };
    } catch (error) {
      return { experiment, failure: messageOf(error).split("\n")[0] };
    }
  }));

  const places = experiments.map(() => ({ input: 0, output: 0 }));
  let inputBytes = 0;
  let outputBytes = 0;
  experiments.forEach((e, i) => {
    places[i] = { input: inputBytes, output: outputBytes };
    inputBytes += align(e.input.byteLength);
    outputBytes += align(4 * e.outputWords);
  });
  const buffer = (size: number, usage: number) => gpu.createBuffer({ label: "self-test", size, usage });
  const input = buffer(inputBytes, Usage.STORAGE | Usage.COPY_DST);
  const output = buffer(outputBytes, Usage.STORAGE | Usage.COPY_SRC);
  const readback = buffer(outputBytes, Usage.MAP_READ | Usage.COPY_DST);
  experiments.forEach((e, i) => gpu.queue.writeBuffer(input, places[i].input, e.input as BufferSource));

  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  compiled.forEach(({ experiment, pipeline }, i) => {
    if (!pipeline) return;
    const range = (b: GPUBuffer, offset: number, size: number) => ({ buffer: b, offset, size });
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      gpu.createBindGroup({
        layout,
        entries: [
          { binding: 0, resource: range(input, places[i].input, experiment.input.byteLength) },
          { binding: 1, resource: range(output, places[i].output, 4 * experiment.outputWords) },
        ],
      }),
    );
    pass.dispatchWorkgroups(experiment.workgroups);
  });
  pass.end();
  encoder.copyBufferToBuffer(output, 0, readback, 0, outputBytes);
  gpu.queue.submit([encoder.finish()]);
  await readback.mapAsync(MapMode.READ);
  const words = new Uint32Array(readback.getMappedRange().slice(0));
  readback.unmap();
  for (const b of [input, output, readback]) b.destroy();

  return compiled.flatMap(({ experiment, failure }, i): Finding[] => {
    const from = places[i].output / 4;
    return failure === undefined ? experiment.judge(words.slice(from, from + experiment.outputWords)) : [{
      check: experiment.name,
      ok: false,
      detail: `its shader does not compile: ${failure}`,
      remedy: experiment.remedy,
    }];
  });
}
