import { CPU } from "./suite/on_device.ts";
import { opsSuite } from "./suite/ops.ts";

opsSuite(CPU);
