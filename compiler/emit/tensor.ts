import type { DType } from "../core/dtype.ts";
import { rowLength } from "../core/kernel.ts";
import type { StateLayout } from "../core/program.ts";
import { bound } from "../core/shape.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { raisedOp } from "../passes/fuse_flags.ts";
import { FOUND_INF } from "../passes/slots.ts";

/** Something that stands in memory: what a kernel's binding shows. Compared by identity. */
export interface Tensor {
  readonly kind: "input" | "state" | "temp" | "result";
  readonly name: string;
  readonly dtype: DType;
  /** The shape under which it is laid out; a tensor may be read under another of as many elements. */
  readonly layout: readonly number[];
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
  readonly all: Tensor[] = [];
  readonly #known = new Map<string | Node, Tensor>();

  constructor(readonly state: StateLayout) {}

  /** What an `input` or `state` leaf reads. */
  leaf(node: Node): Tensor {
    const { dtype, shape } = node.type;
    if (node.op === raisedOp) return this.slot(FOUND_INF);
    return node.op.name === "state"
      ? this.slot(String(node.attrs.slot))
      : this.#make(`input ${node.attrs.name}`, "input", String(node.attrs.name), dtype, bound(shape));
  }

  /** Throws where the State has no such slot: a fault of the passes before. */
  slot(name: string): Tensor {
    const slot = this.state.slots.find((s) => s.name === name);
    if (!slot) throw new Error(`the State has no slot ${name}`);
    return this.#make(`state ${name}`, "state", name, slot.dtype, slot.shape);
  }

  result(name: string, node: Node): Tensor {
    return this.#make(`result ${name}`, "result", name, node.type.dtype, bound(node.type.shape));
  }

  /** Where a stored node stands during the run. */
  temp(node: Node, layout: readonly number[]): Tensor {
    return this.#make(node, "temp", `t${this.all.length}_${node.op.name}`, node.type.dtype, layout);
  }

  #make(
    key: string | Node,
    kind: Tensor["kind"],
    name: string,
    dtype: DType,
    layout: readonly number[],
  ): Tensor {
    let t = this.#known.get(key);
    if (!t) {
      this.#known.set(key, t = { kind, name, dtype, layout });
      this.all.push(t);
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
