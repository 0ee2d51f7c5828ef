import { NONE, union } from "../core/sets.ts";
import type { Node } from "../ir/graph.ts";
import { readInputs } from "../ops/identity.ts";
import { packOp } from "./fuse_arena.ts";
import { KernelDag } from "./fuse_dag.ts";
import type { KernelSet } from "./kernel_set.ts";
import { raises, skipOp } from "./fuse_flags.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";
import type { Space, Spaces } from "./fuse_space.ts";
import { Trial } from "./fuse_trial.ts";

/** A kernel while it grows. */
export interface Growing {
  readonly id: number;
  /** Itself alone. */
  readonly self: ReadonlySet<number>;
  readonly family: "map" | "reduce" | "matmul";
  readonly space: Space;
  /** What the kernel exists for: reductions, a contraction, or stored map nodes. */
  readonly anchors: Node[];
  readonly trial: Trial;
  /** What it reads. */
  readonly sources: Set<Node>;
}

/** What there is to know of a node that no kernel hosts: what it needs where it is computed. */
interface Loose {
  /** Kernels whose results it needs. */
  readonly needs: ReadonlySet<number>;
  /** Tensors that it reads. */
  readonly reads: ReadonlySet<Node>;
}

export interface GrowOptions {
  /** Map nodes known to be stored: where no kernel can take them along they get one of their own. */
  readonly stored: ReadonlySet<Node>;
  readonly outputs: ReadonlySet<Node>;
  readonly flagged: ReadonlySet<Node>;
  /** Shared by all attempts. */
  readonly spaces: Spaces;
  /** The State that a stored node takes the place of. */
  readonly replaces: ReadonlyMap<Node, Node>;
  /** Storage buffers that one kernel may bind. */
  readonly maxBindings: number;
  /** Anchors of one kernel beyond which there is no use in growing on. */
  readonly maxAnchors: number;
  /** For a node, those in whose kernels it must not be: there would be too many buffers. */
  readonly apart: ReadonlyMap<Node, ReadonlySet<Node>>;
}

/** A node that is to be placed. */
interface Placing extends Loose {
  readonly n: Node;
  /** What comes before the kernels that it needs. */
  readonly before: KernelSet;
}

/** Elements below which kernels over the same space are joined for the launch they save. */
const SMALL = 1 << 16;
const TINY = 1 << 12;
/** Of as many small kernels alike a reduction looks for one that it may join. */
const WINDOW = 64;

/**
 * Gathers nodes into kernels, inputs first. A reduction joins a kernel that reduces the same rows where that kernel
 * makes what it needs (softmax's sum after its maximum) or reads what it reads; a map node joins the kernel that makes
 * its latest input where both stand element for element. `host` says in which kernel a node can be had without a load;
 * whether it is stored there is decided later.
 */
export class Grower {
  readonly kernels: Growing[] = [];
  readonly dag = new KernelDag();
  readonly host = new Map<Node, Growing>();
  readonly #byId = new Map<number, Growing>();
  /** Reductions by rows and terms a row; kernels that one more value a row may join, by rows. For small ones. */
  readonly #reductions = new Map<string, Growing[]>();
  readonly #joinable = new Map<number, Growing[]>();
  /** Kernels by tensors that they read, where those are not small, and by kernels of which they read anything. */
  readonly #readers = new Map<Node | Growing, Set<Growing>>();
  readonly #loose = new Map<Node, Loose>();
  /** How many buffers kernels bind, as far as it has been counted since they last grew. */
  readonly #bound = new Map<Growing, number>();
  #mostAnchors = 0;
  /** Where the overflow check ends. */
  #check: Growing | undefined;

  constructor(nodes: readonly Node[], private readonly options: GrowOptions) {
    for (const n of nodes) {
      this.#place(n);
      if (this.outgrown) return;
    }
  }

  /** Whether a kernel has more anchors than it may: growing has ended there. */
  get outgrown(): boolean {
    return this.#mostAnchors > this.options.maxAnchors;
  }

