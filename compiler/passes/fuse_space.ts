import type { Expr } from "../core/expr.ts";
import { anyExpr, coord, input } from "../core/expr.ts";
import { kindOf } from "../core/dtype.ts";
import { Exprs, linearIndex } from "../core/index_expr.ts";
import { stridesOf } from "../core/kernel.ts";
import type { Node } from "../ir/graph.ts";
import { delinearize } from "../ops/view.ts";
import { formOf } from "./form.ts";
import type { Form } from "./form.ts";
import { boundType, elementsOf } from "../ir/bound_type.ts";

/** Row-major strides without padding. */
export function denseStrides(shape: readonly number[]): number[] {
  return stridesOf(shape, "f32");
}

/** Simplified coordinates, one object for equal ones of one space. */
export type Coords = readonly Expr[];

/** That a node reads its input `k` at `at`, where a guard holds. */
export interface Read {
  readonly k: number;
  readonly at: Coords;
  readonly guard: Expr | undefined;
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
  /** Coords whose range follows from a guard only, each with what it stands for: atoms while simplifying. */
  readonly assumed = new Map<Expr, Expr>();
  readonly #atoms = new Map<string, Expr>();
  readonly #standing = new Map<string, Coords>();
  readonly #interned = new Map<string, Coords>();
  readonly #operands = new Map<Form, readonly Coords[]>();
  readonly #reads = new Map<Form, Map<Coords, readonly Read[] | null>>();

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
  coordsOf(node: Node, perRow: boolean): Coords {
    const { shape } = boundType(node);
    const key = `${perRow} ${shape}`;
    let coords = this.#standing.get(key);
    if (!coords) {
      this.#standing.set(key, coords = this.coords(delinearize(perRow ? this.row : this.element, shape)));
    }
    return coords;
  }

  /**
   * Where a map node reads its inputs for its element at `at`; undefined where that depends on their values.
   */
  reads(node: Node, at: Coords): readonly Read[] | undefined {
    const form = formOf(node);
    let known = this.#reads.get(form);
    if (!known) this.#reads.set(form, known = new Map());
    let reads = known.get(at);
    if (reads === undefined) known.set(at, reads = this.#readsOf(node, at) ?? null);
    return reads ?? undefined;
  }

  #readsOf(node: Node, at: Coords): Read[] | undefined {
    if (node.op.kind !== "map") return undefined;
    const reads: Read[] = [];
    let dependsOnValues = false;
    const isValue = (x: Expr) => x.e === "input";
    node.op.expr({
      coords: at,
      type: boundType(node),
      inputs: node.inputs.map(boundType),
      attrs: node.attrs,
      read: (k, coords, guard) => {
        dependsOnValues ||= anyExpr(guard ? [...coords, guard] : coords, isValue);
        const condition = guard && !dependsOnValues ? this.exprs.simplify(guard) : undefined;
        const [never, always] = [0, 1].map((v) => condition?.e === "const" && condition.value === v);
        if (!dependsOnValues && !never) {
          reads.push({ k, at: this.coords(coords), guard: always ? undefined : condition });
        }
        return input(k, kindOf(node.inputs[k].type.dtype));
      },
    });
    return dependsOnValues ? undefined : reads;
  }

  /** Within a guard: coordinates of which it is known that they are inside a shape. */
  assume(at: Coords, shape: readonly number[]): Coords {
    return this.coords(at.map((c, i) => this.#inside(c, shape[i])));
  }

  #inside(c: Expr, extent: number): Expr {
    const { lo, hi } = this.exprs.range(c);
    if (lo >= 0 && hi < extent) return c;
    const key = `${this.exprs.id(c)}/${extent}`;
    let atom = this.#atoms.get(key);
    if (!atom) {
      this.#atoms.set(key, atom = this.exprs.freshCoord(extent));
      if (atom.e === "coord") this.assumed.set(atom, c);
    }
    return atom;
  }

  /** The one list that stands for coordinates. */
  coords(coords: readonly Expr[]): Coords {
    const simplified = coords.map((c) => this.exprs.simplify(c));
    const key = simplified.map((c) => this.exprs.id(c)).join();
    const known = this.#interned.get(key);
    if (!known) this.#interned.set(key, simplified);
    return known ?? simplified;
  }

  /** Row-major position of coordinates in a node. */
  position(node: Node, coords: readonly Expr[]): Expr {
    return this.exprs.simplify(linearIndex(coords, denseStrides(boundType(node).shape)));
  }

  /** Where an anchor reads its operands: one list of coordinates an operand. */
  operandCoords(anchor: Node): readonly Coords[] {
    const form = formOf(anchor);
    let operands = this.#operands.get(form);
    if (!operands) this.#operands.set(form, operands = this.#operandsOf(anchor));
    return operands;
  }

  #operandsOf(anchor: Node): Coords[] {
    const at = this.coordsOf(anchor, true);
    if (anchor.op.kind === "contract") {
      const [batch, m, n, k] = [at.slice(0, -2), at[at.length - 2], at[at.length - 1], this.#inner[0]];
      return [this.coords([...batch, m, k]), this.coords([...batch, k, n])];
    }
    const { shape } = boundType(anchor.inputs[0]);
    const axes = anchor.attrs.axes as readonly number[];
    const position = linearIndex(this.#inner, denseStrides(this.inner));
    const within = delinearize(position, axes.map((a) => shape[a]));
    let kept = 0;
    return [this.coords(shape.map((_, i) => axes.includes(i) ? within[axes.indexOf(i)] : at[kept++]))];
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
