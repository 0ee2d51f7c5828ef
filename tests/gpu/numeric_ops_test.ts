import { ampOpsSuite } from "../numeric/suite/amp_ops.ts";
import { deviceGraphSuite } from "../numeric/suite/device_graphs.ts";
import { flagSuite } from "../numeric/suite/flags.ts";
import { librarySuite } from "../numeric/suite/library_calls.ts";
import type { SuiteDevice } from "../numeric/suite/on_device.ts";
import { opsSuite } from "../numeric/suite/ops.ts";
import { torchSuite } from "../numeric/suite/torch.ts";
import { testDevice } from "../support/devices.ts";
import { noGpu, openTestDevice } from "./open.ts";

/** Ops, graphs and the overflow flag beside PyTorch and the oracle, on the GPU that this process is for. */
const on: SuiteDevice = { name: testDevice().name, ignore: noGpu, open: openTestDevice };

opsSuite(on);
torchSuite(on);
ampOpsSuite(on);
librarySuite(on);
deviceGraphSuite(on, 30);
flagSuite(on);

/** A software adapter that is given a GPU's programs: its panels, groups and sums. */
const asGpu: SuiteDevice = {
  name: `${on.name} as a GPU`,
  ignore: noGpu || on.name === "hardware",
  async open() {
    const device = await openTestDevice();
    return { ...device, target: { ...device.target, processor: "gpu" } };
  },
};

deviceGraphSuite(asGpu, on.name === "swiftshader" ? 3 : 10);
