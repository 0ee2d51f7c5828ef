import { CPU } from "./suite/on_device.ts";
import { mnistSuite } from "./suite/mnist.ts";

mnistSuite(CPU);
