import type { Expr } from "../core/expr.ts";
import { coord, i32, prim, rebuild } from "../core/expr.ts";
import type { Exprs } from "../core/index_expr.ts";
import { linearIndex } from "../core/index_expr.ts";
import type { Place } from "../core/kernel.ts";
import { stridesOf } from "../core/kernel.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { readersOf } from "../ops/identity.ts";
import { concatOp, delinearize, permuteOp, reshapeOp } from "../ops/view.ts";
import type { Cluster, PlacedPart, Schedule } from "./cluster.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";
import type { Space } from "./fuse_space.ts";
import { denseStrides, Spaces } from "./fuse_space.ts";

/** Elements that one store moves: a place begins and continues at multiples of them. */
const GROUP = 4;

/**
 * Leaves out the kernels that only lay tensors side by side, where those are products that nothing else reads: each is
 * stored in its place right away, heads merged and all.
 */
export function placeParts(schedule: Schedule): Schedule {
  const { graph, clusters } = schedule;
  const home = new Map<Node, Cluster>();
  for (const c of clusters) for (const r of c.roots) home.set(r, c);
  const { outputs, isPrivate } = readersIn(graph);
  const placed = new Map<Node, PlacedPart[]>();
  const spaces = new Spaces();
  for (const { roots, family } of clusters) {
    const [root] = roots;
    if (family !== "map" || roots.length !== 1 || root.op !== concatOp || outputs.has(root)) continue;
    const parts = partsOf(root, home, isPrivate, spaces);
    if (parts) placed.set(root, parts);
  }
  return { ...schedule, clusters: clusters.filter((c) => !placed.has(c.roots[0])), placed };
}

interface Readers {
  readonly outputs: ReadonlySet<Node>;
  /** Whether one node reads it and nothing else does. */
  readonly isPrivate: (n: Node) => boolean;
}

function readersIn(graph: Graph): Readers {
  const readers = readersOf(nodesOf(graph));
  const outputs = new Set(graph.outputs.map((o) => o.node));
  return { outputs, isPrivate: (n) => readers.get(n)!.length === 1 && !outputs.has(n) };
}

/** Concatenations of what looks like products that nothing else reads: storing them costs no kernel. */
export function placeable(graph: Graph): Node[] {
  const { outputs, isPrivate } = readersIn(graph);
  return nodesOf(graph).filter((n) =>
    n.op === concatOp && !outputs.has(n) && n.inputs.every((x) => {
      const { node } = behindViews(x, isPrivate);
      return boundType(x).shape.at(-1)! % GROUP === 0 && isPrivate(node) && isProduct(node);
    })
  );
}

/** A contraction, or what is made of one element by element. */
function isProduct(n: Node): boolean {
  if (n.op.kind === "contract") return true;
  const { shape } = boundType(n);
  return n.op.kind === "map" && !n.op.view && n.op !== concatOp &&
    n.inputs.some((x) => elementsOf(boundType(x).shape) === elementsOf(shape) && isProduct(x));
}

/** The node of which a chain of views shows every element, with the views, first to last. */
function behindViews(from: Node, isPrivate: (n: Node) => boolean): { node: Node; views: Node[] } {
  const views: Node[] = [];
  let node = from;
  while ((node.op === permuteOp || node.op === reshapeOp) && isPrivate(node)) {
    views.unshift(node);
    [node] = node.inputs;
  }
  return { node, views };
}

/** The products of which a concatenation is made, each with its place in it; undefined where one is something else. */
function partsOf(
  whole: Node,
  home: ReadonlyMap<Node, Cluster>,
  isPrivate: (n: Node) => boolean,
  spaces: Spaces,
): PlacedPart[] | undefined {
  const axis = whole.attrs.axis as number;
  const parts: PlacedPart[] = [];
  let start = 0;
  for (const input of whole.inputs) {
    const { node, views } = behindViews(input, isPrivate);
    const at = home.get(node);
    if (at?.family !== "matmul" || !isPrivate(node)) return undefined;
    const place = placeOf(spaces.of(at.outer, []), node, views, whole, axis, start);
    if (!place || parts.some((p) => p.node === node)) return undefined;
    parts.push({ node, place });
    start += boundType(input).shape[axis];
  }
  return parts;
}

/** Where the elements of a product go, if that is linear in its coordinates and comes in whole groups. */
function placeOf(
  { exprs, outer, row }: Space,
  node: Node,
  views: readonly Node[],
  whole: Node,
  axis: number,
  start: number,
): Place | undefined {
  const simplified = (coords: readonly Expr[]) => coords.map((c) => exprs.simplify(c));
  let shape = boundType(node).shape;
  let coords = simplified(delinearize(row, shape));
  for (const v of views) {
    const to = boundType(v).shape;
    coords = v.op === permuteOp
      ? (v.attrs.perm as readonly number[]).map((p) => coords[p])
      : simplified(delinearize(linearIndex(coords, denseStrides(shape)), to));
    shape = to;
  }
  const { dtype, shape: extents } = boundType(whole);
  const there = coords.map((c, i) => i === axis ? prim("add", c, i32(start)) : c);
  const address = exprs.simplify(linearIndex(there, stridesOf(extents, dtype)));
  const offset = valueOf(exprs, address, outer.map(() => 0));
  const strides = outer.map((_, i) => valueOf(exprs, address, outer.map((_, k) => Number(k === i))) - offset);
  const linear = prim("add", linearIndex(outer.map((_, i) => coord(i)), strides), i32(offset));
  const last = outer.length - 1;
  const grouped = strides[last] === 1 && outer[last] % GROUP === 0 && offset % GROUP === 0 &&
    strides.slice(0, -1).every((s) => s % GROUP === 0) && extents[extents.length - 1] % GROUP === 0;
  return grouped && exprs.same(address, linear) ? { offset, strides } : undefined;
}

/** An index at some coordinates. */
function valueOf(exprs: Exprs, index: Expr, coords: readonly number[]): number {
  const at = exprs.simplify(rebuild(index, (x) => x.e === "coord" ? i32(coords[x.axis]) : x));
  if (at.e !== "const") throw new Error("an index is more than its coordinates");
  return at.value;
}
