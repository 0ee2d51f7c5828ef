import type { Expr } from "../core/expr.ts";
import { acc, anyExpr, coord, prim, rebuild } from "../core/expr.ts";
import { kindOf } from "../core/dtype.ts";
import { Exprs, linearIndex } from "../core/index_expr.ts";
import { stridesOf } from "../core/kernel.ts";
import { Magnitudes } from "../core/magnitude.ts";
import type { Node } from "../ir/graph.ts";
import { delinearize } from "../ops/view.ts";
import type { Cluster } from "../passes/cluster.ts";
import type { Spaces } from "../passes/fuse_space.ts";
import { denseStrides } from "../passes/fuse_space.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";
import { Inliner, zero } from "../passes/fuse_inline.ts";
import type { Tensor } from "./tensor.ts";
import { sameLayout } from "./tensor.ts";

/** One reduction of a cluster, or the operands of its contraction, as expressions. */
export interface LoweredAnchor {
  readonly node: Node;
  /** One operand for a reduction, two for a contraction. */
  readonly values: readonly Expr[];
}

/** A cluster's computation. A load's `binding` is an index into `loads`. */
export interface Lowered {
  readonly cluster: Cluster;
  readonly anchors: readonly LoweredAnchor[];
  readonly roots: readonly { readonly node: Node; readonly value: Expr; readonly perRow: boolean }[];
  readonly loads: readonly Tensor[];
  readonly raisesFlag: boolean;
  /** The nodes whose values are computed here. */
  readonly computed: ReadonlySet<Node>;
}

export interface LowerContext {
  /** Where the node's value stands, if it is stored or a leaf. */
  readonly tensor: (node: Node) => Tensor | undefined;
  readonly flagged: ReadonlySet<Node>;
  /** Shared by the clusters of a schedule. */
  readonly spaces: Spaces;
  /** Roots are read from where they stand, not computed. */
  readonly copies?: boolean;
}

/** Writes a cluster's roots and reductions as expressions over its coords. */
export function lowerCluster(cluster: Cluster, context: LowerContext): Lowered {
  const { anchors } = cluster;
  const space = context.spaces.of(cluster.outer, cluster.inner);
  const loads: Tensor[] = [];
  const own = new Set(context.copies ? [] : cluster.roots);

  const load = (tensor: Tensor, node: Node, coords: readonly Expr[], guard: Expr | undefined): Expr => {
    let binding = loads.indexOf(tensor);
    if (binding < 0) binding = loads.push(tensor) - 1;
    const { shape } = boundType(node);
    const flat = linearIndex(coords, denseStrides(shape));
    const strides = stridesOf(tensor.layout, tensor.dtype);
    const same = shape.length === tensor.layout.length && shape.every((d, i) => d === tensor.layout[i]);
    const at = same ? coords : delinearize(flat, tensor.layout);
    const x: Expr = { e: "load", binding, index: linearIndex(at, strides), kind: kind(node) };
    return guard ? { ...x, guard } : x;
  };
  const inliner: Inliner = new Inliner(space, (node, coords, guard): Expr | undefined => {
    const index = anchors.indexOf(node);
    if (index >= 0) {
      if (space.position(node, coords) !== space.row) {
        throw new Error(`${node.op.name} is used away from its own row`);
      }
      const value = inliner.rounded(node, acc(index, kind(node)));
      return guard ? prim("select", guard, value, zero(node)) : value;
    }
    // A node stored here is computed here, wherever its value is wanted; a root that is a leaf is copied.
    if (node.op.kind !== "leaf" && own.has(node)) return undefined;
    const tensor = context.tensor(node);
    return tensor && load(tensor, node, coords, guard);
  }, context.flagged);

  // No one need watch a rounding that cannot overflow.
  const memo = new Map<Expr, Expr>();
  const magnitudes = new Magnitudes((binding) => loads[binding].dtype);
  const watched = (value: Expr) =>
    rebuild(value, (x) => {
      const idle = x.e === "round" && x.flag && !magnitudes.mayOverflow(x.arg, x.to);
      return idle ? { ...x, flag: false } : x;
    }, memo);
  const lowered = anchors.map((node): LoweredAnchor => {
    const at = space.operandCoords(node);
    return { node, values: node.inputs.map((x, i) => watched(inliner.value(x, at[i]))) };
  });
  const roots = cluster.roots.map((node) => {
    const perRow = isPerRow(cluster, node);
    return { node, value: watched(inliner.value(node, space.coordsOf(node, perRow))), perRow };
  });
  const raisesFlag = anyExpr(
    [...lowered.flatMap((a) => a.values), ...roots.map((r) => r.value)],
    (x) => x.e === "round" && x.flag,
  );
  return { cluster, anchors: lowered, roots, loads, raisesFlag, computed: inliner.computed };
}

/** Whether a root has one value a row: always so but for the element roots of reductions. */
function isPerRow(cluster: Cluster, root: Node): boolean {
  return elementsOf(boundType(root).shape) === elementsOf(cluster.outer);
}

/** The shape under which a root's value is laid out. */
export function rootLayout(cluster: Cluster, root: Node): readonly number[] {
  return isPerRow(cluster, root) ? cluster.outer : [...cluster.outer, ...cluster.inner];
}

/**
 * Whether a slot that the cluster stores to may be read here as well: each invocation reads only the element that it
 * writes, before it writes.
 */
export function identityOnly(lowered: Lowered, slot: Tensor): boolean {
  const { cluster, loads } = lowered;
  const binding = loads.indexOf(slot);
  const isLoad = (x: Expr) => x.e === "load" && x.binding === binding;
  if (lowered.anchors.some((a) => anyExpr(a.values, isLoad))) return false;
  const rows = lowered.roots.filter((r) => r.perRow).map((r) => r.value);
  const elements = lowered.roots.filter((r) => !r.perRow).map((r) => r.value);
  if (anyExpr(elements, isLoad)) return false;
  const exprs = new Exprs([...cluster.outer, ...cluster.inner]);
  const own = linearIndex(cluster.outer.map((_, i) => coord(i)), stridesOf(cluster.outer, slot.dtype));
  return sameLayout(cluster.outer, slot.layout, slot.dtype) &&
    !anyExpr(rows, (x) => x.e === "load" && x.binding === binding && !exprs.same(x.index, own));
}

/** What a value, or the accumulator of a reduction or contraction, is in registers. */
function kind(node: Node) {
  return kindOf(node.type.dtype);
}
