import { byteSize } from "../core/dtype.ts";
import { rowLength } from "../core/kernel.ts";
import type { StateLayout, StateSlot } from "../core/program.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import { mapGraph, nodesOf, same, topological, usersOf } from "../ir/graph.ts";
import { expand } from "../ops/broadcast.ts";
import { stateNode } from "../ops/leaf.ts";
import { reduceSum } from "../ops/broadcast.ts";
import { slice } from "../ops/view.ts";
import type { ArenaRun, ColumnSlot } from "./fuse_arena.ts";
import { arenaRun, columnSlots, GRADS, pack } from "./fuse_arena.ts";
import type { FlatLeaf } from "./fuse_flat.ts";
import { isElementwise, scalarOf, Signatures } from "./fuse_flat.ts";
import { boundType } from "../ir/bound_type.ts";

export interface Horizontal {
  readonly graph: Graph;
  /** The runs of slots that the graph reads or writes as one, by name. */
  readonly arenas: ReadonlyMap<string, ArenaRun>;
}

/**
 * Joins what is done alike to many parameters: updates with the same expression over neighbouring slots of congruent
 * arenas become one elementwise expression over the arenas, and the norm and the overflow check one reduction over all
 * gradients, which are stored side by side. For scheduling alone; values are unchanged but for the order of sums.
 */
export function horizontal(graph: Graph, layout: StateLayout): Horizontal {
  const arenas = new Map<string, ArenaRun>();
  const columns = new Columns(layout, arenas);
  const gradients = findGradients(graph, columns);
  const packed = packGradients(gradients, columns, layout);
  const reduced = packed ? joinReductions(graph, gradients, packed, columns) : graph;
  return { graph: joinUpdates(reduced, gradients, packed, columns), arenas };
}

/** The State's columns: which slots stand side by side in the same order. */
class Columns {
  readonly #slots = new Map<string, ColumnSlot>();
  /** For each slot, the one that stands next in its buffer. */
  readonly #following = new Map<StateSlot, StateSlot>();

  constructor(readonly layout: StateLayout, readonly arenas: Map<string, ArenaRun>) {
    const last = new Map<string, StateSlot>();
    for (const s of [...layout.slots].sort((a, b) => a.offset - b.offset)) {
      const before = last.get(s.buffer);
      if (before) this.#following.set(before, s);
      last.set(s.buffer, s);
    }
    for (const s of columnSlots(layout)) if (isDense(s)) this.#slots.set(s.slot.name, s);
  }

  slot(name: string): ColumnSlot | undefined {
    return this.#slots.get(name);
  }

  at(column: string, path: string): ColumnSlot | undefined {
    return this.#slots.get(`${column}/${path}`);
  }

  /** Whether no other slot stands between two of one column. */
  isNext(a: ColumnSlot, b: ColumnSlot): boolean {
    return this.#following.get(a.slot) === b.slot;
  }

  /** The slots of some neighbouring paths in a column, as one tensor. */
  run(column: string, paths: readonly string[]): ArenaRun {
    const slots = paths.map((p) => this.at(column, p)!);
    const [first, last] = [slots[0], slots[slots.length - 1]];
    const run = arenaRun(
      first.slot.buffer,
      first.slot.dtype,
      first.start,
      last.start + last.size - first.start,
      slots.map((s) => s.slot.name),
    );
    this.arenas.set(run.name, run);
    return run;
  }
}

/** Whether the slot's elements stand without gaps. */
function isDense({ slot, size }: ColumnSlot): boolean {
  const row = slot.shape.at(-1) ?? 1;
  return rowLength(slot.shape, slot.dtype) === row || size === row;
}

/** The state outputs of a path, in order, where there is more than the path's own scalar state. */
function outputsByPath(graph: Graph, columns: Columns): Map<string, Output[]> {
  const byPath = new Map<string, Output[]>();
  for (const o of graph.outputs) {
    const slot = o.kind === "state" ? columns.slot(o.name) : undefined;
    if (!slot || o.node.type.shape.length === 0) continue;
    const known = byPath.get(slot.path);
    if (known) known.push(o);
    else byPath.set(slot.path, [o]);
  }
  return byPath;
}

