import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import type { Layer } from "./layer.ts";
import { Linear } from "./linear.ts";
import { MultiHeadAttention } from "./multi_head_attention.ts";
import { LayerNorm, RMSNorm } from "./norm.ts";

export { INITIALISERS, initialValue } from "./init.ts";

const LIST: readonly Layer[] = [Linear, Embedding, LayerNorm, RMSNorm, Dropout, MultiHeadAttention];

/** The language's layers by name. */
export const LAYERS: ReadonlyMap<string, Layer> = new Map(LIST.map((l) => [l.name, l]));
