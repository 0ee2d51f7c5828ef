import { checkpointSuite } from "./suite/checkpoint.ts";
import { CPU } from "./suite/on_device.ts";

checkpointSuite(CPU, true);
