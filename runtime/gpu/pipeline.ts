import type { DeviceHandle } from "../providers/provider.ts";

/**
 * Compiles one compute shader with an explicit layout. Throws an Error whose message is the compiler's own, with the
 * line of WGSL it points at.
 */
export async function compileShader(
  handle: Pick<DeviceHandle, "gpu" | "wait">,
  label: string,
  code: string,
  layout: GPUPipelineLayout,
): Promise<GPUComputePipeline> {
  const { gpu } = handle;
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ label, code });
  const fault = handle.wait(gpu.popErrorScope());
  // Started before the fault is known, so that many shaders compile at once.
  const pipeline = handle.wait(
    gpu.createComputePipelineAsync({ label, layout, compute: { module, entryPoint: "main" } }),
  );
  const [shader, result] = await Promise.allSettled([fault, pipeline]);
  if (shader.status === "fulfilled" && shader.value) throw new Error(shader.value.message.trim());
  if (result.status === "rejected") throw new Error(messageOf(result.reason));
  return result.value;
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}
