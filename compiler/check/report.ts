import type { Diagnostic, Edit, Label } from "../core/diagnostic.ts";
import type { Span } from "../core/span.ts";

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
  private muted = 0;

  error(code: string, fault: Fault): void {
    this.add({ code, severity: "error", ...fault });
  }

  warn(code: string, fault: Fault): void {
    this.add({ code, severity: "warning", ...fault });
  }

  add(d: Diagnostic): void {
    if (this.muted > 0 || this.found.size >= MOST) return;
    const { file, start, end } = d.labels[0].span;
    const key = `${d.code} ${file} ${start} ${end}`;
    if (!this.found.has(key)) this.found.set(key, d);
  }

  /** Runs `f` and forgets what it reports. */
  quietly<T>(f: () => T): T {
    this.muted++;
    try {
      return f();
    } finally {
      this.muted--;
    }
  }

  get hasErrors(): boolean {
    return [...this.found.values()].some((d) => d.severity === "error");
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

/** "a, b or c". */
export function oneOf(names: readonly string[]): string {
  return names.length <= 1 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

/** "1 argument", "2 arguments". */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
