import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, nodesOf, same, topological, usersOf } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { afterOp } from "../ops/identity.ts";
import { constOp } from "../ops/leaf.ts";
import { Builder } from "../ir/builder.ts";

/**
 * Honours checkpointed segments: what the gradients of a segment read of its inner values is computed again from the
 * segment's inputs, once the gradient of its result is there, so that the forward pass need not keep it. Values, random
 * bits and overflows are those of the forward pass. It runs last: a pass that merges equal nodes would undo it.
 *
 * Of the segments in `light`, products and reductions are kept, and only what is elementwise between them is computed
 * again.
 */
export function recompute(light: ReadonlySet<string> = new Set()): Pass {
  return transform("recompute", (graph): Graph => {
    const forward = new Set(topological(graph.outputs.filter(isForward).map((o) => o.node)));
    return segmentsOf(forward).reduce(
      (g, path) => recomputeSegment(g, forward, path, light.has(path)),
      graph,
    );
  });
}

/** Begins the reason of a node that is computed again. */
export const AGAIN = "again: ";

/** Results that are there when the forward pass is over. */
function isForward({ kind, name }: Graph["outputs"][number]): boolean {
  return kind === "result" && name !== "skipped" && !name.startsWith("grad/");
}

/** Segments and those inside them: outer ones first, and of neighbours the one that runs last, whose gradients come first. */
function segmentsOf(forward: ReadonlySet<Node>): string[] {
  const last = new Map<string, number>();
  let i = 0;
  for (const n of forward) {
    const parts = n.origin.segment?.split(".") ?? [];
    parts.forEach((_, k) => last.set(parts.slice(0, k + 1).join("."), i));
    i++;
  }
  const depth = (path: string) => path.split(".").length;
  return [...last.keys()].sort((a, b) => depth(a) - depth(b) || last.get(b)! - last.get(a)!);
}

/** `forward` gains the nodes made here. */
function recomputeSegment(graph: Graph, forward: Set<Node>, path: string, isLight: boolean): Graph {
  const nodes = nodesOf(graph);
  const inside = (n: Node) => n.origin.segment === path || n.origin.segment?.startsWith(`${path}.`) === true;
  const isGradient = (n: Node) => !forward.has(n) && inside(n);
  const constant = constantsOf(nodes);
  const again = wantedAgain(nodes, forward, inside, constant, isLight);
  if (again.size === 0) return graph;

  // The gradient that arrives must not itself depend on what is computed again.
  const late = new Set<Node>();
  for (const n of nodes) {
    const reads = isGradient(n) && n.inputs.some((x) => again.has(x));
    if (reads || n.inputs.some((x) => late.has(x))) late.add(n);
  }
  const arrival = arrivalOf(graph, nodes, again, (n) => late.has(n) || forward.has(n), isGradient);
  if ([...again].some((n) => late.has(n) || n.inputs.some((x) => late.has(x)))) return graph;

  const waiting = new Map<Node, Node>();
  const wait = (x: Node): Node => {
    let out = waiting.get(x);
    if (!out) {
      waiting.set(x, out = new Builder(x.origin).node(afterOp, [x, arrival]));
      forward.add(out);
    }
    return out;
  };
  const clones = new Map<Node, Node>();
  for (const n of again) {
    const inputs = n.inputs.map((x) =>
      clones.get(x) ?? (x.op.kind === "leaf" || constant.has(x) ? x : wait(x))
    );
    // Made from State alone, it would run first of all.
    if (inputs.every((x, i) => x === n.inputs[i])) {
      const i = inputs.findIndex((x) => !constant.has(x));
      inputs[i] = wait(inputs[i]);
    }
    const why = n.origin.why.startsWith(AGAIN) ? n.origin.why : AGAIN + n.origin.why;
    const clone = { ...n, inputs, origin: { ...n.origin, why } };
    clones.set(n, clone);
    forward.add(clone);
  }
  return mapGraph(graph, (node, inputs) => {
    const own = isGradient(node) ? inputs.map((x, i) => clones.get(node.inputs[i]) ?? x) : inputs;
    const out = same(node, own);
    if (forward.has(node)) forward.add(out);
    return out;
  });
}

/**
 * The nodes of a segment that its gradients read, and those of which they are made, inputs first: all but what stays in
 * memory anyway because gradients of later nodes read it, and what is made from constants.
 */
function wantedAgain(
  nodes: readonly Node[],
  forward: ReadonlySet<Node>,
  inside: (n: Node) => boolean,
  constant: ReadonlySet<Node>,
  isLight: boolean,
): Set<Node> {
  const users = usersOf(nodes);
  const kept = new Set<Node>();
  const wanted = new Set<Node>();
  for (const n of nodes.toReversed()) {
    const keeps = (u: Node) =>
      forward.has(u)
        ? u.op === afterOp && u.inputs[0] === n || u.op.kind === "map" && u.op.view && kept.has(u)
        : !inside(u);
    if (users.get(n)!.some(keeps)) kept.add(n);
    const mayBe = forward.has(n) && inside(n) && n.op.kind !== "leaf" && !constant.has(n) && !kept.has(n);
    if (!mayBe || isLight && (n.op.kind === "contract" || n.op.kind === "reduce")) continue;
    if (users.get(n)!.some((u) => wanted.has(u) || !forward.has(u) && inside(u))) wanted.add(n);
  }
  return new Set(nodes.filter((n) => wanted.has(n) && !(isView(n) && staysBehind(n, wanted))));
}

const isView = (n: Node) => n.op.kind === "map" && n.op.view;

/** What is made from nothing, and so is in no one's memory. */
function constantsOf(nodes: readonly Node[]): Set<Node> {
  const constant = new Set<Node>();
  for (const n of nodes) {
    const made = n.op.kind === "leaf" ? n.op === constOp : n.inputs.every((x) => constant.has(x));
    if (made) constant.add(n);
  }
  return constant;
}

/** Whether a view shows what is not computed again. */
function staysBehind(n: Node, wanted: ReadonlySet<Node>): boolean {
  while (isView(n) && wanted.has(n)) n = n.inputs[0];
  return !wanted.has(n);
}

/**
 * What the segment's gradients wait for: the last to come of the gradients that flow into it. The loss where none of
 * them depends on the segment.
 */
function arrivalOf(
  graph: Graph,
  nodes: readonly Node[],
  again: ReadonlySet<Node>,
  barred: (n: Node) => boolean,
  isGradient: (n: Node) => boolean,
): Node {
  const depth = new Map<Node, number>();
  const after = new Set<Node>();
  const arriving = new Set<Node>();
  for (const n of nodes) {
    depth.set(n, n.inputs.reduce((most, x) => Math.max(most, depth.get(x)! + 1), 0));
    if (n.inputs.some((x) => again.has(x) || after.has(x))) after.add(n);
    if (isGradient(n)) n.inputs.forEach((x) => arriving.add(x));
  }
  let best: Node | undefined;
  for (const n of arriving) {
    if (!after.has(n) || barred(n) || isGradient(n)) continue;
    if (!best || depth.get(n)! > depth.get(best)!) best = n;
  }
  return best ?? graph.outputs.find((o) => o.name === "loss")!.node;
}
