import { byteSize } from "../core/dtype.ts";
import { bound } from "../core/shape.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, nodesOf, same, topological, usersOf } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { autodiff, gradientEdges, lossOutput } from "./autodiff.ts";

/** What becomes of a segment: kept, computed again between its products, or computed again whole. */
export type Mode = "kept" | "light" | "whole";

/** The forward pass in `count` segments of about as many bytes each, and a mode for each but the last. */
export interface SegmentChoice {
  readonly count: number;
  readonly modes: readonly Mode[];
}

/** One more segment computed again, or one of them further. */
export interface Move {
  readonly segment: number;
  readonly mode: "light" | "whole";
  /** Bytes that it should save: what the finished plan says may differ. */
  readonly saved: number;
}

/** A stretch of the forward pass between two tensors through which everything flows. */
interface Stretch {
  readonly nodes: readonly Node[];
  /** Bytes that gradients read of it: in all, and between products. */
  readonly bytes: number;
  readonly lightBytes: number;
  /** Operations and bytes that computing it again takes: in all, and between products. */
  readonly cost: number;
  readonly lightCost: number;
  /** Bytes of the tensor at its end. */
  readonly end: number;
}

/** The name of a segment that was chosen for a limit of memory. */
export const segmentName = (index: number): string => `auto${index + 1}`;

/** Puts the nodes of the chosen segments into them. It runs before the gradients are made, which then stand in them too. */
export function markSegments({ count, modes }: SegmentChoice): Pass {
  return transform("segments", (graph): Graph => {
    const name = new Map<Node, string>();
    grouped(stretchesOf(graph), count).forEach((group, i) => {
      if ((modes[i] ?? "kept") === "kept") return;
      for (const s of group) for (const n of s.nodes) name.set(n, segmentName(i));
    });
    return mapGraph(graph, (node, inputs) => {
      const own = name.get(node);
      const out = same(node, inputs);
      if (own === undefined) return out;
      const inner = node.origin.segment;
      return { ...out, origin: { ...out.origin, segment: inner === undefined ? own : `${own}.${inner}` } };
    });
  });
}

/**
 * Ways of cutting a forward pass (with its casts, dims bound), the one that should leave the least memory first. What is
 * kept are the segments' ends, and what one segment computes again: √n segments of n alike are best.
 */
export function segmentCounts(graph: Graph): number[] {
  const stretches = stretchesOf(graph);
  const peak = (count: number) => {
    const groups = grouped(stretches, count);
    const ends = groups.slice(0, -1).reduce((sum, g) => sum + g[g.length - 1].end, 0);
    return ends + groups.reduce((most, g) => Math.max(most, total(g, "bytes")), 0);
  };
  const counts: number[] = [];
  for (let n = 2; n <= Math.min(stretches.length, 64); n = n < 8 ? n + 1 : Math.ceil(n * 1.25)) {
    counts.push(n);
  }
  return counts.map((count) => ({ count, peak: peak(count) })).sort((a, b) => a.peak - b.peak)
    .map(({ count }) => count);
}

/** What could be computed again, the most bytes for the least work first. */
export function movesOf(graph: Graph, count: number): Move[] {
  const moves = grouped(stretchesOf(graph), count).slice(0, -1).flatMap((group, segment) => {
    const bytes = total(group, "bytes"), light = total(group, "lightBytes");
    const cost = total(group, "cost"), lightCost = total(group, "lightCost");
    return [
      { segment, mode: "light", saved: light, worth: light / (1 + lightCost) },
      { segment, mode: "whole", saved: bytes - light, worth: (bytes - light) / (1 + cost) },
    ] as const;
  });
  return moves.filter((m) => m.saved > 0).sort((a, b) => b.worth - a.worth);
}

/** The choice that the first moves make. */
export function choose(count: number, moves: readonly Move[]): SegmentChoice {
  const modes: Mode[] = Array.from({ length: count }, () => "kept");
  for (const { segment, mode } of moves) if (modes[segment] !== "whole") modes[segment] = mode;
  return { count, modes };
}

const total = (group: readonly Stretch[], what: Exclude<keyof Stretch, "nodes">) =>
  group.reduce((sum, s) => sum + s[what], 0);

