import { assertEquals } from "../../tests/assert.ts";
import { targetOf } from "../capabilities.ts";
import { reportOf, requestDevice } from "./provider.ts";

/** An H100 as Dawn shows it, without the card. */
function h100(): GPUAdapter & { requested?: GPUDeviceDescriptor } {
  const config = (componentType: string, resultComponentType: string, K: number) => ({
    componentType,
    resultComponentType,
    M: 16,
    N: 16,
    K,
  });
  return {
    info: {
      vendor: "nvidia",
      architecture: "hopper",
      device: "",
      description: "NVIDIA H100 80GB HBM3",
      isFallbackAdapter: false,
      subgroupMinSize: 32,
      subgroupMaxSize: 32,
      subgroupMatrixConfigs: [config("f16", "f32", 16), config("i8", "i32", 32), config("f64", "f64", 4)],
    },
    features: new Set([
      "shader-f16",
      "subgroups",
      "chromium-experimental-subgroup-matrix",
      "depth-clip-control",
    ]),
    limits: {
      maxBufferSize: 2 ** 31 - 4,
      maxComputeInvocationsPerWorkgroup: 1024,
      maxTextureDimension1D: 16384,
    },
    requestDevice(this: { requested?: GPUDeviceDescriptor }, descriptor: GPUDeviceDescriptor) {
      this.requested = descriptor;
      return Promise.resolve({});
    },
  } as unknown as GPUAdapter & { requested?: GPUDeviceDescriptor };
}

Deno.test("provider: an adapter's claims become a Target", () => {
  const report = reportOf(h100(), "dawn");
  assertEquals([report.software, report.description], [false, "NVIDIA H100 80GB HBM3"]);
  const target = targetOf(report);
  assertEquals([target.f16, target.subgroups, target.quirks.unrollPrivateArrays], [
    true,
    { min: 32, max: 32 },
    false,
  ]);
  assertEquals(target.subgroupMatrix, [
    { component: "f16", result: "f32", M: 16, N: 16, K: 16 },
    { component: "i8", result: "i32", M: 16, N: 16, K: 32 },
  ], "types that WGSL does not have are left out");
  assertEquals([target.processor, target.quirks.exactUnpack], ["gpu", false]);
  assertEquals(target.limits.maxComputeInvocationsPerWorkgroup, 1024);
  assertEquals(target.limits.maxStorageBuffersPerShaderStage, 8, "WebGPU's own where the adapter is silent");
});

Deno.test("provider: an adapter without the subgroups feature has none, whatever sizes it states", () => {
  const adapter = { ...h100(), features: new Set(["shader-f16"]) } as unknown as GPUAdapter;
  const target = targetOf(reportOf(adapter, "deno"));
  assertEquals([target.subgroups, target.subgroupMatrix, target.quirks.unrollPrivateArrays], [
    null,
    [],
    true,
  ]);
});

Deno.test("provider: software adapters are known by name where they do not say so", () => {
  for (
    const description of [
      "llvmpipe (LLVM 15.0.6, 256 bits)",
      "SwiftShader driver 5.0.0",
      "Microsoft Basic Render Driver",
    ]
  ) {
    const info = { vendor: "", architecture: "", device: "", description };
    const report = reportOf({ ...h100(), info } as unknown as GPUAdapter, "browser");
    const { processor, quirks } = targetOf(report);
    assertEquals([report.software, processor, quirks.exactUnpack], [true, "cpu", true], description);
  }
});

Deno.test("provider: a device is asked for the useful features and the adapter's own limits", async () => {
  const adapter = h100();
  await requestDevice(adapter, reportOf(adapter, "dawn"));
  assertEquals(adapter.requested?.requiredFeatures, [
    "shader-f16",
    "subgroups",
    "chromium-experimental-subgroup-matrix",
  ] as GPUFeatureName[]);
  assertEquals(adapter.requested?.requiredLimits, {
    maxBufferSize: 2 ** 31 - 4,
    maxComputeInvocationsPerWorkgroup: 1024,
  });
});
