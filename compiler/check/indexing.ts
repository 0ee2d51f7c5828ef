import type { Dim } from "../core/shape.ts";
import { addDim, showDim, subDim } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import { reshape, slice } from "../ops/view.ts";
import type { Expr, IndexItem } from "../syntax/ast.ts";
import type { Checker, Env } from "./context.ts";
import { builderAt } from "./context.ts";
import { count, label } from "./report.ts";
import type { Value } from "./values.ts";
import { describe, nodeOf, POISON, tensor } from "./values.ts";

type IndexExpr = Extract<Expr, { kind: "index" }>;

/** `value[items]`: of tensors as NumPy's basic indexing, of lists, tuples and stacks as Python's. */
export function index(ck: Checker, env: Env, e: IndexExpr, value: Value): Value {
  if (value.kind === "poison") return POISON;
  const node = nodeOf(value);
  if (node) return indexTensor(ck, env, e, node);
  if (value.kind !== "list" && value.kind !== "tuple" && value.kind !== "stack") {
    ck.report.error("MPT0216", {
      message: "this has nothing to index",
      labels: [label(e.value.span, `this is ${describe(value)}`)],
      help: "tensors, lists, tuples and stacks take [ ]",
    });
    return POISON;
  }
  const length = value.kind === "stack" ? value.members.length : value.items.length;
  if (e.items.length !== 1) {
    ck.report.error("MPT0216", {
      message: `${describe(value)} has one axis`,
      labels: [label(e.span, count(e.items.length, "index").replace("indexs", "indices"))],
    });
    return POISON;
  }
  const item = e.items[0];
  if (item.kind === "slice") {
    const range = sliceRange(ck, env, item, length);
    if (!range || typeof range.count !== "number" || typeof range.start !== "number") return POISON;
    const { start, step } = range;
    const at = Array.from({ length: range.count }, (_, i) => (start as number) + i * step);
    if (value.kind === "stack") return { ...value, members: at.map((i) => value.members[i]) };
    return { kind: value.kind, items: at.map((i) => value.items[i]) };
  }
  const i = whole(ck, env, item.index);
  if (i === undefined) return POISON;
  // A stack of unknown depth has one member that stands for all.
  if (typeof i !== "number") {
    if (value.kind === "stack" && length > 0) return { kind: "instance", instance: value.members[0] };
    return POISON;
  }
  const at = i < 0 ? i + length : i;
  if (at < 0 || at >= length) {
    outOfRange(ck, item.span, i, length, `${describe(value)} has ${length}`);
    return POISON;
  }
  return value.kind === "stack" ? { kind: "instance", instance: value.members[at] } : value.items[at];
}

function outOfRange(ck: Checker, span: Span, i: number, length: number, text: string): void {
  ck.report.error("MPT0217", {
    message: `index ${i} is out of range`,
    labels: [label(span, text)],
    expected: length === 0 ? "nothing: it is empty" : `${-length} to ${length - 1}`,
    found: `${i}`,
  });
}

/** An int known when compiling, perhaps symbolic. */
function whole(ck: Checker, env: Env, e: Expr): Dim | undefined {
  const v = ck.evaluate(e, env);
  if (v.kind === "poison") return undefined;
  if (v.kind === "number" && v.exact !== undefined) return v.exact;
  const node = nodeOf(v);
  ck.report.error("MPT0216", {
    message: "an index is an int known when compiling",
    labels: [label(e.span, `this is ${describe(v)}`)],
    expected: "an int",
    found: describe(v),
    help: node ? "gather(x, indices, axis) picks by the values of a tensor" : undefined,
  });
  return undefined;
}

interface Range {
  readonly start: Dim;
  readonly count: Dim;
  readonly step: number;
}

