import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { readersOf } from "../ops/identity.ts";
import type { Cluster, Schedule } from "./cluster.ts";
import type { CostModel } from "./fuse_cost.ts";
import { cuts, recomputes } from "./fuse_cost.ts";
import { packOp } from "./fuse_arena.ts";
import { flaggedNodes, partlyRead, skipOp } from "./fuse_flags.ts";
import type { Growing } from "./fuse_grow.ts";
import { Grower, isAnchor } from "./fuse_grow.ts";
import { Spaces } from "./fuse_space.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";
import type { Limits } from "./fuse_limits.ts";
import { relax, tooWide } from "./fuse_limits.ts";
import { placeable } from "./fuse_place.ts";
import type { Choice } from "./fuse_store.ts";
import { chooseStored } from "./fuse_store.ts";

export interface FuseOptions {
  /** false: every node but constants and views is stored. For tests: fused equals unfused. */
  readonly fuse?: boolean;
  /** Storage buffers that one kernel may bind. */
  readonly maxBindings: number;
  readonly costs: CostModel;
  /** Kernels will store to places in a larger tensor (`placeParts`). */
  readonly places?: boolean;
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
  const packs = nodes.filter((n) => n.op === packOp);
  const limits: Limits = {
    forced: new Set([
      ...nodes.filter((n) => n.op === skipOp),
      ...packs.flatMap((p) => p.inputs),
      ...(options.places ? placeable(graph) : []),
      ...nodes.flatMap(searchedBy),
      ...cuts(nodes),
      ...partlyRead(nodes, readersOf(nodes), outputs, flagged),
    ]),
    barred: new Set(),
    apart: new Map(),
  };
  const spaces = new Spaces();
  let free = true;
  for (let attempt = 1;; attempt++) {
    const plan = settle(graph, nodes, flagged, limits, spaces, { ...options, free });
    if (!plan) {
      free = false;
      continue;
    }
    const clusters = clustersOf(graph, nodes, plan);
    const wide = tooWide(clusters, plan.stored, graph, flagged, options.maxBindings);
    if (wide.length === 0) return { graph, clusters, flagged };
    free &&= attempt < FREE_ATTEMPTS && wide.every((w) => w.excess <= 2 * options.maxBindings);
    for (const w of free ? wide.slice(0, 1) : wide) relax(w, plan.stored, outputs, limits);
  }
}

/**
 * Attempts in which kernels grow as if any number of buffers could be bound, and the first that binds too many is made
 * smaller. What then is still too wide is a deep stack's: its kernels count while they grow, and all that bind too many
 * are made smaller at once.
 */
const FREE_ATTEMPTS = 8;

interface Settled {
  readonly grower: Grower;
  readonly stored: ReadonlySet<Node>;
}

/**
 * Grows kernels, chooses what is stored, and again with kernels for what no kernel hosts. Undefined where kernels that
 * grow freely grow so far that there is no use in making them smaller.
 */
function settle(
  graph: Graph,
  nodes: readonly Node[],
  flagged: ReadonlySet<Node>,
  { forced, barred, apart }: Limits,
  spaces: Spaces,
  { costs, maxBindings, free }: FuseOptions & { readonly free: boolean },
): Settled | undefined {
  const users = readersOf(nodes);
  const written = new Map(graph.outputs.filter((o) => o.kind === "state").map((o) => [o.name, o.node]));
  const overwritten = new Map<Node, Node>();
  for (const n of nodes) {
    const next = n.op.name === "state" ? written.get(String(n.attrs.slot)) : undefined;
    if (next) overwritten.set(n, next);
  }
  const outputs = new Set(graph.outputs.map((o) => o.node));
  const mustStore = [...outputs, ...forced].filter((n) => n.op.kind !== "leaf");
  let homes: ReadonlySet<Node> = new Set(mustStore);
  let before: Choice | undefined;
  const replaces = new Map([...overwritten].map(([old, next]) => [next, old]));
  const most = free ? Infinity : maxBindings;
  const grow = (maxAnchors = Infinity) =>
    new Grower(nodes, {
      stored: homes,
      outputs,
      flagged,
      apart,
      spaces,
      replaces,
      maxBindings: most,
      maxAnchors,
    });
  let grower = grow(free ? 4 * maxBindings : Infinity);
  if (grower.outgrown) return undefined;
  for (let round = 0;; round++) {
    const known = before?.stored ?? homes;
    const inMemory = (n: Node) =>
      n.op.kind === "leaf" ? n.op.name !== "const" : n.op === packOp || known.has(n);
    const choice = chooseStored({
      nodes,
      users,
      outputs,
      forced,
      barred,
      before,
      overwritten,
      host: grower.host,
      recompute: recomputes(nodes, inMemory),
      costs,
      openKernels: round < 2,
    });
    const { stored } = choice;
    const homeless = [...stored].filter((n) => n.op.kind !== "leaf" && !grower.host.has(n));
    if (homeless.length === 0 && round > 0) return { grower, stored };
    before = choice;
    if (homeless.length === 0) continue;
    homes = new Set([...homes, ...homeless]);
    grower = grow();
  }
}

function clustersOf(graph: Graph, nodes: readonly Node[], { grower, stored }: Settled): Cluster[] {
  const roots = new Map<Growing, Node[]>(grower.kernels.map((k) => [k, []]));
  for (const n of nodes) {
    const host = grower.host.get(n);
    if (host && stored.has(n)) roots.get(host)!.push(n);
  }
  const order = grower.inOrder().filter((k) => roots.get(k)!.length > 0);
  // A scalar of the State that is a result is copied by a kernel that is there anyway.
  const last = order.findLast((k) => k.space.rows === 1 && k.family !== "matmul");
  for (const n of new Set(graph.outputs.map((o) => o.node))) {
    const scalar = n.op.kind === "leaf" && elementsOf(boundType(n).shape) === 1;
    if (last && scalar) roots.get(last)!.push(n);
  }
  return order.map((k) => ({
    family: k.family,
    outer: k.space.outer,
    inner: k.space.inner,
    anchors: k.family === "map" ? [] : k.anchors,
    roots: roots.get(k)!,
  }));
}

/** Constants and views never stand in memory unless they are outputs; inputs and state already do. */
function isInlined(n: Node): boolean {
  return n.op.kind === "leaf" || n.op.kind === "map" && n.op.view;
}

/** Values that a node reads at many places for each element. What is made from nothing is as well made again. */
function searchedBy(n: Node): Node[] {
  if (n.op.kind !== "map" || !n.op.searches) return [];
  const behindViews = (x: Node): Node => x.op.kind === "map" && x.op.view ? behindViews(x.inputs[0]) : x;
  return n.op.searches.map((k) => behindViews(n.inputs[k])).filter((x) => x.inputs.length > 0);
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
