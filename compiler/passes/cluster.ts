import type { Place } from "../core/kernel.ts";
import type { Graph, Node } from "../ir/graph.ts";

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
  /** Nodes that no cluster stores, since each of their parts is stored in its place by the cluster that makes it. */
  readonly placed?: ReadonlyMap<Node, readonly PlacedPart[]>;
}

export interface PlacedPart {
  readonly node: Node;
  /** Where in the whole, by the coordinates of the cluster that makes the part. */
  readonly place: Place;
}