function slotLeaf(n: Node, path: string, columns: Columns): ColumnSlot | undefined {
  const slot = n.op.name === "state" ? columns.slot(String(n.attrs.slot)) : undefined;
  return slot?.path === path ? slot : undefined;
}

/**
 * The gradient of each path in its updates: of what the updates read besides slots and scalars, the last node that
 * depends on nothing else. Only f32 gradients of the parameter's own shape.
 */
function findGradients(graph: Graph, columns: Columns): Map<string, Node> {
  const out = new Map<string, Node>();
  for (const [path, outputs] of outputsByPath(graph, columns)) {
    const pure = new Map<Node, boolean>();
    const inner: Node[] = [];
    for (const n of cone(outputs.map((o) => o.node), path, columns)) {
      const outside = !isElementwise(n);
      const leaf = slotLeaf(n, path, columns) !== undefined || scalarOf(n) !== undefined;
      pure.set(n, !leaf && (outside || n.inputs.every((x) => pure.get(x))));
      inner.push(n);
    }
    const frontier = new Set(
      inner.filter((n) => !pure.get(n)).flatMap((n) => n.inputs.filter((x) => pure.get(x))),
    );
    const first = [...frontier].filter((n) => n.type.dtype === "f32");
    const g = first.find((n) => [...frontier].every((f) => f === n || dependsOn(f, n, inner)));
    const slot = columns.at("param", path);
    if (g && slot && boundType(g).shape.reduce((a, b) => a * b, 1) === slot.size) out.set(path, g);
  }
  return out;
}

/** Nodes of the updates' elementwise part and what it stands on, inputs first. */
function cone(roots: readonly Node[], path: string, columns: Columns): Node[] {
  const out: Node[] = [];
  const seen = new Set<Node>();
  const visit = (n: Node) => {
    if (seen.has(n)) return;
    seen.add(n);
    if (isElementwise(n) && !scalarOf(n) && !slotLeaf(n, path, columns)) n.inputs.forEach(visit);
    out.push(n);
  };
  roots.forEach(visit);
  return out;
}

function dependsOn(n: Node, on: Node, within: readonly Node[]): boolean {
  const inside = new Set(within);
  const stack = [n];
  while (stack.length > 0) {
    const x = stack.pop()!;
    if (x === on) return true;
    if (isElementwise(x)) stack.push(...x.inputs.filter((i) => inside.has(i)));
  }
  return false;
}

/** One tensor of all gradients, where each can be stored in its place. */
function packGradients(
  gradients: Map<string, Node>,
  columns: Columns,
  layout: StateLayout,
): Node | undefined {
  const arena = layout.buffers.find((b) => b.name === GRADS);
  const users = new Map<Node, number>();
  for (const g of gradients.values()) users.set(g, (users.get(g) ?? 0) + 1);
  for (const [path, g] of gradients) {
    // A value that stands elsewhere already, or is the gradient of two parameters, keeps its own place.
    if (!arena || users.get(g)! > 1 || g.op.kind === "leaf") gradients.delete(path);
  }
  if (gradients.size === 0) return undefined;
  const paths = [...gradients.keys()].sort((a, b) =>
    columns.at("param", a)!.start - columns.at("param", b)!.start
  );
  const starts = paths.map((p) => columns.at("param", p)!.start);
  return pack(paths.map((p) => gradients.get(p)!), starts, arena!.bytes / byteSize("f32"));
}

