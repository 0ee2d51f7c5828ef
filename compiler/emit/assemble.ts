import type { Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { nodeNames } from "../ir/print.ts";
import type { Cluster, Schedule } from "../passes/cluster.ts";
import { Spaces } from "../passes/fuse_space.ts";
import { FOUND_INF } from "../passes/slots.ts";
import type { BuiltKernel } from "./kernel.ts";
import { buildKernel } from "./kernel.ts";
import type { Lowered } from "./lower.ts";
import { identityOnly, lowerCluster, rootLayout } from "./lower.ts";
import { fusedNames } from "./names.ts";
import { orderSteps } from "./order.ts";
import type { Tensor, Tensors } from "./tensor.ts";
import { destinations, sameLayout } from "./tensor.ts";

/** The kernels of a schedule in the order of execution. */
export function lowerSchedule(schedule: Schedule, tensors: Tensors): BuiltKernel[] {
  const { graph, flagged } = schedule;
  const wanted = destinations(graph, tensors);
  const clusters = withCopies(schedule, wanted);
  const home = new Map<Node, Cluster>();
  for (const c of schedule.clusters) for (const r of c.roots) home.set(r, c);
  const position = new Map(schedule.clusters.map((c, i) => [c, i]));
  const tensor = (node: Node, from?: Cluster): Tensor | undefined => {
    const standing = tensors.standing(node);
    if (standing) return standing;
    const at = home.get(node);
    // What a later cluster stores is computed here as well.
    if (!at || from && position.get(at)! > (position.get(from) ?? Infinity)) return undefined;
    const shown = (wanted.get(node) ?? []).find((t) => t.kind === "result" && isDirect(at, node, t));
    return shown && !tensors.isPacked(node) ? shown : tensors.temp(node, rootLayout(at, node));
  };
  const spaces = new Spaces();
  const lowered = clusters.map(({ cluster }) =>
    lowerCluster(cluster, {
      tensor: (node) => tensor(node, cluster),
      flagged,
      spaces,
      copies: !position.has(cluster),
    })
  );
  const read = new Set(lowered.flatMap((l) => l.loads).flatMap((t) => [t, ...t.covers ?? []]));
  const stores = lowered.map((l, i) =>
    l.roots.map(({ node }) => {
      const temp = home.get(node) === clusters[i].cluster ? tensor(node) : undefined;
      return [...(temp?.kind === "temp" && read.has(temp) ? [temp] : []), ...clusters[i].to(node)];
    })
  );
  const { order, deferred } = orderSteps(lowered.map((l, i) => ({
    reads: new Set(l.loads),
    writes: new Set(stores[i].flat()),
    raisesFlag: l.raisesFlag,
    inPlace: (slot) => identityOnly(l, slot),
  })));
  const names = nodeNames(nodesOf(graph));
  const flag = () => tensors.slot(FOUND_INF);
  const out: BuiltKernel[] = [];
  const copies: BuiltKernel[] = [];
  const build = (l: Lowered, to: readonly (readonly Tensor[])[]) => {
    const built = buildKernel(l, to, l.raisesFlag ? flag() : undefined, "");
    return { ...built, kernel: { ...built.kernel, fuses: fusedNames(l, names) } };
  };
  for (const i of order) {
    const l = lowered[i];
    const to = stores[i].map((list, r) =>
      list.map((t) => {
        if (!deferred.has(t)) return t;
        const later: Tensor = { ...t, kind: "temp", name: `next_${t.name}`, at: undefined };
        copies.push(copyKernel(l.roots[r].node, later, t));
        return later;
      })
    );
    out.push(build(l, to));
  }
  return [...out, ...copies];
}

interface Job {
  readonly cluster: Cluster;
  /** The results and slots to which a root goes. */
  readonly to: (root: Node) => readonly Tensor[];
}

/**
 * A root goes straight to the results and slots that want it; leaves, and values whose own layout is not the one wanted,
 * are copied by a kernel of their own.
 */
function withCopies(schedule: Schedule, wanted: ReadonlyMap<Node, readonly Tensor[]>): Job[] {
  const home = new Map<Node, Cluster>();
  for (const c of schedule.clusters) for (const r of c.roots) home.set(r, c);
  const direct = (node: Node, t: Tensor) => {
    const at = home.get(node);
    return at !== undefined && isDirect(at, node, t);
  };
  const jobs = schedule.clusters.map((cluster): Job => ({
    cluster,
    to: (root) => (wanted.get(root) ?? []).filter((t) => direct(root, t)),
  }));
  for (const [node, list] of wanted) {
    for (const t of list.filter((t) => !direct(node, t))) {
      jobs.push({
        cluster: { family: "map", outer: t.layout, inner: [], anchors: [], roots: [node] },
        to: () => [t],
      });
    }
  }
  return jobs;
}

/** Whether the cluster stores its root in the layout of `t`. */
function isDirect(at: Cluster, root: Node, t: Tensor): boolean {
  return sameLayout(rootLayout(at, root), t.layout, t.dtype);
}

/** Copies one tensor to another of the same layout. */
function copyKernel(node: Node, from: Tensor, to: Tensor): BuiltKernel {
  const cluster: Cluster = { family: "map", outer: to.layout, inner: [], anchors: [], roots: [node] };
  const lowered = lowerCluster(cluster, {
    tensor: () => from,
    flagged: new Set(),
    spaces: new Spaces(),
    copies: true,
  });
  return buildKernel(lowered, [[to]], undefined, "");
}
