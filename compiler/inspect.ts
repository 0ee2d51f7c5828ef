import type { Program } from "./core/program.ts";
import type { Kernel } from "./core/kernel.ts";
import { physicalBytes } from "./core/kernel.ts";
import { position } from "./core/span.ts";
import type { Span } from "./core/span.ts";
import type { Graph, Node } from "./ir/graph.ts";
import { nodesOf } from "./ir/graph.ts";
import { nodeNames } from "./ir/print.ts";
import { showType } from "./ir/op.ts";

/** Gives a file's text, so that a span can be told as a line. */
export type Texts = (file: string) => string | undefined;

/** One cast: what it converts, by which rule, and the source line that caused it. */
export interface CastReport {
  readonly node: string;
  readonly value: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
  readonly at?: string;
}

/** `mlp.mpt:9:12`. */
export function placeOf(span: Span | undefined, texts: Texts): string | undefined {
  const text = span && texts(span.file);
  if (!span || text === undefined) return span?.file;
  const { line, column } = position(text, span.start);
  return `${span.file}:${line}:${column}`;
}

export function castsOf(graph: Graph, texts: Texts): CastReport[] {
  const nodes = nodesOf(graph);
  const names = nodeNames(nodes);
  return nodes.filter((n) => n.op.name === "cast").map((n) => ({
    node: names.get(n)!,
    value: describe(n.inputs[0], names),
    from: n.inputs[0].type.dtype,
    to: n.type.dtype,
    why: n.origin.why,
    at: placeOf(n.origin.span, texts),
  }));
}

function describe(n: Node, names: ReadonlyMap<Node, string>): string {
  const name = n.attrs.name ?? n.attrs.slot;
  return name === undefined ? `${names.get(n)} ${n.op.name}` : String(name);
}

/** A graph as plain data. */
export function graphToJson(graph: Graph, texts: Texts): unknown {
  const nodes = nodesOf(graph);
  const names = nodeNames(nodes);
  return {
    nodes: nodes.map((n) => ({
      name: names.get(n),
      op: n.op.name,
      inputs: n.inputs.map((i) => names.get(i)),
      attrs: n.attrs,
      type: showType(n.type),
      why: n.origin.why,
      at: placeOf(n.origin.span, texts),
    })),
    outputs: graph.outputs.map((o) => ({ kind: o.kind, name: o.name, node: names.get(o.node) })),
    casts: castsOf(graph, texts),
  };
}

/** What one kernel is, for a reader. */
export interface KernelReport {
  readonly name: string;
  readonly family: Kernel["family"];
  readonly variant: string;
  readonly fuses: readonly string[];
  /** dtypes read → dtypes written. */
  readonly precision: string;
  readonly reads: number;
  readonly writes: number;
  readonly workgroups?: readonly number[];
  readonly wgsl?: string;
}

export function kernelReports(program: Program): KernelReport[] {
  return program.kernels.map((k) => {
    const side = (write: boolean) =>
      k.bindings.filter((b) => write ? b.access !== "read" : b.access !== "write");
    const bytes = (write: boolean) =>
      side(write).reduce((sum, b) => sum + physicalBytes(b.shape, b.dtype), 0);
    const dtypes = (write: boolean) => [...new Set(side(write).map((b) => b.dtype))].join(" ") || "–";
    return {
      name: k.name,
      family: k.family,
      variant: k.shader?.variant ?? "cpu",
      fuses: k.fuses,
      precision: `${dtypes(false)} → ${dtypes(true)}`,
      reads: bytes(false),
      writes: bytes(true),
      ...(k.shader ? { workgroups: k.shader.workgroups, wgsl: k.shader.code } : {}),
    };
  });
}

/** A Program as text: its kernels in launch order, then its memory. */
export function printProgram(program: Program): string {
  const reports = kernelReports(program);
  const lines = [
    `program ${program.entry} ${JSON.stringify(program.dims)}: ${program.dispatches.length} dispatches`,
    "",
  ];
  program.dispatches.forEach((d, i) => {
    const r = reports[d.kernel];
    const grid = r.workgroups ? `  grid ${r.workgroups.join("×")}` : "";
    lines.push(`${String(i).padStart(3)}  ${r.name}  ${r.family} (${r.variant})${grid}`);
    lines.push(`     ${r.precision}  reads ${r.reads} B  writes ${r.writes} B`);
    lines.push(`     fuses ${r.fuses.join(", ")}`);
  });
  lines.push("", "buffers");
  for (const b of program.buffers) lines.push(`  ${b.role.padEnd(7)} ${b.name.padEnd(28)} ${b.bytes} B`);
  return lines.join("\n") + "\n";
}
