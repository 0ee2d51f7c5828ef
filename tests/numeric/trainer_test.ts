import { CPU } from "./suite/on_device.ts";
import { trainerSuite } from "./suite/trainer.ts";

trainerSuite(CPU);
