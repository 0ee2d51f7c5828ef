import { CPU } from "./suite/on_device.ts";
import { trajectorySuite } from "./suite/trajectories.ts";

trajectorySuite(CPU);
