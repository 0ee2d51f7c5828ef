import type { DType } from "../core/dtype.ts";
import { byteSize } from "../core/dtype.ts";
import type { Place } from "../core/kernel.ts";
import { rowLength } from "../core/kernel.ts";
import type { StateLayout, StateSlot } from "../core/program.ts";
import { bound } from "../core/shape.ts";
import type { Graph, Node } from "../ir/graph.ts";
import type { ArenaRun } from "../passes/fuse_arena.ts";
import type { PlacedPart } from "../passes/cluster.ts";
import { GRADS, packOp } from "../passes/fuse_arena.ts";
import { raisedOp } from "../passes/fuse_flags.ts";
import { FOUND_INF } from "../passes/slots.ts";

/** Something that stands in memory: what a kernel's binding shows. Compared by identity. */
export interface Tensor {
  readonly kind: "input" | "state" | "temp" | "result";
  readonly name: string;
  readonly dtype: DType;
  /** The shape under which it is laid out; a tensor may be read under another of as many elements. */
  readonly layout: readonly number[];
  /** Its place in a State buffer. */
  readonly at?: { readonly buffer: string; readonly offset: number };
  /** Tensors of their own that it shows again as one. */
  readonly covers?: readonly Tensor[];
  /** Its place in a temp, by that one's name; its layout is the whole's. */
  readonly place?: Place & { readonly whole: string };
}

/** Whether two shapes put the same elements, in row-major order, at the same addresses. */
export function sameLayout(a: readonly number[], b: readonly number[], dtype: DType): boolean {
  const size = (s: readonly number[]) => s.reduce((x, y) => x * y, 1);
  const dense = (s: readonly number[]) =>
    size(s) === (s.at(-1) ?? 1) || rowLength(s, dtype) === (s.at(-1) ?? 1);
  return size(a) === size(b) && ((a.at(-1) ?? 1) === (b.at(-1) ?? 1) || dense(a) && dense(b));
}

/** The tensors of one program, each made once. */
export class Tensors {
  readonly #known = new Map<string | Node, Tensor>();
  readonly #places = new Map<Node, number>();
  readonly #slots: ReadonlyMap<string, StateSlot>;
  readonly #parts = new Map<Node, PlacedPart & { readonly whole: Node }>();
  #count = 0;

  constructor(
    readonly state: StateLayout,
    readonly arenas: ReadonlyMap<string, ArenaRun>,
    nodes: readonly Node[],
    readonly placed: ReadonlyMap<Node, readonly PlacedPart[]> = new Map(),
  ) {
    for (const [whole, parts] of placed) parts.forEach((p) => this.#parts.set(p.node, { whole, ...p }));
    this.#slots = new Map(state.slots.map((s) => [s.name, s]));
    for (const p of nodes.filter((n) => n.op === packOp)) {
      p.inputs.forEach((x, i) => this.#places.set(x, (p.attrs.starts as readonly number[])[i]));
    }
  }

  /** What stands in memory without any kernel storing it: inputs, state, and gradients seen side by side. */
  standing(node: Node): Tensor | undefined {
    const { dtype, shape } = node.type;
    if (node.op === packOp) {
      const covers = node.inputs.map((x) => this.temp(x, bound(x.type.shape)));
      return this.#make(node, {
        kind: "temp",
        name: GRADS,
        dtype,
        layout: bound(shape),
        at: { buffer: GRADS, offset: 0 },
        covers,
      });
    }
    const parts = this.placed.get(node);
    if (parts) {
      const known = this.#known.get(node);
      if (known) return known;
      const name = `t${this.#count++}_${node.op.name}`, layout = bound(shape);
      const covers = parts.map(({ node: part, place }) =>
        this.#make(part, { kind: "temp", name, dtype, layout, place: { ...place, whole: name } })
      );
      return this.#make(node, { kind: "temp", name, dtype, layout, covers });
    }
    if (node.op.kind !== "leaf" || node.op.name === "const") return undefined;
    if (node.op === raisedOp) return this.slot(FOUND_INF);
    if (node.op.name === "state") return this.slot(String(node.attrs.slot));
    const name = String(node.attrs.name);
    return this.#make(`input ${name}`, { kind: "input", name, dtype, layout: bound(shape) });
  }

  /** Throws where the State has no such slot: a fault of the passes before. */
  slot(name: string): Tensor {
    const run = this.arenas.get(name);
    if (run) {
      const { buffer, dtype, start, length } = run;
      const at = { buffer, offset: start * byteSize(dtype) };
      const covers = run.slots.map((s) => this.slot(s));
      return this.#make(`state ${name}`, { kind: "state", name, dtype, layout: [length], at, covers });
    }
    const slot = this.#slots.get(name);
    if (!slot) throw new Error(`the State has no slot ${name}`);
    const { dtype, shape, buffer, offset } = slot;
    return this.#make(`state ${name}`, { kind: "state", name, dtype, layout: shape, at: { buffer, offset } });
  }

  result(name: string, node: Node): Tensor {
    const { dtype, shape } = node.type;
    return this.#make(`result ${name}`, { kind: "result", name, dtype, layout: bound(shape) });
  }

  /** Where a stored node stands during the run. */
  temp(node: Node, layout: readonly number[]): Tensor {
    const { dtype } = node.type;
    const part = this.#parts.get(node);
    if (part) this.standing(part.whole);
    const start = this.#places.get(node);
    const at = start === undefined ? undefined : { buffer: GRADS, offset: start * byteSize(dtype) };
    const name = `t${this.#count}_${node.op.name}`;
    return this.#make(node, { kind: "temp", name, dtype, layout, ...(at ? { at } : {}) });
  }

  /** Whether the node stands side by side with others. */
  isPacked(node: Node): boolean {
    return this.#places.has(node);
  }

  #make(key: string | Node, tensor: Tensor): Tensor {
    let t = this.#known.get(key);
    if (!t) {
      this.#known.set(key, t = tensor);
      this.#count++;
    }
    return t;
  }
}

/** Where a graph's outputs go: the results and slots that each node's value is copied to. */
export function destinations(graph: Graph, tensors: Tensors): Map<Node, Tensor[]> {
  const out = new Map<Node, Tensor[]>();
  for (const o of graph.outputs) {
    const t = o.kind === "state" ? tensors.slot(o.name) : tensors.result(o.name, o.node);
    out.set(o.node, [...(out.get(o.node) ?? []), t]);
  }
  return out;
}
