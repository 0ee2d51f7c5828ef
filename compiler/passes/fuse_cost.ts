import { byteSize } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { coord, i32, operands } from "../core/expr.ts";
import { kindOf } from "../core/dtype.ts";
import { Exprs } from "../core/index_expr.ts";
import { union } from "../core/sets.ts";
import type { Target } from "../core/target.ts";
import type { Node } from "../ir/graph.ts";
import { perForm } from "./form.ts";
import { readInputs } from "../ops/identity.ts";
import { packOp } from "./fuse_arena.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";

/** What things cost on a target, in bytes moved to or from memory. */
export interface CostModel {
  /** One more kernel. */
  readonly launch: number;
  /** One arithmetic operation on one element. */
  readonly operation: number;
  /** One operation on one element of a contraction's operand, while the matrix units wait for it. */
  readonly staging: number;
  /** Units that work side by side. */
  readonly workers: number;
  /** One more tensor that a kernel writes or reads. */
  readonly binding: number;
  /** Rows, and columns, that a large contraction makes of its result from one evaluation of its operands. */
  readonly tile: number;
}

/** Some microseconds of a few TB/s; tens of operations in the time of a byte. */
export const GPU_COSTS: CostModel = {
  launch: 4 << 20,
  operation: 0.05,
  staging: 0.4,
  workers: 132,
  binding: 1 << 15,
  tile: 128,
};
/**
 * A CPU's lanes: a load is a loop over them that takes as long as tens of operations, a launch tens of microseconds. How
 * many cores share the work is not said, so that sums are made of the same parts on every machine.
 */
export const LANE_COSTS: CostModel = {
  launch: 1 << 18,
  operation: 0.1,
  staging: 0.1,
  workers: 32,
  binding: 1 << 12,
  tile: 8,
};
/** Typed arrays: memory is near and every operation is a pass over a tile. */
export const CPU_COSTS: CostModel = {
  launch: 1 << 14,
  operation: 4,
  staging: 4,
  workers: 1,
  binding: 1 << 8,
  tile: 128,
};

export function costsOf({ provider, processor }: Target): CostModel {
  if (provider === "cpu") return CPU_COSTS;
  return processor === "cpu" ? LANE_COSTS : GPU_COSTS;
}

export function bytesOf(n: Node): number {
  return elementsOf(boundType(n).shape) * byteSize(n.type.dtype);
}

const WEIGHTS: Partial<Record<string, number>> = {
  exp: 8,
  expm1: 12,
  log: 8,
  log1p: 12,
  sin: 8,
  cos: 8,
  tanh: 12,
  erf: 16,
  pow: 16,
  div: 4,
  sqrt: 4,
  rsqrt: 4,
  mulhi: 2,
};

/** What one element of a map node takes, its inputs given: operations, and how often each input is read. */
export interface ElementCost {
  readonly operations: number;
  readonly reads: readonly number[];
}

/** Views only move. */
export const elementCost: (n: Node) => ElementCost = perForm(measure);

function measure(n: Node): ElementCost {
  if (n.op.kind !== "map") return { operations: 0, reads: n.inputs.map(() => 1) };
  const shape = boundType(n).shape;
  const exprs = new Exprs(shape);
  const places = n.inputs.map(() => new Set<string>());
  const root = n.op.expr({
    coords: shape.map((_, i) => coord(i)),
    type: boundType(n),
    inputs: n.inputs.map(boundType),
    attrs: n.attrs,
    read(k, at): Expr {
      const place = at.map((c) => exprs.id(c)).join();
      places[k].add(place);
      const index = [...places[k]].indexOf(place);
      // A load of its own for each place.
      return { e: "load", binding: k * 4096 + index, index: i32(0), kind: kindOf(n.inputs[k].type.dtype) };
    },
  });
  let operations = 0;
  const seen = new Set<Expr>();
  const stack = n.op.view ? [] : [root];
  while (stack.length > 0) {
    const x = stack.pop()!;
    if (seen.has(x)) continue;
    seen.add(x);
    if (x.e === "prim") operations += WEIGHTS[x.fn] ?? 1;
    stack.push(...operands(x));
  }
  return { operations, reads: places.map((p) => p.size) };
}

/** What computing a node where it is used would take, given what stands in memory. */
export interface Recompute {
  /** Tensors in memory that it reads. */
  readonly sources: ReadonlySet<Node>;
  /** Operations an element. */
  readonly operations: number;
}

/** Bytes read by evaluating every element of `n` once from its sources: a broadcast source is read once. */
export function readBytes(n: Node, { sources }: Recompute): number {
  const size = elementsOf(boundType(n).shape);
  let sum = 0;
  for (const s of sources) sum += Math.min(bytesOf(s), size * byteSize(s.type.dtype));
  return sum;
}

/**
 * For every node, what recomputing it takes; anchors and what stands in memory are read. Constants cost nothing, and an
 * input is computed again for each place at which it is read.
 */
export function recomputes(nodes: readonly Node[], inMemory: (n: Node) => boolean): Map<Node, Recompute> {
  const out = new Map<Node, Recompute>();
  for (const n of nodes) {
    const own = elementCost(n);
    let operations = own.operations;
    const sources = union(
      readInputs(n).map((x, k) => {
        if (inMemory(x) || x.op.kind === "reduce" || x.op.kind === "contract") return new Set([x]);
        const r = out.get(x)!;
        operations += own.reads[k] * r.operations;
        return r.sources;
      }),
    );
    const constant = sources.size === 0 && readInputs(n).every((x) => out.get(x)!.operations === 0);
    out.set(n, { sources, operations: constant ? 0 : operations });
  }
  return out;
}

/** Operations an element above which a chain of nodes is cut, whatever it saves: expressions must stay of a size. */
const LONGEST = 600;

/** Nodes to store so that no expression grows past all bounds: searches in searches, generators read at many places. */
export function cuts(nodes: readonly Node[]): Set<Node> {
  const cut = new Set<Node>();
  const operations = new Map<Node, number>();
  for (const n of nodes) {
    const own = elementCost(n);
    let sum = n.op === packOp ? 0 : own.operations;
    n.inputs.forEach((x, k) => {
      if (!cut.has(x)) sum += own.reads[k] * operations.get(x)!;
    });
    if (sum > LONGEST) {
      // The inputs that weigh most are cut first.
      const heavy = n.inputs.map((x, k) => ({
        x,
        weight: cut.has(x) ? 0 : own.reads[k] * operations.get(x)!,
      }))
        .sort((a, b) => b.weight - a.weight);
      for (const { x, weight } of heavy) {
        if (sum <= LONGEST || weight === 0) break;
        if (x.op.kind === "map" && x.op.name !== "const") cut.add(x);
        sum -= weight;
      }
    }
    // What stands side by side is read, not computed, of however many parts it is.
    operations.set(n, n.op.kind === "map" && n.op !== packOp ? sum : 0);
  }
  return cut;
}
