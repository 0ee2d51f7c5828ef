import type { Op } from "../ir/op.ts";
import * as activation from "./activation.ts";
import * as arithmetic from "./arithmetic.ts";
import * as attention from "./attention.ts";
import * as broadcast from "./broadcast.ts";
import * as cast from "./cast.ts";
import * as clamp from "./clamp.ts";
import * as comparison from "./comparison.ts";
import * as cosineEmbedding from "./cosine_embedding.ts";
import * as crossEntropy from "./cross_entropy.ts";
import * as cumsum from "./cumsum.ts";
import { derivedOps } from "./define.ts";
import * as dropout from "./dropout.ts";
import * as flag from "./flag.ts";
import * as gather from "./gather.ts";
import * as identity from "./identity.ts";
import * as join from "./join.ts";
import * as klDiv from "./kl_div.ts";
import * as labels from "./labels.ts";
import * as leaf from "./leaf.ts";
import type { LibraryFunction } from "./library.ts";
import * as linear from "./linear.ts";
import * as loss from "./loss.ts";
import * as make from "./make.ts";
import * as matmul from "./matmul.ts";
import * as moments from "./moments.ts";
import * as nll from "./nll.ts";
import * as norm from "./norm.ts";
import * as product from "./product.ts";
import * as random from "./random.ts";
import * as rearrange from "./rearrange.ts";
import * as reduce from "./reduce.ts";
import * as rope from "./rope.ts";
import * as softmax from "./softmax.ts";
import * as sort from "./sort.ts";
import * as take from "./take.ts";
import * as transcendental from "./transcendental.ts";
import * as view from "./view.ts";

/** The families. What a family exports is in the tables below by being exported. */
const FAMILIES: readonly object[] = [
  leaf,
  view,
  broadcast,
  cast,
  arithmetic,
  comparison,
  transcendental,
  activation,
  clamp,
  reduce,
  moments,
  softmax,
  cumsum,
  norm,
  matmul,
  product,
  linear,
  labels,
  gather,
  sort,
  take,
  rearrange,
  join,
  make,
  identity,
  rope,
  attention,
  crossEntropy,
  loss,
  nll,
  klDiv,
  cosineEmbedding,
  random,
  dropout,
  flag,
];

const exported: readonly unknown[] = FAMILIES.flatMap((family) => Object.values(family));

const isOp = (x: unknown): x is Op => typeof x === "object" && x !== null && "kind" in x && "samples" in x;
const isFunction = (x: unknown): x is LibraryFunction => typeof x === "object" && x !== null && "build" in x;
const opOf = (x: unknown): Op[] => isOp(x) ? [x] : isFunction(x) && "op" in x && isOp(x.op) ? [x.op] : [];

/** A table by name. Throws where two entries share one, which is a fault of the table. */
function byName<T extends { readonly name: string }>(entries: readonly T[]): ReadonlyMap<string, T> {
  const table = new Map<string, T>();
  for (const e of entries) {
    if (table.has(e.name) && table.get(e.name) !== e) throw new Error(`two entries are named ${e.name}`);
    table.set(e.name, e);
  }
  return table;
}

/** Every op, the derived gradient ops among them: what a parser of graphs and the tests that enrol every op go by. */
export const OPS: ReadonlyMap<string, Op> = byName([...exported.flatMap(opOf), ...derivedOps.values()]);

/**
 * The language's functions. The operators are `add sub mul div rem pow matmul neg eq ne lt le gt ge`, with operands `x`
 * and `y`; `e as T` is `cast`.
 */
export const LIBRARY: ReadonlyMap<string, LibraryFunction> = byName(exported.filter(isFunction));
