import { CPU } from "./suite/on_device.ts";
import { scalingSuite } from "./suite/scaling.ts";

scalingSuite(CPU);
