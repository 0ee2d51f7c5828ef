import type { Expr } from "../core/expr.ts";
import { anyExpr, coord } from "../core/expr.ts";
import { kindOf } from "../core/dtype.ts";
import { eqShape } from "../core/shape.ts";
import type { Node } from "../ir/graph.ts";
import type { Attr } from "../ir/op.ts";
import { expandOp } from "../ops/broadcast.ts";
import { perForm } from "./form.ts";
import { boundType } from "../ir/bound_type.ts";

/** Whether each element of a map node depends on nothing but the same element of inputs of its own shape. */
export const isElementwise: (n: Node) => boolean = perForm(readsOnlyItsOwn);

function readsOnlyItsOwn(n: Node): boolean {
  if (n.op.kind !== "map" || n.inputs.some((x) => !eqShape(x.type.shape, n.type.shape))) return false;
  if ("shape" in n.attrs || n.inputs.length === 0) return false;
  const coords = boundType(n).shape.map((_, i) => coord(i));
  let same = true;
  const value = n.op.expr({
    coords,
    type: boundType(n),
    inputs: n.inputs.map(boundType),
    attrs: n.attrs,
    read(k, at, guard): Expr {
      same &&= !guard && at.length === coords.length && at.every((c, i) => c === coords[i]);
      return { e: "input", index: k, kind: kindOf(n.inputs[k].type.dtype) };
    },
  });
  return same && !anyExpr([value], (x) => x.e === "coord");
}

/** The scalar that a node repeats, where it does just that. */
export function scalarOf(n: Node): Node | undefined {
  return n.op === expandOp && n.inputs[0].type.shape.length === 0 ? n.inputs[0] : undefined;
}

/** What an elementwise expression over one parameter's tensors stands on. */
export type FlatLeaf =
  | { readonly kind: "slot"; readonly column: string }
  | { readonly kind: "scalar"; readonly node: Node }
  | { readonly kind: "gradient" };

/**
 * Names elementwise expressions so that two over different parameters are equal where they compute the same from the
 * same columns, the same scalars and the gradient.
 */
export class Signatures {
  readonly #ids = new Map<string, number>();
  readonly #nodes = new Map<Node, number>();

  /** Undefined where the expression reads anything else. */
  of(
    root: Node,
    leaf: (n: Node) => FlatLeaf | undefined,
    memo: Map<Node, number | undefined>,
  ): number | undefined {
    if (memo.has(root)) return memo.get(root);
    const found = leaf(root);
    let key: string | undefined;
    if (found) {
      key = found.kind === "scalar"
        ? `scalar ${this.#node(found.node)}`
        : found.kind === "slot"
        ? `slot ${found.column}`
        : "gradient";
    } else if (isElementwise(root)) {
      const inputs = root.inputs.map((x) => this.of(x, leaf, memo));
      if (!inputs.includes(undefined)) {
        key = `${root.op.name}${showAttrs(root.attrs)}(${inputs.join()}) ${root.type.dtype}`;
      }
    }
    const id = key === undefined ? undefined : this.#id(key);
    memo.set(root, id);
    return id;
  }

  #id(key: string): number {
    if (!this.#ids.has(key)) this.#ids.set(key, this.#ids.size);
    return this.#ids.get(key)!;
  }

  #node(n: Node): number {
    if (!this.#nodes.has(n)) this.#nodes.set(n, this.#nodes.size);
    return this.#nodes.get(n)!;
  }
}

function showAttrs(attrs: Readonly<Record<string, Attr>>): string {
  return JSON.stringify(Object.entries(attrs).sort(([a], [b]) => a < b ? -1 : 1));
}
