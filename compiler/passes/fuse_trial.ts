import type { Expr } from "../core/expr.ts";
import { acc } from "../core/expr.ts";
import { kindOf } from "../core/dtype.ts";
import { linearIndex } from "../core/index_expr.ts";
import type { Node } from "../ir/graph.ts";
import { boundType } from "../ir/bound_type.ts";
import { both, Inliner } from "./fuse_inline.ts";
import type { Coords, Space } from "./fuse_space.ts";
import { denseStrides } from "./fuse_space.ts";

/** What a growing kernel has of a node. */
export interface Holding {
  /** It computes the node for what it exists for: a reduction, a contraction, a stored map node. */
  readonly isAnchor: (n: Node) => boolean;
  /** It loads the node, which stands in memory or comes from another kernel. */
  readonly isLoaded: (n: Node) => boolean;
  /** One of its anchors may be behind the node, as far as nodes are not loaded. */
  readonly reaches: (n: Node) => boolean;
}

class Elsewhere extends Error {}
/** Thrown many times over: a stack for each would cost more than the attempt. */
const ELSEWHERE = new Elsewhere();

/**
 * Tells what a kernel can compute: a value of which all that is behind it is loaded, or made from the kernel's own
 * results at the row at hand. Coordinates are followed alone; values only where coordinates depend on them.
 */
export class Trial {
  /** What is known to fit, by where; and under a guard. */
  readonly #fitting = new Map<Coords, Set<Node>>();
  readonly #guarded = new Map<Coords, Set<Node>>();
  #values: Inliner | undefined;
  /** Numbers for loads and accumulators, so that different ones are not taken for the same. */
  readonly #numbers = new Map<Node, number>();

  constructor(
    readonly space: Space,
    /** Whether anchors are results of a reduction or contraction, which are there once it is done. */
    readonly accumulates: boolean,
    readonly holding: Holding,
    readonly flagged: ReadonlySet<Node>,
  ) {}

  /** Whether the kernel can have the node's element at `at`, where that is outside the node but for a guard. */
  fits(n: Node, at: Coords, guard?: Expr): boolean {
    const { holding, space } = this;
    if (holding.isLoaded(n)) return true;
    if (holding.isAnchor(n)) {
      if (space.position(n, at) !== space.row) return false;
      if (this.accumulates) return true;
    } else if (!holding.reaches(n)) return true;
    const fitting = guard ? this.#guarded : this.#fitting;
    if (fitting.get(at)?.has(n)) return true;
    const reads = space.reads(n, guard ? space.assume(at, boundType(n).shape) : at);
    const fits = reads
      ? reads.every((r) => this.fits(n.inputs[r.k], r.at, both(guard, r.guard)))
      : this.#computes(n, at, guard);
    if (!fits) return false;
    const known = fitting.get(at);
    if (known) known.add(n);
    else fitting.set(at, new Set([n]));
    return true;
  }

  #computes(n: Node, at: Coords, guard: Expr | undefined): boolean {
    this.#values ??= new Inliner(this.space, (node, coords) => this.#take(node, coords), this.flagged);
    try {
      this.#values.at(n, at, guard);
      return true;
    } catch (error) {
      if (error instanceof Elsewhere) return false;
      throw error;
    }
  }

  #take(n: Node, coords: readonly Expr[]): Expr | undefined {
    const { space, holding } = this;
    const kind = kindOf(n.type.dtype);
    if (holding.isLoaded(n)) {
      const index = linearIndex(coords, denseStrides(boundType(n).shape));
      return { e: "load", binding: this.#number(n), index, kind };
    }
    if (!holding.isAnchor(n)) return undefined;
    if (space.position(n, coords) !== space.row) throw ELSEWHERE;
    return this.accumulates ? acc(this.#number(n), kind) : undefined;
  }

  #number(n: Node): number {
    let number = this.#numbers.get(n);
    if (number === undefined) this.#numbers.set(n, number = this.#numbers.size);
    return number;
  }
}