  /** Kernels, each after those whose results it needs. */
  inOrder(): Growing[] {
    return this.dag.order().flatMap((id) => this.#byId.get(id) ?? []);
  }

  #place(n: Node): void {
    if (n.op.kind === "leaf") {
      this.#loose.set(n, { needs: NONE, reads: n.op.name === "const" ? NONE : new Set([n]) });
      return;
    }
    const needs = union(n.inputs.map((x) => this.host.get(x)?.self ?? this.#loose.get(x)!.needs));
    if (n.op === packOp) {
      // It stands where its inputs are stored, once all of them are: no kernel that stores one can read it.
      const id = this.dag.add();
      this.dag.depend(id, needs);
      this.#loose.set(n, { needs: new Set([id]), reads: new Set([n]) });
      return;
    }
    const reads = union(
      readInputs(n).map((x) => this.host.has(x) ? new Set([x]) : this.#loose.get(x)!.reads),
    );
    const placing = { n, needs, reads, before: this.dag.before(needs) };
    const host = isAnchor(n) ? this.#placeAnchor(placing) : this.#placeMap(placing);
    if (host) this.host.set(n, host);
    else this.#loose.set(n, { needs, reads });
    if (host && n.op === skipOp) this.#check = host;
  }

  #placeAnchor(p: Placing): Growing {
    const { n } = p;
    const shape = boundType(n).shape;
    const inner = innerOf(n);
    if (n.op.kind === "reduce") {
      for (const k of this.#reductionsFor(p, elementsOf(shape), elementsOf(inner))) {
        if (this.#accepts(k, p) && this.#tryAnchor(k, n)) return this.#extend(k, p);
      }
    }
    const k = this.#open(n.op.kind === "reduce" ? "reduce" : "matmul", shape, inner);
    if (!this.#tryAnchor(k, n)) throw new Error(`${n.op.name} does not fit a kernel of its own`);
    return this.#extend(k, p);
  }

  /** Kernels that reduce the same rows and that a reduction may join for what they make or read, latest first. */
  *#reductionsFor(p: Placing, rows: number, within: number): Iterable<Growing> {
    const elements = rows * within;
    if (elements > SMALL) {
      const near = this.#sharing(p.reads, elements);
      for (const id of p.needs) if (this.#byId.has(id)) near.add(this.#byId.get(id)!);
      const alike = ({ family, space }: Growing) =>
        family === "reduce" && space.rows === rows && space.elements === elements;
      yield* [...near].filter(alike).sort((a, b) => b.id - a.id);
      return;
    }
    const known = this.#reductions.get(`${rows}/${within}`) ?? [];
    let closure: KernelSet | undefined;
    for (const k of known.slice(-WINDOW).reverse()) {
      if (!this.dag.accepts(k.id, p.before)) continue;
      // For a launch alone nothing is made to wait.
      const waits = () => elements > TINY && !this.dag.covers(closure ??= this.dag.closure(p.needs), k.id);
      if (p.needs.has(k.id) || this.#hasRoom(k, p) && !waits()) yield k;
    }
  }

  #placeMap(p: Placing): Growing | undefined {
    const { n } = p;
    // Of the kernels that make its inputs the last one: the others' results can be loaded there.
    const last = [...p.needs].filter((id) => !p.before.has(id));
    for (const id of last.sort((a, b) => this.dag.depth(b) - this.dag.depth(a) || b - a)) {
      const k = this.#byId.get(id);
      if (k && this.#accepts(k, p) && this.#tryMap(k, n)) return this.#extend(k, p);
    }
    if (!this.options.stored.has(n)) return undefined;
    const size = sizeOf(n);
    for (const k of this.#hostsFor(p, size)) {
      if (!this.#tryMap(k, n)) continue;
      if (k.family === "map") k.anchors.push(n);
      return this.#extend(k, p);
    }
    const k = this.#open("map", boundType(n).shape, []);
    k.anchors.push(n);
    return this.#extend(k, p);
  }

  /**
   * Kernels that make one value a row and may take another along: a new state late, since the old one is read until then,
   * what others wait for early.
   */
  #hostsFor(p: Placing, size: number): Growing[] {
    const among = size > SMALL ? this.#sharing(p.reads, size) : this.#joinable.get(size) ?? [];
    const hosts: Growing[] = [];
    for (const k of among) {
      const joins = size > SMALL ? takesRows(k) && k.space.rows === size : this.#hasRoom(k, p);
      if (joins && this.#accepts(k, p)) hosts.push(k);
    }
    const late = size > 1 || this.options.outputs.has(p.n);
    const depth = (k: Growing) => this.dag.depth(k.id);
    return hosts.sort((a, b) => (late ? -1 : 1) * (depth(a) - depth(b) || a.id - b.id));
  }

  /** Kernels that read some of the same, of at least half the elements of a space: a broadcast operand is no reason. */
  #sharing(reads: ReadonlySet<Node>, elements: number): Set<Growing> {
    const found = new Set<Growing>();
    for (const s of reads) {
      if (sizeOf(s) * 2 < elements) continue;
      const host = this.host.get(s);
      this.#readers.get(s)?.forEach((k) => found.add(k));
      if (host) this.#readers.get(host)?.forEach((k) => found.add(k));
    }
    return found;
  }

  #accepts(k: Growing, { n, before }: Placing): boolean {
    const apart = this.options.apart.get(n);
    if (apart && [...apart].some((x) => this.host.get(x) === k)) return false;
    return this.dag.accepts(k.id, before);
  }

  /**
   * Whether a kernel that takes a node along for a launch alone still binds few enough buffers, as far as can be told
   * yet: without this a deep stack's small kernels would first become one and then be taken apart piece by piece.
   */
  #hasRoom(k: Growing, { n, reads }: Placing): boolean {
    const { replaces, maxBindings } = this.options;
    if (maxBindings === Infinity) return true;
    let count = this.#bound.get(k) ?? 0;
    if (count === 0) {
      for (const s of k.sources) if (this.host.get(s) !== k) count++;
      for (const x of k.anchors) if (!isIn(k.sources, replaces.get(x))) count++;
      this.#bound.set(k, count);
    }
    if (count + 1 >= maxBindings) return false;
    for (const s of reads) if (!k.sources.has(s) && this.host.get(s) !== k) count++;
    const old = replaces.get(n);
    if (!isIn(k.sources, old) && !isIn(reads, old)) count++;
    // One more for the overflow flag.
    return count < maxBindings;
  }

  #extend(k: Growing, { needs, reads }: Placing): Growing {
    this.dag.depend(k.id, needs);
    this.#mostAnchors = Math.max(this.#mostAnchors, k.anchors.length);
    this.#bound.delete(k);
    for (const s of reads) {
      if (k.sources.has(s)) continue;
      k.sources.add(s);
      const host = this.host.get(s);
      if (sizeOf(s) * 2 > SMALL) this.#isReadBy(s, k);
      if (host) this.#isReadBy(host, k);
    }
    return k;
  }

  #isReadBy(source: Node | Growing, k: Growing): void {
    const readers = this.#readers.get(source);
    if (readers) readers.add(k);
    else this.#readers.set(source, new Set([k]));
  }

  #open(family: Growing["family"], outer: readonly number[], inner: readonly number[]): Growing {
    const space = this.options.spaces.of(outer, inner);
    const id = this.dag.add();
    const anchors: Node[] = [];
    const isHere = (n: Node) => this.host.get(n)?.id === id;
    const trial = new Trial(
      space,
      family !== "map",
      {
        isAnchor: (n) => isHere(n) && anchors.includes(n),
        isLoaded: (n) => n.op.kind === "leaf" || n.op === packOp || this.host.has(n) && !isHere(n),
        reaches: (n) => this.#loose.get(n)?.needs.has(id) ?? true,
      },
      this.options.flagged,
    );
    const k: Growing = { id, self: new Set([id]), family, space, anchors, trial, sources: new Set() };
    this.kernels.push(k);
    this.#byId.set(k.id, k);
    const { rows } = space;
    if (family === "reduce") push(this.#reductions, `${rows}/${elementsOf(inner)}`, k);
    if (takesRows(k)) push(this.#joinable, rows, k);
    return k;
  }

  #tryAnchor(k: Growing, n: Node): boolean {
    const coords = k.space.operandCoords(n);
    if (!n.inputs.every((x, i) => k.trial.fits(x, coords[i]))) return false;
    k.anchors.push(n);
    return true;
  }

  #tryMap(k: Growing, n: Node): boolean {
    const size = elementsOf(boundType(n).shape);
    const perRow = size === k.space.rows;
    if (!perRow && !(k.family === "reduce" && size === k.space.elements)) return false;
    if (this.#readsWhatItRaises(k, n)) return false;
    return k.trial.fits(n, k.space.coordsOf(n, perRow));
  }

  /** Whether the kernel, with `n` in it, would read the overflow flag while it may still raise it. */
  #readsWhatItRaises(k: Growing, n: Node): boolean {
    if (n.op !== skipOp && this.#check !== k) return false;
    const stack = [...k.anchors, n];
    const seen = new Set<Node>();
    while (stack.length > 0) {
      const x = stack.pop()!;
      if (seen.has(x) || x.op.kind === "leaf" || x.op === packOp) continue;
      seen.add(x);
      if (raises(x, this.options.flagged)) return true;
      // A map node of another kernel may be computed here too.
      const elsewhere = (i: Node) => isAnchor(i) && this.host.get(i) !== k || this.options.stored.has(i);
      stack.push(...readInputs(x).filter((i) => !elsewhere(i)));
    }
    return false;
  }
}

/** Whether one more value a row may join the kernel. */
function takesRows({ family, space }: Growing): boolean {
  return family === "map" || family === "reduce" && space.rows === 1;
}

export function isAnchor(n: Node): boolean {
  return n.op.kind === "reduce" || n.op.kind === "contract";
}

function innerOf(anchor: Node): number[] {
  const { shape } = boundType(anchor.inputs[0]);
  if (anchor.op.kind === "contract") return [shape[shape.length - 1]];
  return (anchor.attrs.axes as readonly number[]).map((a) => shape[a]);
}

function sizeOf(n: Node): number {
  return elementsOf(boundType(n).shape);
}

function isIn(set: { has(x: Node): boolean }, x: Node | undefined): boolean {
  return x !== undefined && set.has(x);
}

function push<K>(lists: Map<K, Growing[]>, key: K, k: Growing): void {
  const list = lists.get(key);
  if (list) list.push(k);
  else lists.set(key, [k]);
}
