import type { Node } from "../ir/graph.ts";
import { packOp } from "./fuse_arena.ts";
import { skipOp } from "./fuse_flags.ts";
import type { CostModel, Recompute } from "./fuse_cost.ts";
import { bytesOf, readBytes } from "./fuse_cost.ts";
import type { Growing } from "./fuse_grow.ts";
import { isAnchor } from "./fuse_grow.ts";
import { boundType, elementsOf } from "./fuse_inline.ts";

export interface StoreContext {
  /** All nodes, inputs first. */
  readonly nodes: readonly Node[];
  readonly users: ReadonlyMap<Node, readonly Node[]>;
  readonly outputs: ReadonlySet<Node>;
  readonly kernels: ReadonlyMap<number, Growing>;
  readonly host: ReadonlyMap<Node, Growing>;
  readonly recompute: ReadonlyMap<Node, Recompute>;
  /** Stored in any case, and in no case. */
  readonly forced: ReadonlySet<Node>;
  readonly barred: ReadonlySet<Node>;
  /** What the round before chose. */
  readonly before: ReadonlySet<Node> | undefined;
  /** State that the graph reads and writes, with what it writes. */
  readonly overwritten: ReadonlyMap<Node, Node>;
  readonly costs: CostModel;
  /** Whether a node that no kernel hosts may be chosen; it then needs a kernel of its own. */
  readonly openKernels: boolean;
}

/**
 * Which nodes are stored, decided from the outputs back: a node is wanted in every kernel that computes one of its users
 * in registers, and what is wanted outside the kernel that hosts it is either stored there once and loaded, or computed
 * again where it is wanted, whichever moves less.
 */
export function chooseStored(c: StoreContext): Set<Node> {
  const stored = new Set<Node>();
  const wanted = new Map<Node, Set<number>>();
  for (let i = c.nodes.length - 1; i >= 0; i--) {
    const n = c.nodes[i];
    const sites = new Set<number>();
    for (const u of c.users.get(n)!) {
      if (isAnchor(u) || stored.has(u)) {
        const home = c.host.get(u);
        // Not hosted yet: a kernel of its own, unlike any other.
        sites.add(home ? home.id : -1 - c.nodes.indexOf(u));
      } else wanted.get(u)!.forEach((s) => sites.add(s));
    }
    wanted.set(n, sites);
    if (n.op.kind === "leaf" || n.op === packOp) continue;
    const host = c.host.get(n);
    const outside = [...sites].filter((s) => s !== host?.id);
    if (c.outputs.has(n) || c.forced.has(n)) stored.add(n);
    else if (
      outside.length > 0 && (isAnchor(n) || (host || c.openKernels) && isWorthStoring(c, n, outside))
    ) {
      stored.add(n);
    }
  }
  return stored;
}

function isWorthStoring(c: StoreContext, n: Node, sites: readonly number[]): boolean {
  if (n.op === skipOp) return true;
  if (n.op.kind === "map" && n.op.view || c.barred.has(n)) return false;
  const host = c.host.get(n);
  const r = c.recompute.get(n)!;
  const size = elementsOf(boundType(n).shape);
  const read = readBytes(n, r);
  const work = r.operations * c.costs.operation;
  let again = 0;
  const load = read + r.sources.size * c.costs.binding;
  for (const s of sites) again += load + work * Math.max(size, visits(c, s, size));
  // Recomputing elsewhere needs the sources in memory; those that only this kernel makes would be stored for it.
  if (host) {
    for (const s of r.sources) {
      const storedAnyway = escapes(c, s, host) && (c.before?.has(s) ?? true);
      if (c.host.get(s) === host && !storedAnyway) again += bytesOf(s) + c.costs.binding;
    }
  }
  // A scalar of the State that changes in this run cannot change in place while later kernels still read it.
  for (const s of r.sources) {
    const writer = c.overwritten.get(s);
    if (writer && bytesOf(s) === 4 && sites.some((k) => k !== c.host.get(writer)?.id)) {
      again += c.costs.launch;
    }
  }
  const bytes = bytesOf(n) + c.costs.binding;
  const once = bytes * (1 + sites.length) +
    (host ? 0 : read + work * size + (size > 1 ? c.costs.launch : 0));
  // Ties go to fewer tensors.
  return once + c.costs.binding / 8 < again;
}

/** How often a kernel evaluates an operand of `size` elements, all its elements together. */
function visits(c: StoreContext, site: number, size: number): number {
  const k = c.kernels.get(site);
  if (!k) return size;
  if (k.family !== "matmul") return Math.max(size, k.space.elements);
  // Each operand is staged once for every tile of the other's extent.
  const [m, n] = k.space.outer.slice(-2);
  return size * Math.max(1, Math.min(m, n) / 128);
}

/** Whether a node of a kernel is used by a node that the kernel does not host. */
function escapes(c: StoreContext, n: Node, host: Growing): boolean {
  return c.users.get(n)!.some((u) => c.host.get(u) !== host);
}
