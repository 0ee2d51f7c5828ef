import { isFloat } from "../core/dtype.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { cast } from "./cast.ts";

/** What definitions of composites share. */

/** Computes in f32 whatever the inputs' floats are, and rounds once to the node's dtype. */
export function inF32(b: Builder, node: Node, f: (inputs: readonly Node[]) => Node): Node {
  const inputs = node.inputs.map((n) => isFloat(n.type.dtype) ? cast(b, n, "f32") : n);
  return cast(b, f(inputs), node.type.dtype);
}

/**
 * For each coordinate that a reduction keeps, in row-major order, the flat positions of the elements that it reduces, in
 * row-major order.
 */
export function groups(shape: readonly number[], axes: readonly number[]): number[][] {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const positions = (chosen: readonly number[]): number[] =>
    chosen.reduce<number[]>(
      (found, axis) =>
        found.flatMap((p) => Array.from({ length: shape[axis] }, (_, i) => p + i * strides[axis])),
      [0],
    );
  const inner = positions(axes);
  return positions(shape.map((_, i) => i).filter((i) => !axes.includes(i)))
    .map((start) => inner.map((p) => start + p));
}

/** Σ with Neumaier's compensation, so that a reference is the more exact of two values compared. */
export function total(values: Iterable<number>): number {
  let sum = 0, rest = 0;
  for (const v of values) {
    const next = sum + v;
    rest += Math.abs(sum) >= Math.abs(v) ? (sum - next) + v : (v - next) + sum;
    sum = next;
  }
  // Infinities leave NaN in the compensation.
  return Number.isFinite(rest) ? sum + rest : sum;
}
