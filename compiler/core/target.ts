/** What a compiler needs to know of a device: every variant can be compiled on a machine that has no such device. */
export interface Target {
  readonly name: string;
  readonly provider: "dawn" | "deno" | "browser" | "cpu";
  /** `enable f16` works and passed the self-test; otherwise f16 lives packed in u32 words. */
  readonly f16: boolean;
  readonly subgroups: { readonly min: number; readonly max: number } | null;
  readonly subgroupMatrix: readonly SubgroupMatrixShape[];
  readonly limits: TargetLimits;
  readonly quirks: TargetQuirks;
}

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
}
