import { ampGptSuite } from "./suite/amp_gpt.ts";
import { CPU } from "./suite/on_device.ts";

ampGptSuite(CPU);
