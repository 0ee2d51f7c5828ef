import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { skipOp } from "./fuse_flags.ts";
import { boundType } from "./fuse_inline.ts";

/**
 * What one kernel computes. `outer` and `inner` are its iteration space:
 * - `map`: a value for each coordinate of `outer`; `inner` is empty.
 * - `reduce`: the anchors' reductions over `inner` for each coordinate of `outer`, phase after phase.
 * - `matmul`: one anchor; `outer` is [...batch, m, n], `inner` is [k].
 *
 * A root is a node whose value the kernel stores; everything between the stored values that it reads and its roots is
 * computed in registers. Roots have as many elements as `outer`, in that order (*row* roots), or as `[...outer, ...inner]`.
 */
export interface Cluster {
  readonly family: "map" | "reduce" | "matmul";
  readonly outer: readonly number[];
  readonly inner: readonly number[];
  /** The reductions or the contraction computed here, inputs first. */
  readonly anchors: readonly Node[];
  readonly roots: readonly Node[];
}

/** Every node is stored by one cluster, or computed in registers wherever it is used. Clusters stand inputs first. */
export interface Schedule {
  readonly graph: Graph;
  readonly clusters: readonly Cluster[];
  /** Nodes whose narrow roundings raise the overflow flag. */
  readonly flagged: ReadonlySet<Node>;
}

export interface FuseOptions {
  /** false: every node but constants and views is stored. For tests: fused equals unfused. */
  readonly fuse?: boolean;
  /** Storage buffers that one kernel may bind. */
  readonly maxBindings: number;
}

/** Decides which nodes are stored and by which kernel. The graph has no composite ops and bound dims. */
export function fuse(graph: Graph, _options: FuseOptions): Schedule {
  const nodes = nodesOf(graph);
  const outputs = new Set(graph.outputs.map((o) => o.node));
  const clusters = nodes.filter((n) => outputs.has(n) || !isInlined(n)).map(alone);
  return { graph, clusters, flagged: flaggedNodes(nodes) };
}

/** Constants and views never stand in memory unless they are outputs; inputs and state already do. */
function isInlined(n: Node): boolean {
  return n.op.kind === "leaf" || n.op.kind === "map" && n.op.view;
}

/** Ancestors of the overflow check: their overflows make the step be skipped. */
export function flaggedNodes(nodes: readonly Node[]): Set<Node> {
  const flagged = new Set<Node>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const n = nodes[i];
    if (n.op === skipOp || flagged.has(n)) n.inputs.forEach((x) => flagged.add(x));
  }
  return flagged;
}

/** The iteration space in which an anchor, or a map node of its own, is computed. */
export function spaceOf(n: Node): Pick<Cluster, "family" | "outer" | "inner"> {
  const { shape } = boundType(n);
  if (n.op.kind === "reduce") {
    const axes = n.attrs.axes as readonly number[];
    return { family: "reduce", outer: shape, inner: axes.map((a) => boundType(n.inputs[0]).shape[a]) };
  }
  if (n.op.kind === "contract") {
    return { family: "matmul", outer: shape, inner: [boundType(n.inputs[0]).shape.at(-1)!] };
  }
  return { family: "map", outer: shape, inner: [] };
}

export function isAnchor(n: Node): boolean {
  return n.op.kind === "reduce" || n.op.kind === "contract";
}

function alone(n: Node): Cluster {
  return { ...spaceOf(n), anchors: isAnchor(n) ? [n] : [], roots: [n] };
}
