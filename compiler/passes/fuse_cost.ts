import { byteSize } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { coord, operands } from "../core/expr.ts";
import { kindOf } from "../core/dtype.ts";
import type { Node } from "../ir/graph.ts";
import { boundType, elementsOf } from "./fuse_inline.ts";

/** What things cost on a target, in bytes moved to or from memory. */
export interface CostModel {
  /** One more kernel. */
  readonly launch: number;
  /** One arithmetic operation on one element. */
  readonly operation: number;
  /** One more tensor that a kernel writes or reads. */
  readonly binding: number;
}

/** Some microseconds of a few TB/s; tens of operations in the time of a byte. */
export const GPU_COSTS: CostModel = { launch: 4 << 20, operation: 0.05, binding: 1 << 15 };
/** Typed arrays: memory is near and every operation is a pass over a tile. */
export const CPU_COSTS: CostModel = { launch: 1 << 14, operation: 4, binding: 1 << 8 };

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

/** Operations that one element of a map node takes, its inputs given. Views only move. */
export function operationsOf(n: Node): number {
  if (n.op.kind !== "map" || n.op.view) return 0;
  const shape = boundType(n).shape;
  const root = n.op.expr({
    coords: shape.map((_, i) => coord(i)),
    type: boundType(n),
    inputs: n.inputs.map(boundType),
    attrs: n.attrs,
    read: (k): Expr => ({ e: "input", index: k, kind: kindOf(n.inputs[k].type.dtype) }),
  });
  let sum = 0;
  const seen = new Set<Expr>();
  const stack = [root];
  while (stack.length > 0) {
    const x = stack.pop()!;
    if (seen.has(x)) continue;
    seen.add(x);
    if (x.e === "prim") sum += WEIGHTS[x.fn] ?? 1;
    stack.push(...operands(x));
  }
  return sum;
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

/** For every node, what recomputing it takes; anchors and what stands in memory are read. Constants cost nothing. */
export function recomputes(nodes: readonly Node[], inMemory: (n: Node) => boolean): Map<Node, Recompute> {
  const out = new Map<Node, Recompute>();
  for (const n of nodes) {
    const sources = new Set<Node>();
    let operations = operationsOf(n);
    for (const x of n.inputs) {
      if (inMemory(x) || x.op.kind === "reduce" || x.op.kind === "contract") sources.add(x);
      else {
        const r = out.get(x)!;
        // A smaller input is evaluated again for every element it is broadcast to.
        operations += r.operations;
        r.sources.forEach((s) => sources.add(s));
      }
    }
    const constant = sources.size === 0 && n.inputs.every((x) => out.get(x)!.operations === 0);
    out.set(n, { sources, operations: constant ? 0 : operations });
  }
  return out;
}
