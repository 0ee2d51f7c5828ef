import { isFloat } from "../core/dtype.ts";
import { bound } from "../core/shape.ts";
import { elementsOf } from "../ir/bound_type.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, same } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { reduceSum } from "../ops/broadcast.ts";
import { cast } from "../ops/cast.ts";
import { matmul } from "../ops/matmul.ts";
import { amaxOp } from "../ops/reduce.ts";
import { padZeros, permute, reshape } from "../ops/view.ts";
import type { CostModel } from "./fuse_cost.ts";

/** Rows that a workgroup takes at once where neighbouring rows are neighbours in memory. */
const STRIDED_ROWS = 32;
/** Terms below which a part is not worth a second kernel. */
const LEAST_TERMS = 256;

/**
 * Gives work to all workers of a device: a reduction or a contraction of many terms with few results is made in parts,
 * each f32, that a second reduction adds up. The parts and their order depend on the shapes alone, so the result is the
 * same in every run.
 */
export function splitLong(costs: Pick<CostModel, "workers" | "tile">): Pass {
  const { workers } = costs;
  return transform("split", (graph): Graph => {
    if (workers <= 1) return graph;
    return mapGraph(graph, (node, inputs) => {
      const at = same(node, inputs);
      if (at.op.kind === "reduce") return splitReduction(at, workers) ?? at;
      return at.op.kind === "contract" ? splitContraction(at, costs) ?? at : at;
    });
  });
}

/** Of the counts from half of `wanted` to twice that which divide `terms` the nearest; undefined where none does. */
function divisor(terms: number, wanted: number): number | undefined {
  const distance = (p: number) => Math.abs(Math.log(p / wanted));
  let nearest: number | undefined;
  for (let p = Math.max(2, Math.ceil(wanted / 2)); p <= 2 * wanted; p++) {
    if (terms % p === 0 && (nearest === undefined || distance(p) < distance(nearest))) nearest = p;
  }
  return nearest;
}

function splitReduction(node: Node, workers: number): Node | undefined {
  const [x] = node.inputs;
  const shape = bound(x.type.shape);
  const axes = node.attrs.axes as readonly number[];
  if (node.op.kind !== "reduce" || node.op.combine.startsWith("arg")) return undefined;
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const terms = elementsOf(axes.map((a) => shape[a]));
  const rows = elementsOf(kept.map((a) => shape[a]));
  const strided = kept.length > 0 && kept[kept.length - 1] === shape.length - 1 &&
    shape[shape.length - 1] > 1;
  const groups = strided ? Math.ceil(rows / STRIDED_ROWS) : rows;
  const least = strided ? LEAST_TERMS : 16 * LEAST_TERMS;
  // Neighbours load one element each: twice the workgroups keep as many bytes on their way.
  const workgroups = (strided ? 4 : 2) * workers;
  const wanted = Math.min(Math.ceil(workgroups / groups), Math.floor(terms / least));
  if (groups >= workers || wanted < 2) return undefined;
  let parts = divisor(terms, wanted);
  const b = new Builder(node.origin);
  const narrow = isFloat(node.type.dtype) && node.op.combine === "sum";
  // Truths fill a word four at a time, and so would rows: in words of their own each part has a workgroup.
  const truths = node.op.combine === "or";
  const op = truths ? amaxOp : node.op;
  let values = reshape(
    b,
    permute(
      b,
      narrow ? cast(b, x, "f32") : truths ? cast(b, x, "u32") : x,
      strided ? [...axes, ...kept] : [...kept, ...axes],
    ),
    strided ? [terms, rows] : [rows, terms],
  );
  let long = terms;
  if (parts === undefined) {
    // Zeros change no sum and no truth; the other combinations have no such value.
    if (node.op.combine !== "sum" && !truths) return undefined;
    parts = wanted;
    long = Math.ceil(terms / parts) * parts;
    values = padZeros(b, values, strided ? 0 : 1, 0, long - terms);
  }
  const each = long / parts;
  const halves = strided
    ? b.node(op, [reshape(b, values, [parts, each, rows])], { axes: [1] })
    : b.node(op, [reshape(b, values, [rows, parts, each])], { axes: [2] });
  const whole = b.node(op, [halves], { axes: [strided ? 0 : 1] });
  return reshape(b, cast(b, whole, node.type.dtype), node.type.shape);
}

function splitContraction(
  node: Node,
  { workers, tile }: Pick<CostModel, "workers" | "tile">,
): Node | undefined {
  const [x, y] = node.inputs;
  const [xs, ys] = [bound(x.type.shape), bound(y.type.shape)];
  const batch = xs.slice(0, -2);
  const [m, k] = xs.slice(-2);
  const n = ys[ys.length - 1];
  const tiles = elementsOf(batch) * Math.ceil(m / tile) * Math.ceil(n / tile);
  // Two workgroups a unit, twice over; and no more bytes in the parts than in the operands.
  const most = Math.min(Math.floor(k / (2 * LEAST_TERMS)), Math.floor((m + n) * k / (2 * m * n)));
  const wanted = Math.min(Math.ceil(4 * workers / tiles), most);
  const parts = wanted < 2 ? undefined : divisor(k, wanted);
  if (tiles >= 2 * workers || parts === undefined) return undefined;
  const b = new Builder(node.origin);
  const each = k / parts;
  const lead = batch.map((_, i) => i);
  const at = batch.length;
  const left = permute(b, reshape(b, x, [...batch, m, parts, each]), [...lead, at + 1, at, at + 2]);
  const right = reshape(b, y, [...batch, parts, each, n]);
  return cast(b, reduceSum(b, matmul(b, left, right, "f32"), [at]), node.type.dtype);
}
