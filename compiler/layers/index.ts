import type { Layer } from "./layer.ts";
import { Linear } from "./linear.ts";

export { INITIALISERS, initialValue } from "./init.ts";

/** The language's layers by name. */
export const LAYERS: ReadonlyMap<string, Layer> = new Map([Linear].map((l) => [l.name, l]));
