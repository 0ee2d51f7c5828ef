import type { Diagnostic, Edit, Label } from "../core/diagnostic.ts";
import type { Source, Span } from "../core/span.ts";

/** What a check says about a fault; `labels[0]` is where it shows. */
export interface Fault {
  readonly message: string;
  readonly labels: readonly [Label, ...Label[]];
  readonly expected?: string;
  readonly found?: string;
  readonly help?: string;
  readonly edit?: Edit;
}

/** More diagnostics than anyone reads are not kept. */
const MOST = 200;

/**
 * Collects diagnostics. A fault that shows in several instances of one model is one fault: the first is kept of those
 * with the same code at the same place.
 */
export class Reporter {
  private readonly found = new Map<string, Diagnostic>();

  error(code: string, fault: Fault): void {
    this.add({ code, severity: "error", ...fault });
  }

  warn(code: string, fault: Fault): void {
    this.add({ code, severity: "warning", ...fault });
  }

  add(d: Diagnostic): void {
    if (this.full) return;
    const { file, start, end } = d.labels[0].span;
    // What recovery has put together may stand nowhere; the parser has reported why.
    if (d.labels.some(({ span }) => span.start < 0 || span.end < span.start)) return;
    const key = `${d.code} ${file} ${start} ${end}`;
    if (!this.found.has(key)) this.found.set(key, shortened(d));
  }

  /** What is reported from now on is not kept. */
  get full(): boolean {
    return this.found.size >= MOST;
  }

  /** In the order of the source, the entry file first. */
  sorted(entry: string): Diagnostic[] {
    const rank = (d: Diagnostic) => d.labels[0].span.file === entry ? 0 : 1;
    return [...this.found.values()].sort((a, b) => {
      const x = a.labels[0].span;
      const y = b.labels[0].span;
      return rank(a) - rank(b) || (x.file < y.file ? -1 : x.file > y.file ? 1 : x.start - y.start);
    });
  }
}

const LONGEST = 300;

/** Names of a program may be of any length; sentences are not. */
function shortened(d: Diagnostic): Diagnostic {
  const short = (text: string) => text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
  const each = d.labels.map((l) => ({ ...l, text: short(l.text) }));
  const optional = (text: string | undefined) => text === undefined ? undefined : short(text);
  const whole = { message: short(d.message), labels: [each[0], ...each.slice(1)] as const };
  return { ...d, ...whole, expected: optional(d.expected), found: optional(d.found), help: optional(d.help) };
}

export function label(span: Span, text: string): Label {
  return { span, text };
}

/** An edit of one place. */
export function replace(help: string, span: Span, text: string): Edit {
  return { help, replacements: [{ span, text }] };
}

export function insert(help: string, file: string, at: number, text: string): Edit {
  return replace(help, { file, start: at, end: at }, text);
}

/** The span widened to hold the parentheses that it cuts in two: a parenthesised operand leaves them out. */
export function balanced(text: string, span: Span): Span {
  let { start, end } = span;
  let open = 0;
  let missing = 0;
  let quoted = false;
  for (let i = start; i < end; i++) {
    const c = text[i];
    if (c === '"' && text[i - 1] !== "\\") quoted = !quoted;
    else if (!quoted && c === "(") open++;
    else if (!quoted && c === ")" && --open < 0) [missing, open] = [missing + 1, 0];
  }
  for (; missing > 0; missing--) {
    const at = text.lastIndexOf("(", start - 1);
    if (at < 0 || text.slice(at + 1, start).trim() !== "") break;
    start = at;
  }
  for (; open > 0; open--) {
    const gap = /^\s*\)/.exec(text.slice(end));
    if (!gap) break;
    end += gap[0].length;
  }
  return { file: span.file, start, end };
}

/** An edit that puts text around an expression. */
export function wrap(help: string, source: Source, span: Span, before: string, after: string): Edit {
  const { file, start, end } = balanced(source.text, span);
  return {
    help,
    replacements: [{ span: { file, start, end: start }, text: before }, {
      span: { file, start: end, end },
      text: after,
    }],
  };
}

/** "a, b or c". */
export function oneOf(names: readonly string[]): string {
  return names.length <= 1 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

/** "1 argument", "2 arguments". */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
