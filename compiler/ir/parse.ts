import type { DType } from "../core/dtype.ts";
import type { Span } from "../core/span.ts";
import { Builder } from "./builder.ts";
import type { Graph, Node, Origin, Output, Region } from "./graph.ts";
import type { Attr, Attrs, Op } from "./op.ts";
import { showType } from "./op.ts";

/** Raised for text that is not a graph; the message names the line. */
export class GraphSyntaxError extends Error {
  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.name = "GraphSyntaxError";
  }
}

const NODE = /^(%\d+): (\S+(?: ?[^=]*?)?) = ([\w.]+)(?:\(([^)]*)\))?(.*)$/s;

/**
 * Reads the text of a bound graph back. Types are derived anew and must agree with those written.
 * Throws GraphSyntaxError.
 */
export function parseGraph(text: string, ops: ReadonlyMap<string, Op>): Graph {
  const nodes = new Map<string, Node>();
  const outputs: Output[] = [];
  const lines = text.split("\n");
  const at = (name: string, line: number): Node => {
    const node = nodes.get(name);
    if (!node) throw new GraphSyntaxError(line, `${name} is used before it is defined`);
    return node;
  };
  lines.forEach((raw, i) => {
    const line = raw.trim();
    const no = i + 1;
    if (line === "" || line === "graph {" || line === "}") return;
    const out = /^(result|state|grad) (\S+|".*") = (%\d+)$/s.exec(line);
    if (out) {
      const name = new Reader(out[2], no).string();
      outputs.push({ kind: out[1] as Output["kind"], name, node: at(out[3], no) });
      return;
    }
    const m = NODE.exec(line);
    if (!m) throw new GraphSyntaxError(no, `neither a node nor an output: ${line}`);
    const op = ops.get(m[3]);
    if (!op) throw new GraphSyntaxError(no, `there is no op ${m[3]}`);
    const reader = new Reader(m[5], no);
    const attrs = reader.attrs();
    const region = reader.region();
    const segment = reader.segment();
    const origin = { ...reader.origin(), ...segment };
    const inputs = m[4] ? m[4].split(",").map((s) => at(s.trim(), no)) : [];
    const node = new Builder(origin, region).node(op, inputs, attrs);
    if (showType(node.type) !== m[2]) {
      throw new GraphSyntaxError(no, `${m[1]} is ${showType(node.type)}, not ${m[2]}`);
    }
    nodes.set(m[1], node);
  });
  return { outputs };
}

/** A cursor over what follows a node's operands. */
class Reader {
  private pos = 0;
  constructor(private readonly text: string, private readonly line: number) {}

  private skip(): void {
    while (this.text[this.pos] === " ") this.pos++;
  }

  private take(s: string): boolean {
    this.skip();
    if (!this.text.startsWith(s, this.pos)) return false;
    this.pos += s.length;
    return true;
  }

  private match(re: RegExp): RegExpExecArray | null {
    this.skip();
    const sticky = new RegExp(re.source, "y");
    sticky.lastIndex = this.pos;
    const m = sticky.exec(this.text);
    if (m) this.pos = sticky.lastIndex;
    return m;
  }

  attrs(): Attrs {
    const out: Record<string, Attr> = {};
    if (!this.take("{")) return out;
    while (!this.take("}")) {
      const key = this.match(/(\w+):/);
      if (!key) throw new GraphSyntaxError(this.line, "expected an attribute");
      out[key[1]] = this.value();
      this.take(",");
    }
    return out;
  }

  private value(): Attr {
    if (this.take("[")) {
      const items: Attr[] = [];
      while (!this.take("]")) {
        items.push(this.value());
        this.take(",");
      }
      return items;
    }
    const number = this.match(/(?:-?(?:\d[\d.]*(?:e[+-]?\d+)?|Infinity)|NaN)(?![\w./])/);
    if (number) return Number(number[0]);
    const word = this.match(/(?:true|false)\b(?![\w./])/);
    return word ? word[0] === "true" : this.string();
  }

  string(): string {
    const m = this.match(/"(?:[^"\\]|\\.)*"|[A-Za-z_][\w./]*/);
    if (!m) throw new GraphSyntaxError(this.line, "expected a value");
    return m[0].startsWith('"') ? JSON.parse(m[0]) : m[0];
  }

  region(): Region | undefined {
    if (!this.take("in ")) return undefined;
    const a = this.attrs();
    const span = a.span === undefined ? {} : { span: parseSpan(String(a.span), this.line) };
    return { compute: a.compute as DType, accum: a.accum as DType, why: String(a.why), ...span };
  }

  segment(): { segment?: string } {
    if (!this.take("of ")) return {};
    const path = this.match(/\w+(?:\.\w+)*/);
    if (!path) throw new GraphSyntaxError(this.line, "expected a segment");
    return { segment: path[0] };
  }

  origin(): Origin {
    if (!this.take("//")) return { why: "" };
    const quoted = this.match(/"(?:[^"\\]|\\.)*"/);
    const why = quoted ? JSON.parse(quoted[0]) : this.match(/[^@]*/)![0].trim();
    if (!this.take("@")) return { why };
    const file = this.match(/"(?:[^"\\]|\\.)*"/);
    const rest = this.text.slice(this.pos);
    return { why, span: parseSpan(file ? JSON.parse(file[0]) + rest : rest, this.line) };
  }
}

function parseSpan(s: string, line: number): Span {
  const m = /^(.*):(\d+)\.\.(\d+)$/s.exec(s);
  if (!m) throw new GraphSyntaxError(line, `a span is FILE:START..END, not ${s}`);
  return { file: m[1], start: Number(m[2]), end: Number(m[3]) };
}
