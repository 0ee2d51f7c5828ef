import type { Graph, Node, Output } from "../ir/graph.ts";
import { readInputs } from "../ops/identity.ts";
import { packOp } from "./fuse_arena.ts";
import type { Cluster } from "./cluster.ts";
import { raises, skipOp } from "./fuse_flags.ts";
import { isAnchor } from "./fuse_grow.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";

/** What fusion must respect so that no kernel binds too many buffers; found by trying. */
export interface Limits {
  /** Stored in any case, and in no case. */
  readonly forced: Set<Node>;
  readonly barred: Set<Node>;
  /** For a node, those in whose kernels it must not be. */
  readonly apart: Map<Node, Set<Node>>;
}

/** What a cluster reads from memory, and what it computes. */
function readsOf(c: Cluster, stored: ReadonlySet<Node>): { loads: Set<Node>; computed: Set<Node> } {
  const own = new Set([...c.anchors, ...c.roots]);
  const loads = new Set<Node>();
  const computed = new Set<Node>();
  const stack = [...own];
  while (stack.length > 0) {
    const n = stack.pop()!;
    if (computed.has(n) || n.op.name === "const") continue;
    const stands = n.op.kind === "leaf" || n.op === packOp;
    if (stands || !own.has(n) && (stored.has(n) || isAnchor(n))) loads.add(n);
    else {
      computed.add(n);
      stack.push(...readInputs(n));
    }
  }
  return { loads, computed };
}

/** A cluster whose kernel would bind more than `most` buffers, and by how many. */
export interface TooWide {
  readonly cluster: Cluster;
  readonly excess: number;
}

/** The clusters that bind too many, in order. */
export function tooWide(
  clusters: readonly Cluster[],
  stored: ReadonlySet<Node>,
  graph: Graph,
  flagged: ReadonlySet<Node>,
  most: number,
): TooWide[] {
  const wide: TooWide[] = [];
  const reads = clusters.map((c) => readsOf(c, stored));
  const read = new Set<Node>();
  /** The last cluster that reads a slot. */
  const lastReader = new Map<string, number>();
  for (const [i, { loads }] of reads.entries()) {
    for (const n of loads) {
      read.add(n);
      if (n.op === packOp) n.inputs.forEach((x) => read.add(x));
      if (n.op.name === "state") lastReader.set(String(n.attrs.slot), i);
    }
  }
  const outputsOf = new Map<Node, Output[]>();
  for (const o of graph.outputs) {
    const known = outputsOf.get(o.node);
    if (known) known.push(o);
    else outputsOf.set(o.node, [o]);
  }
  for (const [i, cluster] of clusters.entries()) {
    const { loads, computed } = reads[i];
    const bound = new Set<unknown>([...loads].map((n) => n.op.name === "state" ? n.attrs.slot : n));
    // What reductions and roots with a value an element read, they read before or beside what is written.
    const rows = elementsOf(cluster.outer);
    const elements = cluster.roots.filter((r) => elementsOf(boundType(r).shape) !== rows);
    const early = readsOf({ ...cluster, roots: elements }, stored).loads;
    for (const r of cluster.roots) {
      const outputs = outputsOf.get(r) ?? [];
      const shown = outputs.some((o) => o.kind === "result");
      if (read.has(r) && r.op.kind !== "leaf" && !shown) bound.add(r);
      for (const o of outputs) {
        bound.add(o.kind === "state" ? o.name : o);
        // What is read later, or for every element here, cannot be overwritten yet: the new value waits elsewhere.
        const waits = o.kind === "state" &&
          ((lastReader.get(o.name) ?? -1) > i || readsSlot(early, o.name));
        if (waits) bound.add(`next ${o.name}`);
      }
    }
    if ([...computed].some((n) => raises(n, flagged))) bound.add("flag");
    if (bound.size > most) wide.push({ cluster, excess: bound.size - most });
  }
  return wide;
}

function readsSlot(loads: ReadonlySet<Node>, slot: string): boolean {
  for (const n of loads) if (n.op.name === "state" && n.attrs.slot === slot) return true;
  return false;
}

/** Makes the cluster smaller in the next attempt. */
export function relax(
  { cluster: c, excess }: TooWide,
  stored: ReadonlySet<Node>,
  outputs: ReadonlySet<Node>,
  limits: Limits,
): void {
  const { loads, computed } = readsOf(c, stored);
  // Scalars made of few others are made again instead of loaded.
  const scalars = [...loads].filter((n) =>
    n.op.kind === "map" && n.op !== skipOp && !outputs.has(n) && !limits.forced.has(n) &&
    elementsOf(boundType(n).shape) === 1
  );
  const without = new Set([...stored].filter((n) => !scalars.includes(n)));
  const gain = loads.size - readsOf(c, without).loads.size;
  if (gain > 0 && scalars.length > 0) {
    scalars.forEach((n) => limits.barred.add(n));
    return;
  }
  const leader = c.anchors[0] ?? c.roots[0];
  const setApart = (n: Node) => limits.apart.set(n, new Set([...limits.apart.get(n) ?? [], leader]));
  const movable = c.roots.filter((r) =>
    r !== leader && r.op.kind !== "leaf" && !limits.apart.get(r)?.has(leader)
  );
  if (movable.length > 0) {
    movable.slice(-excess).forEach(setApart);
    return;
  }
  const phases = c.anchors.slice(1).filter((a) => !limits.apart.get(a)?.has(leader));
  if (phases.length > 0) {
    phases.slice(-1).forEach(setApart);
    return;
  }
  // One root from too many tensors: the part of its expression that reads about half of them is stored.
  const parts = [...computed].filter((n) =>
    n.op.kind === "map" && !limits.forced.has(n) && !c.roots.includes(n)
  );
  const count = (n: Node) => readsOf({ ...c, anchors: [], roots: [n] }, stored).loads.size;
  const away = (n: Node) => Math.abs(count(n) - loads.size / 2);
  const best = parts.reduce<Node | undefined>(
    (a, n) => a === undefined || away(n) < away(a) ? n : a,
    undefined,
  );
  if (!best) throw new Error(`a kernel needs ${loads.size} buffers at once, more than the device binds`);
  limits.forced.add(best);
  setApart(best);
}
