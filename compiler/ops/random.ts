import type { DType } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, i32, prim, u32 } from "../core/expr.ts";
import type { Shape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, same } from "../ir/graph.ts";
import type { Attrs, MapContext, MapOp, Sample, TensorType } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { constNode, stateNode } from "./leaf.ts";
import { ints, sample } from "./sample.ts";
import { linearize } from "./view.ts";

/**
 * Random numbers as a function of where and when they are wanted: Philox-4x32-10 (Salmon et al., “Parallel random
 * numbers: as easy as 1, 2, 3”, 2011), keyed by the seed, with the counter (element, site, step, 0). The same call gives
 * the same bits on every device, so a recomputation repeats them and no state is kept.
 */

const ROUNDS = 10;
const M0 = u32(0xd2511f53);
const M1 = u32(0xcd9e8d57);

/** Four words of the block for a counter of four words and a key of two, all u32. */
export function philox(counter: readonly Expr[], key: readonly Expr[]): Expr[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) {
      k0 = prim("add", k0, u32(0x9e3779b9));
      k1 = prim("add", k1, u32(0xbb67ae85));
    }
    [c0, c1, c2, c3] = [
      prim("bitxor", prim("bitxor", prim("mulhi", M1, c2), c1), k0),
      prim("mul", M1, c2),
      prim("bitxor", prim("bitxor", prim("mulhi", M0, c0), c3), k1),
      prim("mul", M0, c0),
    ];
  }
  return [c0, c1, c2, c3];
}

/**
 * The words for the output element at hand: inputs `seed` (u32[2]) and `seed + 1` hold the seed and the step (u32[]),
 * attrs.site tells apart the places of one program that draw.
 */
export function wordsAt(m: MapContext, seed: number): Expr[] {
  const element = prim("to_u32", linearize(m.coords, m.type.shape));
  const counter = [element, u32(m.attrs.site as number), m.read(seed + 1, []), u32(0)];
  return philox(counter, [m.read(seed, [i32(0)]), m.read(seed, [i32(1)])]);
}

/** A word as a multiple of 2⁻²⁴ in [0, 1): exact in f32, so every device agrees on it. */
export function unit(word: Expr): Expr {
  return prim("mul", prim("to_f32", prim("shr", word, u32(8))), f32(2 ** -24));
}

/** Throws OpError unless inputs `at` and `at + 1` are a seed and a step. */
export function requireSeed(name: string, inputs: readonly TensorType[], at: number) {
  const found = inputs.slice(at).map(showType).join(", ");
  if (found !== "u32[2], u32") {
    throw new OpError(`${name} takes a seed and a step`, { expected: "u32[2], u32", found, input: at });
  }
}

const KEY = [ints([2], 0, 0xffffffff, "u32"), ints([], 0, 100000, "u32")];

function generator(name: string, dtype: DType, sampled: Attrs, value: (m: MapContext) => Expr): MapOp {
  const samples: Sample[] = [sample(KEY, { shape: [3, 5], site: 2, ...sampled })];
  return {
    kind: "map",
    name,
    class: "fixed",
    exact: false,
    view: false,
    type(inputs, attrs) {
      requireSeed(name, inputs, 0);
      return { dtype, shape: attrs.shape as Shape };
    },
    expr: value,
    grad: null,
    samples,
  };
}

const number = (m: MapContext, name: string) => f32(m.attrs[name] as number);

/** Uniform u32s: {shape, site}. */
export const randomBitsOp = generator("random_bits", "u32", {}, (m) => wordsAt(m, 0)[0]);

/** Uniform in [low, high), f32: {shape, site, low, high}. */
export const uniformOp = generator("uniform", "f32", { low: -1, high: 3 }, (m) => {
  const width = f32((m.attrs.high as number) - (m.attrs.low as number));
  return prim("add", number(m, "low"), prim("mul", width, unit(wordsAt(m, 0)[0])));
});

/** Normal, by Box and Muller from two words, f32: {shape, site, mean, std}. */
export const normalOp = generator("normal", "f32", { mean: 0.5, std: 2 }, (m) => {
  const [w0, w1] = wordsAt(m, 0);
  const positive = prim("add", unit(w0), f32(2 ** -24));
  const radius = prim("sqrt", prim("mul", f32(-2), prim("log", positive)));
  const angle = prim("mul", f32(2 * Math.PI), unit(w1));
  const z = prim("mul", radius, prim("cos", angle));
  return prim("add", number(m, "mean"), prim("mul", number(m, "std"), z));
});

/** The slot of the seed: two words that the host sets before anything is drawn. u32[2]. */
export const SEED = "seed";
/** The slot of the count of training runs, which is the step that draws during training go by. u32[]. */
export const TICK = "tick";

/** The site of a draw that a program has not numbered yet: see `numberSites`. */
export const UNNUMBERED = -1;

/**
 * Numbers the draws of a program in the order of its nodes, so that no two draw the same bits. It runs on the whole
 * program before any pass that merges equal nodes; draws that are numbered stay as they are.
 */
export function numberSites(graph: Graph): Graph {
  let next = 0;
  return mapGraph(graph, (node, inputs) => {
    const n = same(node, inputs);
    return node.attrs.site === UNNUMBERED ? { ...n, attrs: { ...n.attrs, site: next++ } } : n;
  });
}

/** What a draw during training is keyed by. `site` tells apart the places of a program that draw. */
export function trainingDraw(b: Builder, site: number): Draw {
  return { seed: stateNode(b, SEED, "u32", [2]), step: stateNode(b, TICK, "u32", []), site };
}

/** What a draw for an initial value is keyed by: step 0, at sites apart from those of training. */
export function initialDraw(b: Builder, site: number): Draw {
  return { seed: stateNode(b, SEED, "u32", [2]), step: constNode(b, 0, "u32"), site: 0x80000000 + site };
}

/** `seed` is u32[2], `step` u32[]; `site` an integer unique in the program. */
export interface Draw {
  readonly seed: Node;
  readonly step: Node;
  readonly site: number;
}

export function uniform(b: Builder, draw: Draw, shape: Shape, low = 0, high = 1): Node {
  return b.node(uniformOp, [draw.seed, draw.step], { shape, site: draw.site, low, high });
}

export function normal(b: Builder, draw: Draw, shape: Shape, mean = 0, std = 1): Node {
  return b.node(normalOp, [draw.seed, draw.step], { shape, site: draw.site, mean, std });
}
