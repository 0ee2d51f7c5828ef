/** What a compiler needs to know of a device: every variant can be compiled on a machine that has no such device. */
export interface Target {
  readonly name: string;
  readonly provider: "dawn" | "deno" | "browser" | "cpu";
  readonly processor: Processor;
  /** `enable f16` works and passed the self-test; otherwise f16 lives packed in u32 words. */
  readonly f16: boolean;
  readonly subgroups: { readonly min: number; readonly max: number } | null;
  readonly subgroupMatrix: readonly SubgroupMatrixShape[];
  readonly limits: TargetLimits;
  readonly quirks: TargetQuirks;
}

/**
 * What runs a kernel's invocations. A GPU has many cores, each of which hides the latency of memory behind many workgroups
 * and serves the loads of neighbours together. A CPU has few: neighbouring invocations are lanes of its vector
 * instructions, arithmetic is done for all of them at once, but a load or a store is a loop over them.
 */
export type Processor = "gpu" | "cpu";

export interface SubgroupMatrixShape {
  readonly component: "f16" | "f32" | "i8" | "u8";
  readonly result: "f16" | "f32" | "i32" | "u32";
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

export interface TargetLimits {
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
  readonly minStorageBufferOffsetAlignment: number;
}

export interface TargetQuirks {
  /** wgpu keeps indexed private arrays in memory: accumulators must be named scalars, unrolled. */
  readonly unrollPrivateArrays: boolean;
  /** bitcast turns a u32 into a vec2<f16>; naga's does not. */
  readonly bitcastHalves: boolean;
  /** unpack2x16float gives every value as it is, subnormals too, and is quicker than bit operations. */
  readonly exactUnpack: boolean;
  /** f16(x) of what f16 cannot hold is an infinity or its largest value: two halves can be saturated in their word. */
  readonly narrowsToInfinity: boolean;
}

const NAGA: TargetQuirks = {
  unrollPrivateArrays: true,
  bitcastHalves: false,
  exactUnpack: false,
  narrowsToInfinity: true,
};
const TINT: TargetQuirks = { ...NAGA, unrollPrivateArrays: false, bitcastHalves: true };

/** The CPU executor: no device limits worth planning for, no matrix units. */
export const TARGET_CPU: Target = {
  name: "cpu",
  provider: "cpu",
  processor: "cpu",
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
  quirks: TINT,
};

/** Mesa's software Vulkan under Deno's own WebGPU: native f16, no subgroups. */
export const TARGET_LAVAPIPE: Target = {
  name: "lavapipe",
  provider: "deno",
  processor: "cpu",
  f16: true,
  subgroups: null,
  subgroupMatrix: [],
  limits: {
    maxStorageBuffersPerShaderStage: 32,
    maxComputeWorkgroupSizeX: 1024,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupStorageSize: 32768,
    maxComputeWorkgroupsPerDimension: 65535,
    maxStorageBufferBindingSize: 134217728,
    maxBufferSize: 2147483647,
    minStorageBufferOffsetAlignment: 32,
  },
  quirks: { ...NAGA, exactUnpack: true },
};

/** Google's software Vulkan under Dawn: packed f16, subgroups of 4. */
export const TARGET_SWIFTSHADER: Target = {
  name: "swiftshader",
  provider: "dawn",
  processor: "cpu",
  f16: false,
  subgroups: { min: 4, max: 4 },
  subgroupMatrix: [],
  limits: {
    maxStorageBuffersPerShaderStage: 12,
    maxComputeWorkgroupSizeX: 256,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 32768,
    maxComputeWorkgroupsPerDimension: 65535,
    maxStorageBufferBindingSize: 1073741824,
    maxBufferSize: 1073741824,
    minStorageBufferOffsetAlignment: 256,
  },
  quirks: { ...TINT, exactUnpack: true },
};

const H100_LIMITS: TargetLimits = {
  maxStorageBuffersPerShaderStage: 16,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupStorageSize: 49152,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 2147483644,
  maxBufferSize: 2147483644,
  minStorageBufferOffsetAlignment: 16,
};

/** An NVIDIA H100 under Dawn: native f16, subgroups of 32 and matrix units. */
export const TARGET_H100_DAWN: Target = {
  name: "h100-dawn",
  provider: "dawn",
  processor: "gpu",
  f16: true,
  subgroups: { min: 32, max: 32 },
  subgroupMatrix: [
    { component: "f16", result: "f32", M: 16, N: 16, K: 16 },
    { component: "f16", result: "f16", M: 16, N: 16, K: 16 },
    { component: "i8", result: "i32", M: 16, N: 16, K: 32 },
    { component: "u8", result: "u32", M: 16, N: 16, K: 32 },
  ],
  limits: H100_LIMITS,
  quirks: TINT,
};

/** The same card under Deno's own WebGPU: native f16, nothing else. */
export const TARGET_H100_DENO: Target = {
  name: "h100-deno",
  provider: "deno",
  processor: "gpu",
  f16: true,
  subgroups: null,
  subgroupMatrix: [],
  limits: { ...H100_LIMITS, maxStorageBuffersPerShaderStage: 32, minStorageBufferOffsetAlignment: 32 },
  quirks: NAGA,
};

/** By name, for a command line. */
export const TARGETS: Readonly<Record<string, Target>> = Object.fromEntries(
  [TARGET_CPU, TARGET_LAVAPIPE, TARGET_SWIFTSHADER, TARGET_H100_DAWN, TARGET_H100_DENO].map((
    t,
  ) => [t.name, t]),
);
