import { isFloat, isNarrowRange, kindOf } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { bool, f32, i32, prim, rebuild, u32 } from "../core/expr.ts";
import { round } from "../core/round.ts";
import type { Node } from "../ir/graph.ts";
import { boundType } from "../ir/bound_type.ts";
import type { Coords, Space } from "./fuse_space.ts";

/** How a kernel has a value that it does not compute from the value's inputs: a load, or an accumulator. */
export type Take = (node: Node, coords: readonly Expr[], guard: Expr | undefined) => Expr | undefined;

/** Writes values of graph nodes as expressions over one kernel's coords, each shared value once. */
export class Inliner {
  /** What is known, by guard and coords. */
  readonly #memo = new Map<Expr | undefined, Map<Coords, Map<Node, Expr>>>();
  readonly #final = new Map<Expr, Expr>();
  /** Nodes whose values were computed rather than taken. */
  readonly computed = new Set<Node>();

  constructor(
    readonly space: Space,
    readonly take: Take,
    /** Nodes whose narrow roundings raise the overflow flag. */
    readonly flagged: ReadonlySet<Node>,
  ) {}

  /** The node's value at `coords`, ready for a kernel. */
  value(node: Node, coords: Coords): Expr {
    return this.#finish(this.at(node, coords, undefined));
  }

  #finish(e: Expr): Expr {
    const { assumed } = this.space;
    if (assumed.size === 0) return e;
    const put = (x: Expr): Expr => {
      const meaning = assumed.get(x);
      return meaning ? rebuild(meaning, put, this.#final) : x;
    };
    return this.space.exprs.simplify(rebuild(e, put, this.#final));
  }

  /** As `value`, with assumed coords still in it; 0 where `guard` is false. */
  at(node: Node, coords: Coords, guard: Expr | undefined): Expr {
    const { exprs } = this.space;
    const condition = guard && exprs.simplify(guard);
    if (condition?.e === "const") {
      if (condition.value === 0) return exprs.simplify(zero(node));
      guard = undefined;
    } else guard = condition;
    let there = this.#memo.get(guard);
    if (!there) this.#memo.set(guard, there = new Map());
    let known = there.get(coords);
    if (!known) there.set(coords, known = new Map());
    let out = known.get(node);
    if (!out) known.set(node, out = exprs.simplify(this.#compute(node, coords, guard)));
    return out;
  }

  #compute(node: Node, coords: Coords, guard: Expr | undefined): Expr {
    if (node.op.name === "const") return guarded(constant(node), guard, node);
    const taken = this.take(node, coords, guard);
    if (taken) return taken;
    if (node.op.kind !== "map") {
      throw new Error(`${node.op.name} is neither stored nor computed where it is used`);
    }
    this.computed.add(node);
    const { space } = this;
    const inside = guard ? space.assume(coords, boundType(node).shape) : coords;
    if (node.op.view) {
      const [read] = space.reads(node, inside)!;
      return guarded(this.at(node.inputs[0], read.at, guard), guard, node);
    }
    const value = node.op.expr({
      coords: inside,
      type: boundType(node),
      inputs: node.inputs.map(boundType),
      attrs: node.attrs,
      read: (k, at, condition) =>
        this.at(node.inputs[k], at === inside ? inside : space.coords(at), both(guard, condition)),
    });
    const rounded = node.op.exact ? value : this.rounded(node, value);
    return guarded(space.exprs.simplify(rounded), guard, node);
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
}

/** What holds where two guards do. */
export function both(a: Expr | undefined, b: Expr | undefined): Expr | undefined {
  return a && b ? prim("and", a, b) : a ?? b;
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
