import { assert, assertEquals, assertRejects } from "../assert.ts";
import { deviceNamed, testDevice } from "../support/devices.ts";
import { openTestGpu } from "../support/gpu.ts";

const target = testDevice();

Deno.test({
  name: `adapter: ${target.name} opens and offers what the tests count on`,
  ignore: target.api === "none",
  async fn() {
    const { adapter, device, close } = await openTestGpu();
    try {
      const has = (feature: GPUFeatureName) => [adapter.features.has(feature), device.features.has(feature)];
      if (target.name === "lavapipe") {
        assertEquals({ f16: has("shader-f16"), subgroups: has("subgroups") }, {
          f16: [true, true],
          subgroups: [false, false],
        });
      }
      if (target.name === "swiftshader") {
        assertEquals({ f16: has("shader-f16"), subgroups: has("subgroups") }, {
          f16: [false, false],
          subgroups: [true, true],
        });
      }
      for (const limit of ["maxStorageBufferBindingSize", "maxComputeInvocationsPerWorkgroup"] as const) {
        assert(adapter.limits[limit] > 0);
        assertEquals(device.limits[limit], adapter.limits[limit], `all of the adapter's ${limit}`);
      }
    } finally {
      close();
    }
  },
});

Deno.test({
  name: `adapter: ${target.name} is not taken for another device`,
  ignore: target.api === "none",
  async fn() {
    const other = target.name === "hardware" ? "swiftshader" : "hardware";
    await assertRejects(
      () => openTestGpu({ ...deviceNamed(other), api: target.api }),
      Error,
      `asked for ${other}`,
    );
  },
});
