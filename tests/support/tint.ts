/**
 * Checks shaders with Dawn's own compiler on a device that has every feature and runs nothing: what no machine here can
 * run can still be validated.
 *
 * @module
 */

// The instance must stay reachable as long as anything made from it.
let instance: GPU | undefined;
let device: Promise<GPUDevice> | undefined;

async function open(): Promise<GPUDevice> {
  const webgpu = await import("webgpu");
  Object.assign(globalThis, webgpu.globals);
  instance = webgpu.create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = await instance.requestAdapter();
  if (!adapter) throw new Error("Dawn offers no null adapter");
  return await adapter.requestDevice({
    requiredFeatures: [...adapter.features].filter((f) => /f16|subgroup/.test(f)) as GPUFeatureName[],
  });
}

/** @returns what Dawn's compiler has against the shader; undefined if it accepts it */
export async function tintError(code: string): Promise<string | undefined> {
  const d = await (device ??= open());
  // The null device's own limits are the least that WebGPU allows: no pipeline is made.
  d.pushErrorScope("validation");
  d.createShaderModule({ code });
  return (await d.popErrorScope())?.message;
}
