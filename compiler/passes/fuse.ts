import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf, usersOf } from "../ir/graph.ts";
import type { CostModel } from "./fuse_cost.ts";
import { recomputes } from "./fuse_cost.ts";
import { skipOp } from "./fuse_flags.ts";
import type { Growing } from "./fuse_grow.ts";
import { Grower, isAnchor, raises } from "./fuse_grow.ts";
import { boundType } from "./fuse_inline.ts";
import { chooseStored } from "./fuse_store.ts";

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
  readonly costs: CostModel;
}

/** Decides which nodes are stored and by which kernel. The graph has no composite ops and bound dims. */
export function fuse(graph: Graph, options: FuseOptions): Schedule {
  const nodes = nodesOf(graph);
  const outputs = new Set(graph.outputs.map((o) => o.node));
  const flagged = flaggedNodes(nodes);
  if (options.fuse === false) {
    return {
      graph,
      clusters: nodes.filter((n) => outputs.has(n) ? n.op.kind !== "leaf" : !isInlined(n)).map(alone),
      flagged,
    };
  }
  const forced = new Set(nodes.filter((n) => n.op === skipOp));
  const alone_ = new Set<Node>();
  for (;;) {
    const plan = settle(nodes, outputs, flagged, forced, alone_, options.costs);
    const clusters = clustersOf(nodes, plan);
    const wide = clusters.find((c) => bindingsOf(c, plan.stored, graph, flagged) > options.maxBindings);
    if (!wide) return { graph, clusters, flagged };
    relax(wide, plan.stored, forced, alone_);
  }
}

interface Settled {
  readonly grower: Grower;
  readonly stored: ReadonlySet<Node>;
}

/** Grows kernels, chooses what is stored, and again with kernels for what no kernel hosts. */
function settle(
  nodes: readonly Node[],
  outputs: ReadonlySet<Node>,
  flagged: ReadonlySet<Node>,
  forced: ReadonlySet<Node>,
  alone: ReadonlySet<Node>,
  costs: CostModel,
): Settled {
  const users = usersOf(nodes);
  const mustStore = [...outputs, ...forced].filter((n) => n.op.kind !== "leaf");
  let known: ReadonlySet<Node> = new Set(mustStore);
  for (let round = 0;; round++) {
    const grower = new Grower(nodes, { stored: known, flagged, alone });
    const inMemory = (n: Node) => n.op.kind === "leaf" ? n.op.name !== "const" : isAnchor(n) || known.has(n);
    const stored = chooseStored({
      nodes,
      users,
      outputs,
      forced,
      kernels: grower.kernels,
      host: grower.host,
      recompute: recomputes(nodes, inMemory),
      costs,
      openKernels: round < 2,
    });
    const homeless = [...stored].filter((n) => !grower.host.has(n));
    if (homeless.length === 0) return { grower, stored };
    known = new Set([...known, ...homeless]);
  }
}

function clustersOf(nodes: readonly Node[], { grower, stored }: Settled): Cluster[] {
  const roots = new Map<Growing, Node[]>(grower.kernels.map((k) => [k, []]));
  for (const n of nodes) if (stored.has(n)) roots.get(grower.host.get(n)!)!.push(n);
  return grower.dag.order().map((id) => grower.kernels[id]).filter((k) => roots.get(k)!.length > 0).map((
    k,
  ) => ({
    family: k.family,
    outer: k.space.outer,
    inner: k.space.inner,
    anchors: k.family === "map" ? [] : k.anchors,
    roots: roots.get(k)!,
  }));
}

/** What a cluster reads from memory. */
function readsOf(c: Cluster, stored: ReadonlySet<Node>): { loads: Set<Node>; computed: Set<Node> } {
  const own = new Set([...c.anchors, ...c.roots]);
  const loads = new Set<Node>();
  const computed = new Set<Node>();
  const stack = [...own];
  while (stack.length > 0) {
    const n = stack.pop()!;
    if (computed.has(n) || n.op.name === "const") continue;
    if (n.op.kind === "leaf" || !own.has(n) && (stored.has(n) || isAnchor(n))) loads.add(n);
    else {
      computed.add(n);
      stack.push(...n.inputs);
    }
  }
  return { loads, computed };
}

function bindingsOf(c: Cluster, stored: ReadonlySet<Node>, graph: Graph, flagged: ReadonlySet<Node>): number {
  const { loads, computed } = readsOf(c, stored);
  const slots = new Set([...loads].map((n) => n.op.name === "state" ? n.attrs.slot : n));
  let stores = 0;
  for (const r of c.roots) {
    const to = graph.outputs.filter((o) => o.node === r);
    stores += 1 + to.length;
    // Written in place.
    for (const o of to) if (o.kind === "state" && slots.has(o.name)) stores--;
  }
  return slots.size + stores + ([...computed].some((n) => raises(n, flagged)) ? 1 : 0);
}

/** Makes a cluster that binds too many buffers smaller in the next attempt. */
function relax(c: Cluster, stored: ReadonlySet<Node>, forced: Set<Node>, alone: Set<Node>): void {
  const movable = c.roots.filter((r) => !alone.has(r) && c.anchors[0] !== r);
  if (c.roots.length > 1 && movable.length > 0) {
    movable.slice(Math.ceil(movable.length / 2) - 1).slice(-Math.ceil(c.roots.length / 2)).forEach((r) =>
      alone.add(r)
    );
    return;
  }
  const extra = c.anchors.slice(1).filter((a) => !alone.has(a));
  if (extra.length > 0) {
    extra.forEach((a) => alone.add(a));
    return;
  }
  // One root from too many tensors: store the part of its expression that reads about half of them.
  const { loads, computed } = readsOf(c, stored);
  const parts = [...computed].filter((n) => n.op.kind === "map" && !forced.has(n) && !c.roots.includes(n));
  const count = (n: Node) => readsOf({ ...c, anchors: [], roots: [n] }, stored).loads.size;
  const best =
    parts.map((n) => ({ n, away: Math.abs(count(n) - loads.size / 2) })).sort((a, b) => a.away - b.away)[0];
  if (!best) throw new Error(`a kernel needs ${loads.size} buffers at once, more than the device binds`);
  forced.add(best.n);
  alone.add(best.n);
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

function alone(n: Node): Cluster {
  const { shape } = boundType(n);
  if (!isAnchor(n)) return { family: "map", outer: shape, inner: [], anchors: [], roots: [n] };
  const x = boundType(n.inputs[0]).shape;
  return n.op.kind === "contract"
    ? { family: "matmul", outer: shape, inner: [x[x.length - 1]], anchors: [n], roots: [n] }
    : {
      family: "reduce",
      outer: shape,
      inner: (n.attrs.axes as readonly number[]).map((a) => x[a]),
      anchors: [n],
      roots: [n],
    };
}
