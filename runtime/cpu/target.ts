import type { Target } from "../../compiler/core/target.ts";

/** The CPU executor as a compiler sees it: no device limits worth planning for, no matrix units. */
export const TARGET_CPU: Target = {
  name: "cpu",
  provider: "cpu",
  f16: true,
  subgroups: null,
  subgroupMatrix: [],
  limits: {
    maxStorageBuffersPerShaderStage: 1024,
    maxComputeWorkgroupSizeX: 1024,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupStorageSize: 32768,
    maxComputeWorkgroupsPerDimension: 65535,
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxBufferSize: 2 ** 31 - 4,
    minStorageBufferOffsetAlignment: 256,
  },
  quirks: { unrollPrivateArrays: false },
};
