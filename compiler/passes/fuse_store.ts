import type { Node } from "../ir/graph.ts";
import { packOp } from "./fuse_arena.ts";
import type { CostModel, Recompute } from "./fuse_cost.ts";
import { bytesOf, readBytes } from "./fuse_cost.ts";
import { skipOp } from "./fuse_flags.ts";
import type { Growing } from "./fuse_grow.ts";
import { isAnchor } from "./fuse_grow.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";

export interface StoreContext {
  /** All nodes, inputs first. */
  readonly nodes: readonly Node[];
  readonly users: ReadonlyMap<Node, readonly Node[]>;
  readonly outputs: ReadonlySet<Node>;
  readonly host: ReadonlyMap<Node, Growing>;
  readonly recompute: ReadonlyMap<Node, Recompute>;
  /** Stored in any case, and in no case. */
  readonly forced: ReadonlySet<Node>;
  readonly barred: ReadonlySet<Node>;
  /** What the round before chose. */
  readonly before: Choice | undefined;
  /** State that the graph reads and writes, with what it writes. */
  readonly overwritten: ReadonlyMap<Node, Node>;
  readonly costs: CostModel;
  /** Whether a node that no kernel hosts may be chosen; it then needs a kernel of its own. */
  readonly openKernels: boolean;
}

export interface Choice {
  readonly stored: ReadonlySet<Node>;
  /** For each node, the kernels that compute with it, named by the first node they exist for. */
  readonly wanted: ReadonlyMap<Node, ReadonlySet<Node>>;
}

/**
 * Which nodes are stored, decided from the outputs back: a node is wanted in every kernel that computes one of its users
 * in registers, and what is wanted outside the kernel that hosts it is either stored there once and loaded, or computed
 * again where it is wanted, whichever moves less.
 */
export function chooseStored(c: StoreContext): Choice {
  const stored = new Set<Node>();
  const wanted = new Map<Node, Set<Node>>();
  for (let i = c.nodes.length - 1; i >= 0; i--) {
    const n = c.nodes[i];
    const sites = new Set<Node>();
    for (const u of c.users.get(n)!) {
      if (isAnchor(u) || stored.has(u)) sites.add(leader(c, u) ?? u);
      else wanted.get(u)!.forEach((s) => sites.add(s));
    }
    wanted.set(n, sites);
    if (n.op.kind === "leaf" || n.op === packOp) continue;
    const home = leader(c, n);
    const outside = [...sites].filter((s) => s !== home);
    const may = isAnchor(n) || (home !== undefined || c.openKernels) && isWorthStoring(c, n, outside);
    if (c.outputs.has(n) || c.forced.has(n) || outside.length > 0 && may) stored.add(n);
  }
  return { stored, wanted };
}

/** The kernel that hosts a node, by its first node. */
function leader(c: StoreContext, n: Node): Node | undefined {
  return c.host.get(n)?.anchors[0];
}

function isWorthStoring(c: StoreContext, n: Node, sites: readonly Node[]): boolean {
  if (n.op === skipOp) return true;
  if (sites.length === 0 || n.op.kind === "map" && n.op.view || c.barred.has(n)) return false;
  const { costs } = c;
  const home = leader(c, n);
  const r = c.recompute.get(n)!;
  const size = elementsOf(boundType(n).shape);
  const read = readBytes(n, r) + r.sources.size * costs.binding;
  const work = r.operations * costs.operation;
  let again = 0;
  for (const s of sites) {
    const each = c.host.get(s)?.family === "matmul" ? costs.staging : costs.operation;
    again += read + r.operations * each * visits(c, s, size);
  }
  const among = new Set(sites);
  for (const s of r.sources) {
    // Recomputing elsewhere needs the sources in memory; those that nothing else wants would be stored for it.
    const mate = home !== undefined && leader(c, s) === home;
    if (mate && !isStoredAnyway(c, s, n, among)) again += bytesOf(s) + costs.binding;
    // A scalar of the State that changes in this run cannot change in place while later kernels still read it.
    const next = c.overwritten.get(s);
    if (next && size === 1 && bytesOf(s) === 4 && sites.some((k) => k !== leader(c, next))) {
      again += costs.launch;
    }
  }
  // A kernel that exists for this node alone.
  const own = home === undefined || home === n && n.op.kind === "map";
  const opening = own ? read + work * size + (size > 1 ? costs.launch : 0) : 0;
  const once = (bytesOf(n) + costs.binding) * (1 + sites.length) + opening;
  // Ties go to fewer tensors.
  return once + costs.binding / 8 < again;
}

/** Whether `s` stands in memory even where `n`, made of it by the same kernel, is stored for all that want `n`. */
function isStoredAnyway(c: StoreContext, s: Node, n: Node, sites: ReadonlySet<Node>): boolean {
  if (c.outputs.has(s) || c.forced.has(s)) return true;
  const host = c.host.get(s);
  if (!c.before) return c.users.get(s)!.some((u) => c.host.get(u) !== host);
  if (!c.before.stored.has(s)) return false;
  const others = [...c.before.wanted.get(s)!].filter((k) => k !== host!.anchors[0]);
  return c.before.stored.has(n) ? others.length > 0 : others.some((k) => !sites.has(k));
}

/** How often a kernel evaluates an operand of `size` elements, all its elements together. */
function visits(c: StoreContext, site: Node, size: number): number {
  const k = c.host.get(site);
  if (!k) return size;
  if (k.family !== "matmul") return Math.max(size, k.space.elements);
  // Each operand is evaluated once for every tile of the other's extent.
  const [m, n] = k.space.outer.slice(-2);
  return size * Math.max(1, Math.min(m, n) / c.costs.tile);
}