function indexTensor(ck: Checker, env: Env, e: IndexExpr, node: Node): Value {
  const rank = node.type.shape.length;
  if (e.items.length > rank) {
    ck.report.error("MPT0216", {
      message: `${count(e.items.length, "index").replace("indexs", "indices")} for ${
        count(rank, "axis").replace("axiss", "axes")
      }`,
      labels: [label(e.items[rank].span, "one too many"), label(e.value.span, describe(tensor(node)))],
    });
    return POISON;
  }
  const build = builderAt(ck, env, e.span, "index");
  let out = node;
  const kept: boolean[] = [];
  for (const [axis, item] of e.items.entries()) {
    const extent = node.type.shape[axis];
    const range = item.kind === "slice"
      ? sliceRange(ck, env, item, extent)
      : elementRange(ck, env, item, extent, axis);
    if (!range) return POISON;
    out = slice(build, out, axis, range.start, range.count, range.step);
    kept.push(item.kind === "slice");
  }
  if (kept.every(Boolean)) return tensor(out);
  return tensor(reshape(build, out, out.type.shape.filter((_, axis) => kept[axis] ?? true)));
}

function elementRange(
  ck: Checker,
  env: Env,
  item: Extract<IndexItem, { kind: "at" }>,
  extent: Dim,
  axis: number,
): Range | undefined {
  const i = whole(ck, env, item.index);
  if (i === undefined) return undefined;
  if (typeof i === "number" && typeof extent === "number" && (i < -extent || i >= extent)) {
    outOfRange(ck, item.span, i, extent, `axis ${axis} has ${extent}`);
    return undefined;
  }
  return { start: fromFront(i, extent), count: 1, step: 1 };
}

/** A negative number counts from the end. */
function fromFront(i: Dim, extent: Dim): Dim {
  return typeof i === "number" && i < 0 ? addDim(i, extent) : i;
}

/** Python's slice of `extent` elements; bounds beyond the ends are clamped where both are numbers. */
function sliceRange(
  ck: Checker,
  env: Env,
  item: Extract<IndexItem, { kind: "slice" }>,
  extent: Dim,
): Range | undefined {
  const part = (e: Expr | undefined) => e === undefined ? null : whole(ck, env, e);
  const from = part(item.start);
  const to = part(item.stop);
  const by = part(item.step) ?? (item.step ? undefined : 1);
  if (from === undefined || to === undefined || by === undefined) return undefined;
  if (typeof by !== "number" || by === 0) {
    ck.report.error("MPT0216", {
      message: by === 0 ? "a slice's step is not 0" : "a slice's step is a number known when compiling",
      labels: [label(item.step!.span, `this is ${showDim(by)}`)],
    });
    return undefined;
  }
  const ends = [from, to].every((d) => d === null || typeof d === "number");
  if (typeof extent === "number" && ends) {
    const [start, stop] = clampedEnds(from as number | null, to as number | null, by, extent);
    return { start, count: Math.max(0, Math.ceil((stop - start) / by)), step: by };
  }
  if (by !== 1) {
    if (from === null && to === null && by === -1) {
      return { start: subDim(extent, 1), count: extent, step: -1 };
    }
    ck.report.error("MPT0216", {
      message: "a slice with a step needs sizes known when compiling",
      labels: [label(item.span, `of an axis of ${showDim(extent)}`)],
      help: `give the axis a number in the input's type`,
    });
    return undefined;
  }
  const start = from === null ? 0 : fromFront(from, extent);
  const stop = to === null ? extent : fromFront(to, extent);
  const size = subDim(stop, start);
  if (typeof size === "number" && size < 0) {
    ck.report.error("MPT0217", {
      message: "this slice ends before it starts",
      labels: [label(item.span, `from ${showDim(start)} to ${showDim(stop)}`)],
    });
    return undefined;
  }
  return { start, count: size, step: 1 };
}

function clampedEnds(from: number | null, to: number | null, by: number, extent: number): [number, number] {
  const clamp = (i: number) => {
    const at = i < 0 ? i + extent : i;
    return by > 0 ? Math.min(Math.max(at, 0), extent) : Math.min(Math.max(at, -1), extent - 1);
  };
  return [
    from === null ? (by > 0 ? 0 : extent - 1) : clamp(from),
    to === null ? (by > 0 ? extent : -1) : clamp(to),
  ];
}
