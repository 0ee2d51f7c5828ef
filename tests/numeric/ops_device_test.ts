import { ampOpsSuite } from "./suite/amp_ops.ts";
import { librarySuite } from "./suite/library_calls.ts";
import { CPU } from "./suite/on_device.ts";
import { opsSuite } from "./suite/ops.ts";
import { torchSuite } from "./suite/torch.ts";

opsSuite(CPU);
torchSuite(CPU);
ampOpsSuite(CPU);
librarySuite(CPU);
