import type { SubgroupMatrixShape } from "../../compiler/core/target.ts";

/** Where WebGPU comes from: npm `webgpu` (Dawn), Deno's own (wgpu), or a page's `navigator.gpu`. */
export type ProviderName = "dawn" | "deno" | "browser";

/** What an adapter says about itself, as plain data. */
export interface AdapterReport {
  readonly provider: ProviderName;
  /** One readable line: "NVIDIA H100 80GB HBM3", "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly description: string;
  readonly vendor: string;
  readonly architecture: string;
  /** Runs on the CPU, in the lanes of its vectors. */
  readonly software: boolean;
  readonly features: readonly string[];
  /** Every limit by its WebGPU name. */
  readonly limits: Readonly<Record<string, number>>;
  readonly subgroups: { readonly min: number; readonly max: number } | null;
  /** Claimed, not yet tested. */
  readonly subgroupMatrix: readonly SubgroupMatrixShape[];
}

export type Probe =
  | { readonly ok: true; readonly adapter: AdapterReport }
  /** `reason` is one sentence without a full stop that says what to do where something can be done. */
  | { readonly ok: false; readonly reason: string };

/** An open GPUDevice and the adapter it came from. */
export interface DeviceHandle {
  readonly provider: ProviderName;
  readonly adapter: AdapterReport;
  readonly gpu: GPUDevice;
  /**
   * Waits for a promise of this device. A provider that polls from the event loop keeps its polls apart meanwhile;
   * a promise awaited directly resolves as well, but burns a core.
   */
  wait<T>(promise: Promise<T>): Promise<T>;
  /** Releases the device. Call it when no work is queued. */
  close(): void;
}

export interface Provider {
  readonly name: ProviderName;
  /** Asks for an adapter; never throws. */
  probe(): Promise<Probe>;
  /** Opens the probed adapter with its own limits and every useful feature. Throws an Error with a plain message. */
  open(): Promise<DeviceHandle>;
}

/** Features that kernels or the profiler use, in WebGPU's and Dawn's names. */
const USEFUL_FEATURES = [
  "shader-f16",
  "subgroups",
  "subgroup-size-control",
  "chromium-experimental-subgroup-matrix",
  "timestamp-query",
];

/** Limits requested at the adapter's own value; the others stay at WebGPU's defaults. */
const USEFUL_LIMITS = [
  "maxBindingsPerBindGroup",
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxUniformBufferBindingSize",
  "minStorageBufferOffsetAlignment",
  "minUniformBufferOffsetAlignment",
] as const;

/** Fields of GPUAdapterInfo that not every typing or implementation knows. */
interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: readonly {
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }[];
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|microsoft basic render|\bwarp\b/i;

/** Reads an adapter into plain data. */
export function reportOf(adapter: GPUAdapter, provider: ProviderName): AdapterReport {
  const info = adapter.info as unknown as AdapterInfo;
  const features = [...adapter.features] as string[];
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = (adapter.limits as unknown as Record<string, unknown>)[name];
    if (typeof value === "number") limits[name] = value;
  }
  const description = info.description || [info.vendor, info.architecture || info.device].join(" ").trim();
  const subgroups = features.includes("subgroups") && info.subgroupMaxSize
    ? { min: info.subgroupMinSize ?? info.subgroupMaxSize, max: info.subgroupMaxSize }
    : null;
  return {
    provider,
    description: description || "unnamed adapter",
    vendor: info.vendor,
    architecture: info.architecture,
    software: info.isFallbackAdapter === true || SOFTWARE.test(`${description} ${info.architecture}`),
    features,
    limits,
    subgroups,
    subgroupMatrix: features.includes("chromium-experimental-subgroup-matrix")
      ? (info.subgroupMatrixConfigs ?? []).flatMap(matrixShape)
      : [],
  };
}

function matrixShape(
  c: NonNullable<AdapterInfo["subgroupMatrixConfigs"]>[number],
): SubgroupMatrixShape[] {
  const component = ["f16", "f32", "i8", "u8"].find((t) => t === c.componentType);
  const result = ["f16", "f32", "i32", "u32"].find((t) => t === c.resultComponentType);
  if (!component || !result) return [];
  return [{ component, result, M: c.M, N: c.N, K: c.K } as SubgroupMatrixShape];
}

/** Opens a device on `adapter` with its own limits and every useful feature it has. */
export async function requestDevice(adapter: GPUAdapter, report: AdapterReport): Promise<GPUDevice> {
  const requiredFeatures = USEFUL_FEATURES.filter((f) => report.features.includes(f)) as GPUFeatureName[];
  const requiredLimits: Record<string, number> = {};
  for (const name of USEFUL_LIMITS) {
    if (report.limits[name] !== undefined) requiredLimits[name] = report.limits[name];
  }
  return await adapter.requestDevice({ label: "mpt", requiredFeatures, requiredLimits });
}
