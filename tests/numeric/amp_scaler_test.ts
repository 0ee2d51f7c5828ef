import { ampScalerSuite } from "./suite/amp_scaler.ts";
import { CPU } from "./suite/on_device.ts";

ampScalerSuite(CPU);
