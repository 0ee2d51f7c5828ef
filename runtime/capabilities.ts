import type { Target, TargetLimits } from "../compiler/core/target.ts";
import type { AdapterReport } from "./providers/provider.ts";

/** WebGPU's guaranteed limits, for a limit that an adapter does not report. */
const DEFAULT_LIMITS: TargetLimits = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupSizeX: 256,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 134217728,
  maxBufferSize: 268435456,
  minStorageBufferOffsetAlignment: 256,
};

/** What an adapter claims, as a Target. The self-test then takes away what does not hold. */
export function targetOf(adapter: AdapterReport): Target {
  const limits: { -readonly [K in keyof TargetLimits]: number } = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(limits) as (keyof TargetLimits)[]) {
    limits[name] = adapter.limits[name] ?? limits[name];
  }
  return {
    name: `${adapter.description} (${adapter.provider})`,
    provider: adapter.provider,
    processor: adapter.software ? "cpu" : "gpu",
    f16: adapter.features.includes("shader-f16"),
    subgroups: adapter.subgroups,
    subgroupMatrix: adapter.subgroups ? adapter.subgroupMatrix : [],
    limits,
    quirks: {
      unrollPrivateArrays: adapter.provider === "deno",
      bitcastHalves: adapter.provider === "dawn",
      exactUnpack: adapter.software,
      narrowsToInfinity: true,
    },
  };
}
