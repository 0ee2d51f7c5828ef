import { ampGptSuite } from "../numeric/suite/amp_gpt.ts";
import { ampScalerSuite } from "../numeric/suite/amp_scaler.ts";
import { checkpointSuite } from "../numeric/suite/checkpoint.ts";
import { mnistSuite } from "../numeric/suite/mnist.ts";
import type { SuiteDevice } from "../numeric/suite/on_device.ts";
import { scalingSuite } from "../numeric/suite/scaling.ts";
import { trainerSuite } from "../numeric/suite/trainer.ts";
import { trajectorySuite } from "../numeric/suite/trajectories.ts";
import { testDevice } from "../support/devices.ts";
import { noGpu, openTestDevice } from "./open.ts";

/** The numeric suites of the CPU executor, on the GPU that this process is for. */
const on: SuiteDevice = { name: testDevice().name, ignore: noGpu, open: openTestDevice };

trajectorySuite(on);
scalingSuite(on);
ampScalerSuite(on);
trainerSuite(on);
checkpointSuite(on, false);
// SwiftShader takes half a minute to compile the GPT and some seconds for a step of it.
ampGptSuite(on, on.name === "swiftshader" ? 3 : undefined);
mnistSuite(on);
