import { isFloat } from "../core/dtype.ts";
import type { Dim, Shape } from "../core/shape.ts";
import { broadcast, showShape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Attrs, MapOp } from "../ir/op.ts";
import { OpError } from "../ir/op.ts";
import { expand } from "./broadcast.ts";
import { cast } from "./cast.ts";
import type { Args, ArgValue, LibraryFunction, Param } from "./library.ts";
import { literal, promote } from "./literal.ts";

/** How operands as a program writes them become operands as an op takes them. */

/** A tensor, or a number that is weakly typed. */
export type Operand = Node | Dim;

export function isNode(x: ArgValue): x is Node {
  return typeof x === "object" && "op" in x;
}

/** The shape that all operands broadcast to. Throws OpError naming the first that does not fit those before it. */
export function commonShape(shapes: readonly Shape[]): Shape {
  return shapes.reduce((a, s, i) => {
    const both = broadcast(a, s);
    if (both) return both;
    throw new OpError(`${showShape(a)} and ${showShape(s)} do not broadcast`, {
      expected: showShape(a),
      found: showShape(s),
      input: i,
      help: "axes are aligned from the last; each pair must be equal, or one of them 1",
    });
  });
}

/** The operands expanded to their common shape. */
export function broadcastTogether(b: Builder, nodes: readonly Node[]): Node[] {
  const shape = commonShape(nodes.map((n) => n.type.shape));
  return nodes.map((n) => expand(b, n, shape));
}

/**
 * Numbers as constants, and integers and bools in the dtype that all meet in. Floats are left to the op's precision
 * class when a region is in force, and meet in the widest when none is.
 */
export function sameKind(b: Builder, xs: readonly Operand[], full = false): Node[] {
  const dtypes = xs.filter(isNode).map((n) => n.type.dtype);
  // A full-class operation computes in f32, so its literals need not be rounded to a narrower operand's dtype.
  const nodes = xs.map((v) => isNode(v) ? v : literal(b, v, full ? dtypes.map(inFull) : dtypes));
  const met = promote(nodes.map((n) => n.type.dtype));
  if (nodes.every((n) => n.type.dtype === met)) return nodes;
  const to = b.at({ ...b.origin, why: `the operands of ${b.origin.why} meet in ${met}` });
  return nodes.map((n) => b.region && isFloat(n.type.dtype) ? n : cast(to, n, met));
}

const inFull = (d: Node["type"]["dtype"]) => isFloat(d) ? "f32" : d;

/** An elementwise op on operands as written: literals typed, dtypes and shapes brought together. */
export function apply(b: Builder, op: MapOp, xs: readonly Operand[], attrs: Attrs = {}): Node {
  return b.node(op, broadcastTogether(b, sameKind(b, xs, op.class === "full")), attrs);
}

/** A float tensor: itself, or an integer or bool one as f32. */
export function toFloat(b: Builder, x: Operand): Node {
  const node = isNode(x) ? x : literal(b, x, []);
  if (isFloat(node.type.dtype)) return node;
  return cast(
    b.at({ ...b.origin, why: `${b.origin.why} takes floats: ${node.type.dtype} becomes f32` }),
    node,
    "f32",
  );
}

/** A library name that stands for one op. */
export interface OpFunction extends LibraryFunction {
  readonly op: MapOp;
}

export const tensor = (name: string): Param => ({ name, type: "tensor" });

export interface FunctionInfo {
  readonly doc: string;
  readonly note?: string;
  /** Integers and bools become f32 first. */
  readonly float?: boolean;
  /** Compile-time arguments after the tensors; they become the op's attrs. */
  readonly params?: readonly Param[];
}

/** The library function of an elementwise op, under the op's name, with operands `x`, `y`, `z`. */
export function pointwise(op: MapOp, arity: 1 | 2 | 3, info: FunctionInfo): OpFunction {
  const names = ["x", "y", "z"].slice(0, arity);
  const params = info.params ?? [];
  return {
    op,
    name: op.name,
    params: [...names.map(tensor), ...params],
    class: op.class,
    note: info.note,
    doc: info.doc,
    build(b, args) {
      const xs = names.map((n) => args[n] as Operand);
      const attrs = Object.fromEntries(params.map((p) => [p.name, args[p.name] as number]));
      return apply(b, op, info.float ? floats(b, xs) : xs, attrs);
    },
  };
}

/** Operands of which at least one tensor is a float, so that all meet in floats. */
function floats(b: Builder, xs: readonly Operand[]): readonly Operand[] {
  const nodes = xs.filter(isNode);
  if (nodes.some((n) => isFloat(n.type.dtype))) return xs;
  return xs.map((v, i) => isNode(v) || (nodes.length === 0 && i === 0) ? toFloat(b, v) : v);
}

/** A required tensor argument; a number becomes a constant. */
export function tensorArg(b: Builder, args: Args, name: string): Node {
  const value = args[name];
  return isNode(value) ? value : literal(b, value as Dim, []);
}
