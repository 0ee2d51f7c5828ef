import { type Target, TARGET_LAVAPIPE, TARGET_SWIFTSHADER } from "../../compiler/core/target.ts";
import { openDevice } from "../../runtime/device.ts";
import { doctor, renderDoctor } from "../../runtime/doctor.ts";
import { selfTest } from "../../runtime/self_test/run.ts";
import { testDevice } from "../support/devices.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { noGpu, openTestDevice } from "./open.ts";

const { name, api } = testDevice();

/** Targets kept for goldens, against the devices they stand for. */
const RECORDED: Partial<Record<string, Target>> = {
  lavapipe: TARGET_LAVAPIPE,
  swiftshader: TARGET_SWIFTSHADER,
};

Deno.test({
  name: `device: ${name} passes its self-test and is what its recorded target says`,
  ignore: noGpu,
  async fn() {
    const device = await openTestDevice();
    try {
      assertEquals(device.checks.filter((c) => !c.ok), []);
      const checks = device.checks.map((c) => c.check);
      assert(checks.includes("overflow seen in registers") && checks.includes("atomics"));
      assertEquals(checks.includes("f16 rounding"), device.target.f16);
      assertEquals(checks.includes("subgroups"), device.target.subgroups !== null);
      const recorded = RECORDED[name];
      if (recorded) assertEquals({ ...device.target, name: recorded.name }, recorded);
      assertEquals(device.counters.submits, 0, "the self-test is not counted");
    } finally {
      device.close();
    }
  },
});

Deno.test({
  name: `device: ${name} is refused what it does not have`,
  // A real card may well have what is claimed here.
  ignore: noGpu || name === "hardware",
  async fn() {
    const device = await openTestDevice();
    try {
      // The claims of another device: shaders that do not compile, sizes that are wrong.
      const claimed: Target = {
        ...device.target,
        f16: true,
        subgroups: { min: 64, max: 64 },
        subgroupMatrix: [
          { component: "f16", result: "f32", M: 16, N: 16, K: 16 },
          { component: "f16", result: "f16", M: 16, N: 16, K: 16 },
          { component: "i8", result: "i32", M: 16, N: 16, K: 32 },
        ],
      };
      const { target, checks, refusal } = await selfTest(device.handle.gpu, claimed);
      assertEquals(refusal, undefined);
      assertEquals(target.f16, device.target.f16);
      assertEquals(target.subgroups, null);
      assertEquals(target.subgroupMatrix, []);
      const failed = checks.filter((c) => !c.ok).map((c) => c.check);
      assert(failed.includes("subgroups") && failed.includes("matrix i8 to i32 16x16x32"), failed.join());
    } finally {
      device.close();
    }
  },
});

Deno.test({
  name: `device: auto passes over ${name}, and doctor says why`,
  ignore: noGpu || name === "hardware",
  async fn() {
    const device = await openDevice({ device: "auto" });
    assertEquals(device.kind, "cpu");
    const here = device.probes.find((p) => p.provider === api);
    assertEquals(here?.outcome, "passed over");
    const text = renderDoctor(await doctor({ device: "auto" }));
    assertStringIncludes(text, "device   CPU");
    assertStringIncludes(text, `MPT_DEVICE=${api} takes it and may be faster`);
  },
});

Deno.test({
  name: `device: doctor lists every check on ${name}`,
  ignore: noGpu || api === "none",
  async fn() {
    const report = await doctor({ device: api === "none" ? "cpu" : api });
    const text = renderDoctor(report);
    assertStringIncludes(text, "ok   overflow seen in memory");
    assertStringIncludes(text, "self-test took");
    assertEquals(JSON.parse(JSON.stringify(report)).device.target, report.device!.target);
  },
});

Deno.test("device: cpu is always there", async () => {
  const device = await openDevice({ device: "cpu" });
  assertEquals([device.kind, device.target.provider], ["cpu", "cpu"]);
  assertEquals(device.probes.map((p) => p.reason), ["asked for"]);
});
