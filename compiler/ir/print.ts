import type { Span } from "../core/span.ts";
import { Poly } from "../core/shape.ts";
import type { Graph, Node, Origin, Region } from "./graph.ts";
import { nodesOf } from "./graph.ts";
import type { Attr, Attrs } from "./op.ts";
import { showType } from "./op.ts";

/**
 * The exact text of a graph; `parseGraph` reads it back to an equal one.
 *
 * ```
 * graph {
 *   %0: u8[128, 784] = input {name: image, dtype: u8, shape: [128, 784]}
 *   %1: f16[128, 784] = cast(%0) {to: f16}  // as float @mlp.mpt:402..416
 *   result loss = %1
 * }
 * ```
 */
export function printGraph(graph: Graph, options: { readonly origins?: boolean } = {}): string {
  const nodes = nodesOf(graph);
  const names = nodeNames(nodes);
  const lines = nodes.map((n) => `  ${printNode(n, names, options.origins ?? true)}`);
  const outputs = graph.outputs.map((o) => `  ${o.kind} ${printString(o.name)} = ${names.get(o.node)}`);
  return ["graph {", ...lines, ...outputs, "}", ""].join("\n");
}

/** `%0`, `%1`, … in topological order. */
export function nodeNames(nodes: readonly Node[]): Map<Node, string> {
  return new Map(nodes.map((n, i) => [n, `%${i}`]));
}

export function printNode(n: Node, names: ReadonlyMap<Node, string>, origins: boolean): string {
  const inputs = n.inputs.length ? `(${n.inputs.map((i) => names.get(i)).join(", ")})` : "";
  const attrs = Object.keys(n.attrs).length ? ` ${printAttrs(n.attrs)}` : "";
  const region = n.region ? ` in ${printRegion(n.region)}` : "";
  const origin = origins && (n.origin.why || n.origin.span) ? `  // ${printOrigin(n.origin)}` : "";
  const segment = n.origin.segment === undefined ? "" : ` of ${n.origin.segment}`;
  return `${names.get(n)}: ${showType(n.type)} = ${n.op.name}${inputs}${attrs}${region}${segment}${origin}`;
}

function printRegion(r: Region): string {
  const attrs: Record<string, Attr> = { compute: r.compute, accum: r.accum, why: r.why };
  if (r.span) attrs.span = printSpan(r.span);
  return printAttrs(attrs);
}

/** A reason and a file stand as they are unless that would read as something else. */
function printOrigin(o: Origin): string {
  const why = /^$|^[^\s"@](?:[^@\n]*[^\s@])?$/.test(o.why) ? o.why : JSON.stringify(o.why);
  if (!o.span) return why;
  const { file, start, end } = o.span;
  const name = file.startsWith('"') || /\n|^\s/.test(file) ? JSON.stringify(file) : file;
  return `${why}${why && " "}@${name}:${start}..${end}`;
}

function printSpan(s: Span): string {
  return `${s.file}:${s.start}..${s.end}`;
}

function printAttrs(attrs: Attrs): string {
  return `{${Object.entries(attrs).map(([k, v]) => `${k}: ${printAttr(v)}`).join(", ")}}`;
}

function printAttr(v: Attr): string {
  if (typeof v === "string") return printString(v);
  if (typeof v === "number") return Object.is(v, -0) ? "-0" : String(v);
  if (typeof v === "boolean" || v instanceof Poly) return String(v);
  return `[${v.map(printAttr).join(", ")}]`;
}

/** Words go bare; anything else is quoted. */
function printString(s: string): string {
  return /^[A-Za-z_][\w./]*$/.test(s) && !/^(true|false|NaN|Infinity)$/.test(s) ? s : JSON.stringify(s);
}
