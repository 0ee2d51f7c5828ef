import type { DType } from "../../compiler/core/dtype.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import type { Graph, Node, Output } from "../../compiler/ir/graph.ts";
import { nodesOf } from "../../compiler/ir/graph.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import { expand, reduceSum, spread } from "../../compiler/ops/broadcast.ts";
import { cast } from "../../compiler/ops/cast.ts";
import { foundInf } from "../../compiler/ops/flag.ts";
import { OPS } from "../../compiler/ops/index.ts";
import { inputNode, stateNode } from "../../compiler/ops/leaf.ts";
import { matmul } from "../../compiler/ops/matmul.ts";
import { concat, padZeros, permute, reshape, slice, transpose } from "../../compiler/ops/view.ts";
import { simplify } from "../../compiler/passes/simplify.ts";
import { slotsOf, tensor } from "./compare_graph.ts";

/** A generator of numbers in [0, 1) that a failure can be repeated with. */
function mulberry(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A graph that only the seed determines: elementwise chains, views, broadcasts, reductions, products, roundings. */
export function randomGraph(seed: number): { graph: Graph; feeds: Map<string, RefTensor> } {
  const random = mulberry(seed);
  const dice = (n: number) => Math.floor(n * random());
  const pick = <T>(list: readonly T[]): T => list[dice(list.length)];
  const b = new Builder();
  const extents = [1 + dice(6), 1 + dice(5), 2 + dice(6)];
  const shapeOf = (n: Node) => n.type.shape as number[];
  const nodes: Node[] = [];
  for (let i = 0; i < 2 + dice(3); i++) {
    const shape = extents.slice(dice(3));
    const dtype: DType = pick(["f32", "f32", "f16", "bf16"]);
    nodes.push(dice(3) ? inputNode(b, `x${i}`, dtype, shape) : stateNode(b, `col${i}/p`, dtype, shape));
  }
  const op = (name: string) => OPS.get(name)!;
  const f32 = (n: Node) => cast(b, n, "f32");
  const bounded = (n: Node) => b.node(op("tanh"), [f32(n)]);
  const steps: (() => Node | undefined)[] = [
    () => b.node(op(pick(["neg", "abs", "relu", "sigmoid", "square", "floor"])), [bounded(pick(nodes))]),
    () => {
      // Broadcast against something of another shape.
      const [x, y] = [pick(nodes), pick(nodes)];
      const [big, small] = shapeOf(x).length >= shapeOf(y).length ? [x, y] : [y, x];
      const fits = shapeOf(small).every((d, i) => {
        const to = shapeOf(big)[i + shapeOf(big).length - shapeOf(small).length];
        return d === to || d === 1;
      });
      if (!fits) return undefined;
      return b.node(op(pick(["add", "sub", "mul", "max"])), [f32(big), expand(b, f32(small), shapeOf(big))]);
    },
    () => cast(b, pick(nodes), pick(["f16", "bf16", "f32", "f16"])),
    () => {
      const x = pick(nodes);
      const order = shapeOf(x).map((_, i) => i);
      for (let i = order.length - 1; i > 0; i--) {
        const j = dice(i + 1);
        [order[i], order[j]] = [order[j], order[i]];
      }
      return order.length > 0 ? permute(b, x, order) : undefined;
    },
    () => {
      const x = pick(nodes);
      const shape = shapeOf(x);
      const size = shape.reduce((a, d) => a * d, 1);
      return reshape(
        b,
        x,
        pick([
          [size],
          [1, ...shape],
          [...shape, 1],
          shape.length > 1 ? [shape[0] * shape[1], ...shape.slice(2)] : [size],
        ]),
      );
    },
    () => {
      const x = pick(nodes);
      const axis = dice(shapeOf(x).length);
      const extent = shapeOf(x)[axis];
      if (!extent || extent < 2) return undefined;
      const start = dice(extent - 1);
      return slice(b, x, axis, start, 1 + dice(extent - start));
    },
    () => {
      const x = pick(nodes);
      return shapeOf(x).length ? padZeros(b, x, dice(shapeOf(x).length), dice(3), dice(3)) : undefined;
    },
    () => {
      const x = f32(pick(nodes));
      return shapeOf(x).length ? concat(b, [x, bounded(x), x], dice(shapeOf(x).length)) : undefined;
    },
    () => {
      const x = pick(nodes);
      const axes = shapeOf(x).map((_, i) => i).filter(() => dice(2));
      if (axes.length === 0) return undefined;
      return dice(3) ? reduceSum(b, bounded(x), axes) : b.node(op("amax"), [x], { axes });
    },
    () => {
      // Softmax-like: later reductions over the rows of earlier ones.
      const x = bounded(pick(nodes));
      if (shapeOf(x).length === 0) return undefined;
      const axes = [shapeOf(x).length - 1];
      const top = b.node(op("amax"), [x], { axes });
      const e = b.node(op("exp"), [b.node(op("sub"), [x, spread(b, top, top)])]);
      nodes.push(e);
      const sum = reduceSum(b, e, axes);
      return b.node(op("div"), [e, spread(b, sum, sum)]);
    },
    () => {
      const x = pick(nodes);
      const rank = shapeOf(x).length;
      if (rank < 2) return undefined;
      const dtype = x.type.dtype;
      const y = transpose(b, pick([x, cast(b, bounded(x), dtype)]));
      return dice(2) ? matmul(b, x, y, pick(["f32", dtype])) : matmul(b, y, x, pick(["f32", dtype]));
    },
  ];
  for (let k = 0; k < 6 + dice(14); k++) {
    const made = pick(steps)();
    // Sizes stay small: products and concatenations grow.
    if (made && shapeOf(made).reduce((a, d) => a * d, 1) <= 2000) nodes.push(made);
  }
  const outputs: Output[] = [];
  for (let i = 0; i < 1 + dice(3); i++) {
    outputs.push({ kind: "result", name: `y${i}`, node: pick(nodes.slice(-6)) });
  }
  for (const n of new Set(nodes.filter((n) => n.op.name === "state"))) {
    const like = nodes.filter((m) => m !== n && String(m.type.shape) === String(n.type.shape));
    const next = like.length ? cast(b, pick(like), n.type.dtype) : n;
    if (dice(2)) outputs.push({ kind: "state", name: String(n.attrs.slot), node: next });
  }
  if (dice(2)) {
    const found = foundInf(b, [f32(pick(nodes)), f32(pick(nodes))]);
    outputs.push({ kind: "result", name: "found", node: found });
  }
  const graph = simplify.run({ outputs });
  const feeds = new Map<string, RefTensor>();
  const scale = pick([1, 1, 1, 40000]);
  const fill = (name: string, dtype: DType, shape: readonly number[]) => {
    const data = Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => scale * (random() * 4 - 2));
    feeds.set(name, tensor(dtype, shape, name === "found_inf" ? [0] : data));
  };
  for (const s of slotsOf(graph)) fill(s.name, s.dtype, s.shape as number[]);
  for (const n of nodesOf(graph)) {
    if (n.op.name === "input") fill(String(n.attrs.name), n.type.dtype, shapeOf(n));
  }
  return { graph, feeds };
}
