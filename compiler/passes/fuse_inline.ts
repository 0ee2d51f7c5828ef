import { isFloat, isNarrowRange, kindOf } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { bool, f32, i32, prim, rebuild, u32 } from "../core/expr.ts";
import { Exprs } from "../core/index_expr.ts";
import { round } from "../core/round.ts";
import { bound, isBound } from "../core/shape.ts";
import type { Node } from "../ir/graph.ts";
import type { BoundType, TensorType } from "../ir/op.ts";

/** How a kernel has a value that it does not compute from the value's inputs: a load, or an accumulator. */
export type Take = (node: Node, coords: readonly Expr[], guard: Expr | undefined) => Expr | undefined;

/** A node's type, whose dims are numbers. Throws DimError where one is not. */
export function boundType({ type }: Node): BoundType {
  return isBoundType(type) ? type : { dtype: type.dtype, shape: bound(type.shape) };
}

function isBoundType(t: TensorType): t is BoundType {
  return t.shape.every(isBound);
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Writes values of graph nodes as expressions over one kernel's coords, each shared value once. */
export class Inliner {
  readonly #memo = new Map<Node, Map<string, Expr>>();
  /** Coords whose range follows from a guard only: atoms while simplifying, replaced by what they stand for at the end. */
  readonly #assumed = new Map<string, Expr>();
  readonly #meaning = new Map<Expr, Expr>();
  readonly #final = new Map<Expr, Expr>();
  /** Nodes whose values were computed rather than taken. */
  readonly computed = new Set<Node>();

  constructor(
    readonly exprs: Exprs,
    readonly take: Take,
    /** Nodes whose narrow roundings raise the overflow flag. */
    readonly flagged: ReadonlySet<Node>,
  ) {}

  /** The node's value at `coords`, ready for a kernel; 0 where `guard` is false. */
  value(node: Node, coords: readonly Expr[], guard?: Expr): Expr {
    return this.finish(this.at(node, coords.map((c) => this.exprs.simplify(c)), guard));
  }

  finish(e: Expr): Expr {
    if (this.#meaning.size === 0) return e;
    const put = (x: Expr): Expr => {
      const meaning = this.#meaning.get(x);
      return meaning ? rebuild(meaning, put, this.#final) : x;
    };
    return this.exprs.simplify(rebuild(e, put, this.#final));
  }

  /** As `value`, with assumed coords still in it. Coords are simplified. */
  at(node: Node, coords: readonly Expr[], guard: Expr | undefined): Expr {
    const { exprs } = this;
    const condition = guard && exprs.simplify(guard);
    if (condition?.e === "const") {
      if (condition.value === 0) return exprs.simplify(zero(node));
      guard = undefined;
    } else guard = condition;
    const key = coords.map((c) => exprs.id(c)).join() + (guard ? `?${exprs.id(guard)}` : "");
    let known = this.#memo.get(node);
    if (!known) this.#memo.set(node, known = new Map());
    let out = known.get(key);
    if (!out) known.set(key, out = exprs.simplify(this.#compute(node, coords, guard)));
    return out;
  }

  #compute(node: Node, coords: readonly Expr[], guard: Expr | undefined): Expr {
    if (node.op.name === "const") return guarded(constant(node), guard, node);
    const taken = this.take(node, coords, guard);
    if (taken) return taken;
    if (node.op.kind !== "map") {
      throw new Error(`${node.op.name} is neither stored nor computed where it is used`);
    }
    this.computed.add(node);
    const inside = guard ? coords.map((c, i) => this.#assume(c, boundType(node).shape[i])) : coords;
    const type = boundType(node);
    const value = node.op.expr({
      coords: inside,
      type,
      inputs: node.inputs.map(boundType),
      attrs: node.attrs,
      read: (k, at, condition) => {
        const both = guard && condition ? prim("and", guard, condition) : condition ?? guard;
        const where = at === inside ? at : at.map((c) => this.exprs.simplify(c));
        return this.at(node.inputs[k], where, both);
      },
    });
    const rounded = node.op.exact ? value : this.rounded(node, value);
    return guarded(this.exprs.simplify(rounded), guard, node);
  }

  /** A value just computed, rounded to its node's dtype. */
  rounded(node: Node, value: Expr): Expr {
    this.computed.add(node);
    const { dtype } = node.type;
    if (isFloat(dtype) && dtype !== "f32") {
      const flag = isNarrowRange(dtype) && this.flagged.has(node);
      return { e: "round", to: dtype, arg: value, flag, kind: "f32" };
    }
    if (dtype === "u8") return prim("bitand", value, u32(255));
    if (dtype === "i8") {
      // A remainder has its dividend's sign.
      const r = prim("rem", prim("add", value, i32(128)), i32(256));
      return prim("sub", prim("select", prim("lt", r, i32(0)), prim("add", r, i32(256)), r), i32(128));
    }
    return value;
  }

  #assume(c: Expr, extent: number): Expr {
    const { lo, hi } = this.exprs.range(c);
    if (lo >= 0 && hi < extent) return c;
    const key = `${this.exprs.id(c)}/${extent}`;
    let atom = this.#assumed.get(key);
    if (!atom) {
      this.#assumed.set(key, atom = this.exprs.freshCoord(extent));
      if (atom.e === "coord") this.#meaning.set(atom, c);
    }
    return atom;
  }
}

/** The zero of a node's register kind. */
export function zero(node: Node): Expr {
  return ofKind(node, 0);
}

function ofKind(node: Node, value: number): Expr {
  switch (kindOf(node.type.dtype)) {
    case "f32":
      return f32(round(value, node.type.dtype));
    case "i32":
      return i32(value | 0);
    case "u32":
      return u32(value);
    case "bool":
      return bool(value !== 0);
  }
}

function constant(node: Node): Expr {
  return ofKind(node, node.attrs.value as number);
}

function guarded(value: Expr, guard: Expr | undefined, node: Node): Expr {
  if (!guard || isZeroOutside(value, guard)) return value;
  return prim("select", guard, value, zero(node));
}

/** Whether the value is 0 by itself where the guard is false. */
function isZeroOutside(value: Expr, guard: Expr): boolean {
  if (value.e === "load") return value.guard !== undefined && conjuncts(value.guard).includes(guard);
  if (value.e === "const") return value.value === 0;
  if (value.e === "round") return isZeroOutside(value.arg, guard);
  return value.e === "prim" && ["to_f32", "to_i32", "to_u32", "to_bool", "neg"].includes(value.fn) &&
    isZeroOutside(value.args[0], guard);
}

function conjuncts(guard: Expr): Expr[] {
  return guard.e === "prim" && guard.fn === "and" ? [guard, ...guard.args.flatMap(conjuncts)] : [guard];
}
