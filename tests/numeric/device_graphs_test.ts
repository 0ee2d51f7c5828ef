import { deviceGraphSuite } from "./suite/device_graphs.ts";
import { CPU } from "./suite/on_device.ts";

deviceGraphSuite(CPU, 200);