/** The overflow check, and sums over every gradient, over the packed gradients. */
function joinReductions(
  graph: Graph,
  gradients: ReadonlyMap<string, Node>,
  packed: Node,
  columns: Columns,
): Graph {
  const pathOf = new Map([...gradients].map(([p, g]) => [g, p]));
  const sums = sumsOfAll(graph, gradients, columns);
  return mapGraph(graph, (node, inputs) => {
    if (node.op.kind === "flag") {
      const rest = inputs.filter((x) => !pathOf.has(x));
      return new Builder(node.origin).node(node.op, [packed, ...rest]);
    }
    const body = sums.get(node);
    if (!body) return same(node, inputs);
    const b = new Builder(node.origin);
    return reduceSum(
      b,
      rebuildFlat(b, body, (n) => pathOf.has(n) ? packed : undefined, [boundType(packed).shape[0]]),
      [0],
    );
  });
}

/**
 * Chains of additions whose terms are, for every gradient once, the sum of the same expression of it; with the
 * expression in terms of one of them. The expression is 0 where the gradient is, as between the gradients.
 */
function sumsOfAll(graph: Graph, gradients: ReadonlyMap<string, Node>, columns: Columns): Map<Node, Node> {
  const found = new Map<Node, Node>();
  const signatures = new Signatures();
  const nodes = nodesOf(graph);
  const users = usersOf(nodes);
  const pathOf = new Map([...gradients].map(([path, g]) => [g, path]));
  const isSum = (n: Node) => n.op.name === "add" && n.type.shape.length === 0;
  for (const top of nodes) {
    if (!isSum(top) || users.get(top)!.some(isSum)) continue;
    const terms: Node[] = [];
    const stack = [top];
    while (stack.length > 0) {
      const n = stack.pop()!;
      if (isSum(n) && (n === top || users.get(n)!.length === 1)) stack.push(...n.inputs);
      else terms.push(n);
    }
    const kinds = new Set<number | undefined>();
    const covered = new Set<string>();
    for (const t of terms) {
      const whole = t.op.name === "sum" && t.type.shape.length === 0;
      // What is zero where a gradient is, is made of that gradient.
      const within = whole ? topological([t.inputs[0]], isElementwise) : [];
      for (const g of within) {
        const path = pathOf.get(g);
        if (path === undefined) continue;
        const id = signatures.of(t.inputs[0], (n) => leafOf(n, path, g, columns), new Map());
        if (id === undefined || !isZeroAtZero(t.inputs[0], g)) continue;
        kinds.add(id);
        covered.add(path);
      }
    }
    if (kinds.size === 1 && covered.size === gradients.size && terms.length === covered.size) {
      found.set(top, terms[0].inputs[0]);
    }
  }
  return found;
}

function leafOf(n: Node, path: string, g: Node | undefined, columns: Columns): FlatLeaf | undefined {
  if (n === g) return { kind: "gradient" };
  const slot = slotLeaf(n, path, columns);
  if (slot) return { kind: "slot", column: slot.column };
  const scalar = scalarOf(n);
  return scalar && { kind: "scalar", node: scalar };
}

function isZeroAtZero(n: Node, g: Node): boolean {
  if (n === g) return true;
  if (n.op.name === "mul") return n.inputs.some((x) => isZeroAtZero(x, g));
  return ["neg", "abs", "square", "cast", "add", "sub"].includes(n.op.name) &&
    n.inputs.every((x) => isZeroAtZero(x, g));
}

/** An elementwise expression again, over flat tensors in place of its leaves. */
function rebuildFlat(
  b: Builder,
  root: Node,
  leaf: (n: Node) => Node | undefined,
  shape: readonly number[],
): Node {
  const memo = new Map<Node, Node>();
  const flat = (n: Node): Node => {
    let made = memo.get(n);
    if (made) return made;
    const scalar = scalarOf(n);
    made = leaf(n) ??
      (scalar ? expand(b, scalar, shape) : new Builder(n.origin).node(n.op, n.inputs.map(flat), n.attrs));
    memo.set(n, made);
    return made;
  };
  return flat(root);
}

interface Update {
  readonly path: string;
  readonly outputs: readonly Output[];
  /** Columns that the update reads or writes. */
  readonly columns: readonly string[];
  readonly key: string;
  readonly usesGradient: boolean;
}

