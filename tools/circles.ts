/**
 * Circles in a graph of files.
 *
 * @module
 */

/**
 * One shortest circle for each strongly connected component that has any, each from its alphabetically first node,
 * without that node repeated at the end. Edges to nodes that are no key are left out.
 */
export function findCircles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  return components(edges)
    .map((component) => shortestCircle(component, edges))
    .filter((circle) => circle !== undefined)
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

/** The strongly connected components, by Tarjan's algorithm. */
function components(edges: ReadonlyMap<string, readonly string[]>): Set<string>[] {
  const index = new Map<string, number>(), low = new Map<string, number>();
  const stack: string[] = [], onStack = new Set<string>(), out: Set<string>[] = [];
  const visit = (node: string) => {
    index.set(node, index.size);
    low.set(node, index.get(node)!);
    stack.push(node);
    onStack.add(node);
    for (const next of edges.get(node)!) {
      if (!edges.has(next)) continue;
      if (!index.has(next)) visit(next);
      if (onStack.has(next)) low.set(node, Math.min(low.get(node)!, low.get(next)!));
    }
    if (low.get(node) !== index.get(node)) return;
    const component = new Set(stack.splice(stack.indexOf(node)));
    for (const member of component) onStack.delete(member);
    out.push(component);
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return out;
}

/** Breadth first from the component's first node back to it; undefined for a lone node without an edge to itself. */
function shortestCircle(
  component: Set<string>,
  edges: ReadonlyMap<string, readonly string[]>,
): string[] | undefined {
  const start = [...component].sort()[0];
  const paths = [[start]], seen = new Set<string>();
  for (const path of paths) {
    for (const next of edges.get(path.at(-1)!)!) {
      if (next === start) return path;
      if (!component.has(next) || seen.has(next)) continue;
      seen.add(next);
      paths.push([...path, next]);
    }
  }
}
