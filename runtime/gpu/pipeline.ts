import type { Kernel } from "../../compiler/core/kernel.ts";
import { COMPUTE_STAGE } from "./usage.ts";

/** A compiled kernel and the layout its bind groups are made with. */
export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Pipelines of one device. A shader is compiled once, whichever Programs use it. */
export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #groups = new Map<string, GPUBindGroupLayout>();
  readonly #compiled = new Map<string, Promise<CompiledKernel>>();

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** Throws an Error that names the kernel and says what its shader's compiler said. */
  compile(kernel: Kernel): Promise<CompiledKernel> {
    const { shader } = kernel;
    if (!shader) {
      throw new Error(
        `kernel ${kernel.name} has no shader: its Program was compiled for the CPU, not for this device`,
      );
    }
    // `var<storage, read>` needs a read-only binding and the others a writable one; the code is the rest of the key.
    const access = kernel.bindings.map((b) => b.access === "read" ? "r" : "w").join("");
    const key = `${access}:${shader.code}`;
    let compiled = this.#compiled.get(key);
    if (!compiled) {
      const group = this.#group(access);
      // A pipeline layout of its own for each: where two pipelines share one, wgpu (gfx-rs/wgpu#7359) checks the sizes of the
      // second one's buffers against the first one's shader.
      const layout = this.#gpu.createPipelineLayout({ label: access, bindGroupLayouts: [group] });
      compiled = compileShader(this.#gpu, kernel.name, shader.code, layout).then(
        (pipeline) => ({ pipeline, layout: group }),
        (error) => {
          this.#compiled.delete(key);
          throw new Error(
            `the shader of kernel ${kernel.name} (${shader.variant}) does not compile: ${messageOf(error)}`,
          );
        },
      );
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }

  /** Layouts are explicit: an automatic one leaves out bindings that a shader happens not to use. */
  #group(access: string): GPUBindGroupLayout {
    let group = this.#groups.get(access);
    if (!group) {
      group = this.#gpu.createBindGroupLayout({
        label: access,
        entries: [...access].map((a, binding) => ({
          binding,
          visibility: COMPUTE_STAGE,
          buffer: { type: a === "r" ? "read-only-storage" : "storage" },
        })),
      });
      this.#groups.set(access, group);
    }
    return group;
  }
}

/** Compiles one compute shader. Throws an Error whose message is the compiler's own. */
export async function compileShader(
  gpu: GPUDevice,
  label: string,
  code: string,
  layout: GPUPipelineLayout,
): Promise<GPUComputePipeline> {
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ label, code });
  const fault = gpu.popErrorScope();
  // Started before the fault is known, so that many shaders compile at once.
  const pipeline = gpu.createComputePipelineAsync({
    label,
    layout,
    compute: { module, entryPoint: "main" },
  });
  const [shader, result] = await Promise.allSettled([fault, pipeline]);
  if (shader.status === "fulfilled" && shader.value) throw new Error(shader.value.message.trim());
  if (result.status === "rejected") throw new Error(messageOf(result.reason));
  return result.value;
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}