/** Updates of neighbouring parameters with the same expressions, as one update each. */
function joinUpdates(
  graph: Graph,
  gradients: ReadonlyMap<string, Node>,
  packed: Node | undefined,
  columns: Columns,
): Graph {
  const signatures = new Signatures();
  const updates: Update[] = [];
  for (const [path, outputs] of outputsByPath(graph, columns)) {
    const g = gradients.get(path);
    const touched = new Set<string>();
    let usesGradient = false;
    const leaf = (n: Node) => {
      const found = leafOf(n, path, g, columns);
      if (found?.kind === "slot") touched.add(found.column);
      usesGradient ||= found?.kind === "gradient";
      return found;
    };
    const memo = new Map<Node, number | undefined>();
    const ids = outputs.map((o) => {
      const column = columns.slot(o.name)!.column;
      touched.add(column);
      return [column, signatures.of(o.node, leaf, memo)] as const;
    });
    if (ids.some(([, id]) => id === undefined)) continue;
    const key = ids.map(([c, id]) => `${c}=${id}`).sort().join(" ");
    updates.push({ path, outputs, columns: [...touched].sort(), key, usesGradient });
  }
  const replaced = new Set<Output>();
  const added: Output[] = [];
  for (const run of runsOf(updates, columns)) {
    if (run.length === 1 && !run[0].usesGradient) continue;
    run.forEach((u) => u.outputs.forEach((o) => replaced.add(o)));
    added.push(...joined(run, gradients, packed, columns));
  }
  return { outputs: [...graph.outputs.filter((o) => !replaced.has(o)), ...added] };
}

/** Updates of one kind whose slots are neighbours in every column they touch. */
function runsOf(updates: readonly Update[], columns: Columns): Update[][] {
  const column = (u: Update) => u.columns.includes("param") ? "param" : u.columns[0];
  const start = (u: Update, c: string) => columns.at(c, u.path)!;
  const sorted = [...updates].sort((a, b) => {
    const [x, y] = [start(a, column(a)), start(b, column(b))];
    return x.slot.buffer < y.slot.buffer ? -1 : x.slot.buffer > y.slot.buffer ? 1 : x.start - y.start;
  });
  const runs: Update[][] = [];
  for (const u of sorted) {
    const last = runs.at(-1)?.at(-1);
    const follows = last && last.key === u.key && last.columns.join() === u.columns.join() &&
      u.columns.every((c) => {
        const [a, b] = [start(last, c), start(u, c)];
        const [p, q] = [start(last, column(u)), start(u, column(u))];
        return a.slot.buffer === b.slot.buffer && b.start - a.start === q.start - p.start &&
          q.start > p.start &&
          columns.isNext(a, b);
      }) && (!u.usesGradient || u.columns.includes("param"));
    if (follows) runs.at(-1)!.push(u);
    else runs.push([u]);
  }
  return runs;
}

function joined(
  run: readonly Update[],
  gradients: ReadonlyMap<string, Node>,
  packed: Node | undefined,
  columns: Columns,
): Output[] {
  const paths = run.map((u) => u.path);
  const [first] = run;
  const g = gradients.get(first.path);
  const b = new Builder({
    why: paths.length > 1 ? `${paths[0]} and ${paths.length - 1} more alike` : paths[0],
  });
  const lead = columns.at(first.columns.includes("param") ? "param" : first.columns[0], first.path)!;
  const tail = columns.at(lead.column, paths[paths.length - 1])!;
  const length = tail.start + tail.size - lead.start;
  const leaf = (n: Node): Node | undefined => {
    if (n === g) return slice(b, packed!, 0, lead.start, length);
    const slot = slotLeaf(n, first.path, columns);
    return slot && stateNode(b, columns.run(slot.column, paths).name, slot.slot.dtype, [length]);
  };
  return first.outputs.map((o): Output => ({
    kind: "state",
    name: columns.run(columns.slot(o.name)!.column, paths).name,
    node: rebuildFlat(b, o.node, leaf, [length]),
  }));
}
