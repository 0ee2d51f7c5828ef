import type { Node, Origin, Region } from "./op.ts";

export type { Node, Origin, Region };

/**
 * `result`: the host may read it. `state`: becomes the slot's value when the program has run. `grad`: the gradient of the
 * parameter of that path, until the optimizer pass has used it.
 */
export interface Output {
  readonly kind: "result" | "state" | "grad";
  readonly name: string;
  readonly node: Node;
}

/** Everything the outputs reach. All reads of a state slot see its value from before the run. */
export interface Graph {
  readonly outputs: readonly Output[];
}

/**
 * Nodes in an order where inputs come first: depth first from the roots, stable, without recursion. Where `through` does
 * not hold, a node's inputs are left out.
 */
export function topological(roots: readonly Node[], through?: (n: Node) => boolean): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  // The path from a root, and how many inputs of each node on it have been entered.
  const path: Node[] = [];
  const next: number[] = [];
  const enter = (node: Node) => {
    if (seen.has(node)) return;
    seen.add(node);
    path.push(node);
    next.push(0);
  };
  for (const root of roots) {
    enter(root);
    while (path.length > 0) {
      const top = path.length - 1;
      const { inputs } = path[top];
      let i = next[top];
      while (i < inputs.length && seen.has(inputs[i])) i++;
      next[top] = i + 1;
      if (i < inputs.length && (!through || through(path[top]))) enter(inputs[i]);
      else {
        order.push(path.pop()!);
        next.pop();
      }
    }
  }
  return order;
}

const orders = new WeakMap<Graph, readonly Node[]>();

/** The graph's nodes, inputs first. Asked for again and again, and found once. */
export function nodesOf(graph: Graph): readonly Node[] {
  let nodes = orders.get(graph);
  if (!nodes) orders.set(graph, nodes = topological(graph.outputs.map((o) => o.node)));
  return nodes;
}

/** Each node's consumers, in order, a consumer once for each input it takes. */
export function usersOf(nodes: readonly Node[]): Map<Node, Node[]> {
  const users = new Map<Node, Node[]>(nodes.map((n) => [n, []]));
  for (const n of nodes) for (const i of n.inputs) users.get(i)!.push(n);
  return users;
}

/**
 * Rebuilds a graph from its leaves up. `f` gets each old node with its inputs already rebuilt and gives the node that
 * takes its place; give back `same(node, inputs)` to leave it.
 */
export function mapGraph(graph: Graph, f: (node: Node, inputs: readonly Node[]) => Node): Graph {
  const done = new Map<Node, Node>();
  for (const node of nodesOf(graph)) done.set(node, f(node, rebuiltInputs(node, done)));
  return { outputs: graph.outputs.map((o) => ({ ...o, node: done.get(o.node)! })) };
}

/** What a node's inputs have become; the node's own list where that is themselves. */
export function rebuiltInputs(node: Node, done: ReadonlyMap<Node, Node>): readonly Node[] {
  const { inputs } = node;
  for (const x of inputs) if (done.get(x) !== x) return inputs.map((i) => done.get(i)!);
  return inputs;
}

/** The node itself where its inputs are unchanged, else a copy on the new inputs (whose types must be the same). */
export function same(node: Node, inputs: readonly Node[]): Node {
  const unchanged = inputs === node.inputs || inputs.every((x, i) => x === node.inputs[i]);
  return unchanged ? node : { ...node, inputs };
}
