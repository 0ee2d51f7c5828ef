import type { Node } from "../ir/graph.ts";
import { readInputs } from "../ops/identity.ts";
import { packOp } from "./fuse_arena.ts";
import type { Kernels } from "./fuse_dag.ts";
import { KernelDag } from "./fuse_dag.ts";
import { raises, skipOp } from "./fuse_flags.ts";
import { boundType, elementsOf } from "./fuse_inline.ts";
import type { Space, Spaces } from "./fuse_space.ts";
import { Trial } from "./fuse_trial.ts";

/** A kernel while it grows. */
export interface Growing {
  readonly id: number;
  readonly family: "map" | "reduce" | "matmul";
  readonly space: Space;
  /** What the kernel exists for: reductions, a contraction, or stored map nodes. */
  readonly anchors: Node[];
  readonly trial: Trial;
  /** What it reads, to tell which kernels have loads in common. */
  readonly sources: Set<Node | Growing>;
}

/** Tensors that an expression reads and the kernels that make them, with the elements of the tensor. */
type Sources = ReadonlyMap<Node | Growing, number>;

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

/** Elements below which kernels over the same space are joined for the launch they save. */
const SMALL = 1 << 16;
const TINY = 1 << 12;

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
  /** Reductions by rows and terms a row; kernels that one more value a row may join, by rows. */
  readonly #reductions = new Map<string, Growing[]>();
  readonly #joinable = new Map<number, Growing[]>();
  readonly #direct = new Map<Node, ReadonlySet<number>>();
  readonly #sources = new Map<Node, Sources>();
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
      this.#direct.set(n, new Set());
      this.#sources.set(n, n.op.name === "const" ? new Map() : new Map([[n, sizeOf(n)]]));
      return;
    }
    const needs = union(n.inputs.map((x) => this.#direct.get(x)!));
    if (n.op === packOp) {
      // It stands where its inputs are stored, once all of them are: no kernel that stores one can read it.
      const id = this.dag.add();
      this.dag.depend(id, needs);
      this.#direct.set(n, new Set([id]));
      this.#sources.set(n, new Map([[n, sizeOf(n)]]));
      return;
    }
    const reads = merge(readInputs(n).map((x) => this.#sources.get(x)!));
    const host = isAnchor(n) ? this.#placeAnchor(n, needs, reads) : this.#placeMap(n, needs, reads);
    if (host) this.host.set(n, host);
    if (host && n.op === skipOp) this.#check = host;
    this.#direct.set(n, host ? new Set([host.id]) : needs);
    this.#sources.set(n, host ? new Map<Node | Growing, number>([[n, sizeOf(n)], [host, sizeOf(n)]]) : reads);
  }

  #placeAnchor(n: Node, needs: ReadonlySet<number>, reads: Sources): Growing {
    if (n.op.kind === "reduce") {
      const inner = innerOf(n);
      const [rows, within] = [elementsOf(boundType(n).shape), elementsOf(inner)];
      const known = this.#reductions.get(`${rows}/${within}`) ?? [];
      let closure: Kernels | undefined;
      const shares = (k: Growing) => sharesBig(reads, k, rows * within);
      const joins = (k: Growing) => {
        if (needs.has(k.id)) return true;
        if (rows * within > SMALL) return shares(k);
        // For a launch alone nothing is made to wait.
        const waits = rows * within > TINY && !this.dag.covers(closure ??= this.dag.closure(needs), k.id);
        return !waits && this.#hasRoom(k, n, reads);
      };
      for (let i = known.length - 1; i >= 0; i--) {
        const k = known[i];
        if (joins(k) && this.#accepts(k, n, needs) && this.#tryAnchor(k, n)) {
          return this.#extend(k, needs, reads);
        }
      }
    }
    const k = this.#open(n.op.kind === "reduce" ? "reduce" : "matmul", boundType(n).shape, innerOf(n));
    if (!this.#tryAnchor(k, n)) throw new Error(`${n.op.name} does not fit a kernel of its own`);
    return this.#extend(k, needs, reads);
  }

  #placeMap(n: Node, needs: ReadonlySet<number>, reads: Sources): Growing | undefined {
    // Of the kernels that make its inputs the last one: the others' results can be loaded there.
    const last = this.dag.latest(needs);
    for (const id of last.sort((a, b) => this.dag.depth(b) - this.dag.depth(a) || b - a)) {
      const k = this.#byId.get(id);
      if (!k) continue;
      if (this.#accepts(k, n, needs) && this.#tryMap(k, n)) return this.#extend(k, needs, reads);
    }
    const size = elementsOf(boundType(n).shape);
    if (!this.options.stored.has(n)) return undefined;
    // Any kernel that makes one value can take another along: a new state late, since the old one is read until then,
    // what others wait for early.
    const candidates = [...this.#joinable.get(size) ?? []];
    const late = size > 1 || this.options.outputs.has(n);
    candidates.sort((a, b) => (late ? -1 : 1) * (this.dag.depth(a.id) - this.dag.depth(b.id) || a.id - b.id));
    for (const k of candidates) {
      if (size > SMALL ? !sharesBig(reads, k, size) : !this.#hasRoom(k, n, reads)) continue;
      if (!this.#accepts(k, n, needs) || !this.#tryMap(k, n)) continue;
      if (k.family === "map") k.anchors.push(n);
      return this.#extend(k, needs, reads);
    }
    const k = this.#open("map", boundType(n).shape, []);
    k.anchors.push(n);
    return this.#extend(k, needs, reads);
  }

  #accepts(k: Growing, n: Node, needs: ReadonlySet<number>): boolean {
    const apart = this.options.apart.get(n);
    if (apart && [...apart].some((x) => this.host.get(x) === k)) return false;
    return this.dag.accepts(k.id, needs);
  }

  /**
   * Whether a kernel that takes a node along for a launch alone still binds few enough buffers, as far as can be told
   * yet: without this a deep stack's small kernels would first become one and then be taken apart piece by piece.
   */
  #hasRoom(k: Growing, n: Node, reads: Sources): boolean {
    const { replaces, maxBindings } = this.options;
    if (maxBindings === Infinity) return true;
    let count = this.#bound.get(k) ?? 0;
    if (count === 0) {
      for (const s of k.sources) if ("op" in s && this.host.get(s) !== k) count++;
      for (const x of k.anchors) if (!isIn(k.sources, replaces.get(x))) count++;
      this.#bound.set(k, count);
    }
    if (count + 1 >= maxBindings) return false;
    for (const s of reads.keys()) if ("op" in s && !k.sources.has(s) && this.host.get(s) !== k) count++;
    const old = replaces.get(n);
    if (!isIn(k.sources, old) && !isIn(reads, old)) count++;
    // One more for the overflow flag.
    return count < maxBindings;
  }

  #extend(k: Growing, needs: Iterable<number>, reads: Sources): Growing {
    this.dag.depend(k.id, needs);
    this.#mostAnchors = Math.max(this.#mostAnchors, k.anchors.length);
    this.#bound.delete(k);
    for (const s of reads.keys()) k.sources.add(s);
    return k;
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
        reaches: (n) => this.#direct.get(n)?.has(id) ?? true,
      },
      this.options.flagged,
    );
    const k: Growing = { id, family, space, anchors, trial, sources: new Set() };
    this.kernels.push(k);
    this.#byId.set(k.id, k);
    const { rows } = space;
    if (family === "reduce") push(this.#reductions, `${rows}/${elementsOf(inner)}`, k);
    if (family === "map" || family === "reduce" && rows === 1) push(this.#joinable, rows, k);
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

/** Whether a kernel reads some of the same, of at least half the elements of a space: a broadcast operand is no reason. */
function sharesBig(reads: Sources, k: Growing, elements: number): boolean {
  for (const [s, size] of reads) if (size * 2 >= elements && k.sources.has(s)) return true;
  return false;
}

function union(sets: readonly ReadonlySet<number>[]): ReadonlySet<number> {
  const some = sets.filter((s) => s.size > 0);
  if (some.length === 1) return some[0];
  const out = new Set<number>();
  for (const s of some) for (const x of s) out.add(x);
  return out;
}

function merge(all: readonly Sources[]): Sources {
  if (all.length === 1) return all[0];
  const out = new Map<Node | Growing, number>();
  for (const m of all) for (const [s, size] of m) out.set(s, Math.max(size, out.get(s) ?? 0));
  return out;
}

function isIn(set: { has(x: Node): boolean }, x: Node | undefined): boolean {
  return x !== undefined && set.has(x);
}

function push<K>(lists: Map<K, Growing[]>, key: K, k: Growing): void {
  const list = lists.get(key);
  if (list) list.push(k);
  else lists.set(key, [k]);
}
