import type { Dim } from "../core/shape.ts";
import { showDim } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import type { Subscript } from "../ops/subscript.ts";
import { subscript } from "../ops/subscript.ts";
import type { Expr, IndexItem } from "../syntax/ast.ts";
import type { Checker, Env } from "./context.ts";
import { builderAt, refusal } from "./context.ts";
import { couldFit } from "./generic_calls.ts";
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
    const at = positions(ck, env, item, length);
    if (!at) return POISON;
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
  const items: Subscript[] = [];
  for (const item of e.items) {
    const made = item.kind === "slice" ? bounds(ck, env, item) : position(ck, env, item.index);
    if (!made) return POISON;
    items.push(made);
  }
  try {
    return tensor(subscript(builderAt(ck, env, e.span, "index"), node, items));
  } catch (error) {
    const refused = refusal(error);
    if (couldFit(env, [{ node }], (b, [trial]) => subscript(b, trial.node as Node, items))) return POISON;
    const at = refused.detail.input === undefined ? undefined : e.items[refused.detail.input];
    ck.report.error("MPT0217", {
      message: refused.message,
      labels: [label(at?.span ?? e.span, "this"), label(e.value.span, describe(tensor(node)))],
      expected: refused.detail.expected,
      found: refused.detail.found,
      help: refused.detail.help,
    });
    return POISON;
  }
}

function position(ck: Checker, env: Env, e: Expr): Subscript | undefined {
  const at = whole(ck, env, e);
  return at === undefined ? undefined : { kind: "at", position: at };
}

type Slice = Extract<IndexItem, { kind: "slice" }>;

/** The bounds of a slice, each an int known when compiling; undefined where one is not, which is reported. */
function bounds(ck: Checker, env: Env, item: Slice): Extract<Subscript, { kind: "slice" }> | undefined {
  const part = (e: Expr | undefined) => e && whole(ck, env, e);
  const [start, stop, step] = [part(item.start), part(item.stop), part(item.step)];
  if ((item.start && start === undefined) || (item.stop && stop === undefined)) return undefined;
  if (item.step && step === undefined) return undefined;
  if (step === undefined || (typeof step === "number" && step !== 0)) {
    return { kind: "slice", start, stop, step };
  }
  ck.report.error("MPT0216", {
    message: step === 0 ? "a slice's step is not 0" : "a slice's step is a number known when compiling",
    labels: [label(item.step!.span, `this is ${showDim(step)}`)],
  });
  return undefined;
}

/** Positions that Python's slice of `length` items takes. */
function positions(ck: Checker, env: Env, item: Slice, length: number): number[] | undefined {
  const b = bounds(ck, env, item);
  if (!b) return undefined;
  const { start = null, stop = null, step = 1 } = b;
  if ((start !== null && typeof start !== "number") || (stop !== null && typeof stop !== "number")) {
    return undefined;
  }
  const [from, to] = clampedEnds(start, stop, step, length);
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
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
