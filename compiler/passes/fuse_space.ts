import type { Expr } from "../core/expr.ts";
import { coord } from "../core/expr.ts";
import { Exprs, linearIndex } from "../core/index_expr.ts";
import { stridesOf } from "../core/kernel.ts";
import type { Node } from "../ir/graph.ts";
import { delinearize } from "../ops/view.ts";
import { boundType, elementsOf } from "./fuse_inline.ts";

/** Row-major strides without padding. */
export function denseStrides(shape: readonly number[]): number[] {
  return stridesOf(shape, "f32");
}

/**
 * A kernel's iteration space, and where in it nodes stand. Values correspond by row-major position: a node of as many
 * elements as there are rows has one element a row, whatever its shape.
 */
export class Space {
  readonly exprs: Exprs;
  /** Row-major position of a row, and of an element within all rows. */
  readonly row: Expr;
  readonly element: Expr;
  readonly #inner: readonly Expr[];
  readonly #coords = new Map<string, Expr[]>();

  constructor(readonly outer: readonly number[], readonly inner: readonly number[]) {
    this.exprs = new Exprs([...outer, ...inner]);
    const rows = outer.map((_, i) => coord(i));
    this.#inner = inner.map((_, i) => coord(outer.length + i));
    this.row = this.exprs.simplify(linearIndex(rows, denseStrides(outer)));
    this.element = this.exprs.simplify(
      linearIndex([...rows, ...this.#inner], denseStrides([...outer, ...inner])),
    );
  }

  get rows(): number {
    return elementsOf(this.outer);
  }

  get elements(): number {
    return this.rows * elementsOf(this.inner);
  }

  /** Coordinates of a node with one element a row, or with one an element. */
  coordsOf(node: Node, perRow: boolean): Expr[] {
    const { shape } = boundType(node);
    const key = `${perRow} ${shape}`;
    let coords = this.#coords.get(key);
    if (!coords) {
      coords = delinearize(perRow ? this.row : this.element, shape).map((c) => this.exprs.simplify(c));
      this.#coords.set(key, coords);
    }
    return coords;
  }

  /** Row-major position of coordinates in a node. */
  position(node: Node, coords: readonly Expr[]): Expr {
    return this.exprs.simplify(linearIndex(coords, denseStrides(boundType(node).shape)));
  }

  /** Where an anchor reads its operands: one list of coordinates an operand. */
  operandCoords(anchor: Node): Expr[][] {
    const at = this.coordsOf(anchor, true);
    if (anchor.op.kind === "contract") {
      const [batch, m, n, k] = [at.slice(0, -2), at[at.length - 2], at[at.length - 1], this.#inner[0]];
      return [[...batch, m, k], [...batch, k, n]];
    }
    const { shape } = boundType(anchor.inputs[0]);
    const axes = anchor.attrs.axes as readonly number[];
    const position = linearIndex(this.#inner, denseStrides(this.inner));
    const within = delinearize(position, axes.map((a) => shape[a]));
    let kept = 0;
    return [
      shape.map((_, i) => this.exprs.simplify(axes.includes(i) ? within[axes.indexOf(i)] : at[kept++])),
    ];
  }
}

/** Spaces by extents: the kernels of like layers share one, and with it what is known of its expressions. */
export class Spaces {
  readonly #known = new Map<string, Space>();

  of(outer: readonly number[], inner: readonly number[]): Space {
    const key = `${outer}/${inner}`;
    let space = this.#known.get(key);
    if (!space) this.#known.set(key, space = new Space(outer, inner));
    return space;
  }
}
