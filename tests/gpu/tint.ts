import { openNull } from "../../bench/host.ts";

/**
 * Checks WGSL with Tint on a machine without any GPU: Dawn's null backend has no driver but every feature, native f16
 * and subgroup matrices among them. It checks shaders, not pipelines: limits are not looked at, nothing runs.
 */
let opened: Promise<GPUDevice> | undefined;

/** What Tint says against a shader, with the line it means; null where the shader is valid. */
export async function tintError(code: string): Promise<string | null> {
  const device = await (opened ??= openNull().then(({ handle }) => handle.gpu));
  device.pushErrorScope("validation");
  device.createShaderModule({ code });
  return (await device.popErrorScope())?.message ?? null;
}
