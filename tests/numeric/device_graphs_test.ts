import { deviceGraphSuite } from "./suite/device_graphs.ts";
import { flagSuite } from "./suite/flags.ts";
import { CPU } from "./suite/on_device.ts";

deviceGraphSuite(CPU, 200);
flagSuite(CPU);
