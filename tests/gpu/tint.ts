/**
 * Checks WGSL with Tint on a machine without any GPU: Dawn's null backend has no driver but every feature, native f16
 * and subgroup matrices among them. It checks shaders, not pipelines: limits are not looked at, nothing runs.
 */
let opened: Promise<GPUDevice> | undefined;

async function open(): Promise<GPUDevice> {
  const { create } = await import("webgpu");
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]) as unknown as GPU;
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("Dawn has no null backend here");
  const requiredFeatures = [...adapter.features].filter((f) => /f16|subgroup/.test(f)) as GPUFeatureName[];
  const device = await adapter.requestDevice({ requiredFeatures });
  // Dawn's instance must stay reachable as long as anything made from it.
  (device as { instance?: GPU }).instance = gpu;
  return device;
}

/** What Tint says against a shader, with the line it means; null where the shader is valid. */
export async function tintError(code: string): Promise<string | null> {
  const device = await (opened ??= open());
  device.pushErrorScope("validation");
  device.createShaderModule({ code });
  return (await device.popErrorScope())?.message ?? null;
}
