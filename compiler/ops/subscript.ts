import type { Dim } from "../core/shape.ts";
import { addDim, eqDim, floorDivDim, isBound, showDim, showShape, subDim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError } from "../ir/op.ts";
import { reshape, slice } from "./view.ts";

/** One item of `x[…]`: a position, or `start:stop:step`; negative ones count from the back, as Python's. */
export type Subscript =
  | { readonly kind: "at"; readonly position: Dim }
  | { readonly kind: "slice"; readonly start?: Dim; readonly stop?: Dim; readonly step?: number };

/**
 * x[items]: one item an axis from the first, the other axes whole; a position drops its axis. Bounds that are numbers are
 * clamped to the axis as Python's are; a position outside it is refused. Throws OpError, whose `input` is the item's
 * index.
 */
export function subscript(b: Builder, x: Node, items: readonly Subscript[]): Node {
  const { shape } = x.type;
  if (items.length > shape.length) {
    throw new OpError(`a tensor of rank ${shape.length} takes at most ${shape.length} indices`, {
      found: showShape(shape),
      input: shape.length,
    });
  }
  const cut = items.reduce((y, item, axis) => {
    const extent = shape[axis];
    if (item.kind === "at") return slice(b, y, axis, position(item.position, extent, axis), 1);
    const { start, count, step } = range(item, extent, axis);
    return slice(b, y, axis, start, count, step);
  }, x);
  return reshape(b, cut, cut.type.shape.filter((_, axis) => items[axis]?.kind !== "at"));
}

function position(p: Dim, extent: Dim, axis: number): Dim {
  const at = fromFront(p, extent);
  if (isBound(at) && (at < 0 || isBound(extent) && at >= extent)) {
    throw new OpError(`axis ${axis} has no position ${showDim(p)}`, {
      expected: isBound(extent) ? `${-extent} to ${extent - 1}` : undefined,
      found: showDim(p),
      input: axis,
    });
  }
  return at;
}

const fromFront = (p: Dim, extent: Dim) => isBound(p) && p < 0 ? addDim(extent, p) : p;

/** Python's slice.indices, as far as the bounds are known. */
function range(item: Subscript & { kind: "slice" }, extent: Dim, axis: number) {
  const step = item.step ?? 1;
  if (!Number.isInteger(step) || step === 0) {
    throw new OpError("the step of a slice is a whole number but 0", { found: String(step), input: axis });
  }
  const [low, high]: Dim[] = step > 0 ? [0, extent] : [-1, subDim(extent, 1)];
  const bound = (given: Dim | undefined, missing: Dim) => {
    if (given === undefined) return missing;
    const at = fromFront(given, extent);
    if (isBound(at) && isBound(low) && at < low) return low;
    return isBound(at) && isBound(high) && at > high ? high : at;
  };
  const start = bound(item.start, step > 0 ? low : high);
  const stop = bound(item.stop, step > 0 ? high : low);
  const span = step > 0 ? subDim(stop, start) : subDim(start, stop);
  const size = Math.abs(step);
  const count = size === 1 ? span : floorDivDim(addDim(span, size - 1), size);
  if (isBound(count) && count <= 0) {
    throw new OpError(`the slice of axis ${axis} is empty`, {
      found: `${showDim(start)} to ${showDim(stop)}`,
      input: axis,
    });
  }
  if (!isBound(count) && eqDim(count, 0)) {
    throw new OpError(`the slice of axis ${axis} is empty`, { input: axis });
  }
  return { start, count, step };
}
