import { existsSync, readdirSync } from "node:fs";
import { isGranted, platform, readEnv } from "../environment.ts";

/** Device nodes of GPUs on Linux: Mesa and AMD, NVIDIA, WSL, Mali, Adreno, Tegra, PowerVR. */
const GPU_NODES = /^(dri|nvidia\d+|dxg|mali\d*|kgsl.*|nvmap|pvr.*|kfd)$/;

/**
 * Why this Linux has no GPU that Vulkan could reach, or undefined where it may have one. Asked before a provider is
 * tried unasked, because Dawn and wgpu print the Vulkan loader's complaints to stderr by themselves. A driver named in
 * the environment is tried whatever stands in /dev.
 */
export function missingHardware(): string | undefined {
  if (platform() !== "linux" || !isGranted("read")) return undefined;
  const listed = readEnv("VK_DRIVER_FILES") ?? readEnv("VK_ICD_FILENAMES");
  if (listed) {
    if (listed.split(":").some((file) => existsSync(file))) return undefined;
    return `VK_DRIVER_FILES or VK_ICD_FILENAMES names no file that exists: ${listed}`;
  }
  try {
    if (!readdirSync("/dev").some((node) => GPU_NODES.test(node))) {
      return "this machine has no GPU device in /dev";
    }
  } catch {
    return undefined;
  }
  if (manifestFolders().some((folder) => existsSync(folder) && readdirSync(folder).length > 0)) {
    return undefined;
  }
  return `no Vulkan driver is installed (looked for manifests in ${manifestFolders().join(", ")})`;
}

function manifestFolders(): string[] {
  const home = readEnv("HOME");
  const data = (readEnv("XDG_DATA_DIRS") ?? "/usr/local/share:/usr/share").split(":");
  const roots = [...data, "/etc", "/run/opengl-driver/share", ...(home ? [`${home}/.local/share`] : [])];
  return roots.filter((root) => root !== "").map((root) => `${root}/vulkan/icd.d`);
}
