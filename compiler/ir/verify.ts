import { DimError, eqShape } from "../core/shape.ts";
import type { Graph, Node } from "./graph.ts";
import { nodesOf } from "./graph.ts";
import { nodeNames, printNode } from "./print.ts";
import type { Attrs, Op, Region, TensorType } from "./op.ts";
import { deriveType, OpError, showType } from "./op.ts";

export interface VerifyOptions {
  /** Casts are to be explicit: no node depends on a region. */
  readonly explicit?: boolean;
  /** What was found right in graphs before, with what is found right now. */
  readonly sound?: Sound;
}

/**
 * Types that were found to be what the rules derive. A rule knows an op, its operands' types, attributes and region, none
 * of which change; a pass that gives a node other inputs of the same types hands the rest of it on.
 */
export class Sound {
  readonly #known = new Map<Attrs, Derivation>();

  has({ op, attrs, type, region, inputs }: Node): boolean {
    const known = this.#known.get(attrs);
    return known !== undefined && known.op === op && known.type === type && known.region === region &&
      known.inputs.length === inputs.length && inputs.every((x, i) => x.type === known.inputs[i]);
  }

  add({ op, attrs, type, region, inputs }: Node): void {
    this.#known.set(attrs, { op, type, region, inputs: inputs.map((x) => x.type) });
  }
}

interface Derivation {
  readonly op: Op;
  readonly type: TensorType;
  readonly region: Region | undefined;
  readonly inputs: readonly TensorType[];
}

/**
 * What is wrong with a graph; empty for a valid one. Types are those the rules derive, casts are explicit where
 * `explicit` is asked for, outputs are unique, every leaf of one name has one type, and a state output has its slot's.
 */
export function verify(graph: Graph, { explicit, sound }: VerifyOptions = {}): string[] {
  const faults: string[] = [];
  const nodes = nodesOf(graph);
  let names: Map<Node, string> | undefined;
  const slots = new Map<string, Node>();
  const inputs = new Map<string, Node>();
  for (const n of nodes) {
    const fault = (text: string) => {
      names ??= nodeNames(nodes);
      faults.push(`${text}\n    ${printNode(n, names, false)}`);
    };
    if (explicit && n.region) fault("a node still depends on its region");
    if (!sound?.has(n)) {
      const misfit = typeFault(n);
      if (misfit) fault(misfit);
      else sound?.add(n);
    }
    if (n.op.name === "state" || n.op.name === "input") {
      const [kind, known] = n.op.name === "state" ? ["slot", slots] as const : ["input", inputs] as const;
      const name = String(n.attrs.slot ?? n.attrs.name);
      const other = known.get(name);
      if (other && !isSameType(other.type, n.type)) fault(`${kind} ${name} has two types`);
      known.set(name, n);
    }
  }
  const seen = new Set<string>();
  for (const o of graph.outputs) {
    const key = `${o.kind} ${o.name}`;
    if (seen.has(key)) faults.push(`two outputs are called ${key}`);
    seen.add(key);
    const slot = o.kind === "state" ? slots.get(o.name) : undefined;
    if (slot && !isSameType(slot.type, o.node.type)) {
      faults.push(`state ${o.name} is ${showType(slot.type)} and is given ${showType(o.node.type)}`);
    }
  }
  return faults;
}

/** What is wrong with a node's type. */
function typeFault(n: Node): string | undefined {
  try {
    const type = deriveType(n.op, n.inputs.map((x) => x.type), n.attrs, n.region);
    return isSameType(type, n.type) ? undefined : `the type rule gives ${showType(type)}`;
  } catch (e) {
    if (!(e instanceof OpError || e instanceof DimError)) throw e;
    return e.message;
  }
}

function isSameType(a: TensorType, b: TensorType): boolean {
  return a === b || a.dtype === b.dtype && eqShape(a.shape, b.shape);
}