/** Neighbouring stretches put together into at most `count` groups of about as many bytes. */
function grouped(stretches: readonly Stretch[], count: number): Stretch[][] {
  const target = total(stretches, "bytes") / count;
  const groups: Stretch[][] = [[]];
  let passed = 0;
  for (const s of stretches) {
    // A stretch goes to the side on which more of it lies.
    if (passed + s.bytes / 2 > target * groups.length && groups.length < count) groups.push([]);
    groups[groups.length - 1].push(s);
    passed += s.bytes;
  }
  return groups.filter((g) => g.length > 0);
}

/**
 * The forward pass cut wherever all that depends on the batch and carries gradients flows through one tensor: the
 * residual stream of a transformer, every layer of a chain.
 */
function stretchesOf(graph: Graph): Stretch[] {
  const root = lossOutput(graph).node;
  const nodes = topological([root]);
  const active = gradientEdges(root);
  const fed = new Set<Node>();
  for (const n of nodes) if (n.op.name === "input" || n.inputs.some((x) => fed.has(x))) fed.add(n);
  const flow = nodes.filter((n) => n.op.kind !== "leaf" && fed.has(n) && active.has(n));
  const users = usersOf(nodes);
  const place = new Map(flow.map((n, i) => [n, i]));
  const lastUse = flow.map((n) => users.get(n)!.reduce((m, u) => Math.max(m, place.get(u) ?? -1), -1));
  /** For each place of the flow, the number of its stretch. */
  const stretch: number[] = [];
  let open = -1, current = 0;
  flow.forEach((_, i) => {
    stretch.push(current);
    // Nothing from before is read beyond this tensor.
    if (open <= i) current++;
    open = Math.max(open, lastUse[i]);
  });
  const where = new Map(flow.map((n, i) => [n, stretch[i]]));
  // What carries no gradients belongs to the stretch that reads it, where there is only one.
  for (const n of nodes.toReversed()) {
    if (where.has(n) || n.op.kind === "leaf") continue;
    const readers = new Set(users.get(n)!.map((u) => where.get(u)));
    const [only] = readers;
    if (readers.size === 1 && only !== undefined) where.set(n, only);
  }
  const read = readByGradients(graph, new Set(nodes));
  const members: Node[][] = [];
  for (const n of nodes) {
    const i = where.get(n);
    if (i !== undefined) (members[i] ??= []).push(n);
  }
  return members.filter(Boolean).map((list) => stretchOf(list, read));
}

function stretchOf(nodes: readonly Node[], read: ReadonlySet<Node>): Stretch {
  const sum = (list: readonly Node[], f: (n: Node) => number) => list.reduce((a, n) => a + f(n), 0);
  const light = nodes.filter((n) => n.op.class !== "compute");
  const wanted = nodes.filter((n) => read.has(n));
  return {
    nodes,
    bytes: sum(wanted, bytesOf),
    lightBytes: sum(wanted.filter((n) => n.op.class !== "compute"), bytesOf),
    cost: sum(nodes, costOf),
    lightCost: sum(light, costOf),
    end: bytesOf(nodes[nodes.length - 1]),
  };
}

/** What the gradients of a graph read of its forward pass, views looked through. */
function readByGradients(graph: Graph, forward: ReadonlySet<Node>): Set<Node> {
  const read = new Set<Node>();
  for (const n of nodesOf(autodiff.run({ outputs: [lossOutput(graph)] }))) {
    if (forward.has(n)) continue;
    for (let x of n.inputs) {
      while (x.op.kind === "map" && x.op.view) x = x.inputs[0];
      if (forward.has(x) && x.op.kind !== "leaf") read.add(x);
    }
  }
  return read;
}

function elementsOf(n: Node): number {
  return bound(n.type.shape).reduce((a, d) => a * d, 1);
}

function bytesOf(n: Node): number {
  return elementsOf(n) * byteSize(n.type.dtype);
}

/** Bytes written, and the operations of a product at some tens in the time of a byte. */
function costOf(n: Node): number {
  const terms = n.op.class === "compute" ? Number(n.inputs[0].type.shape.at(-1) ?? 1) : 0;
  return bytesOf(n) + elementsOf(n) * terms / 20;
}
