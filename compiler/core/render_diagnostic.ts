/** Diagnostics as text for people and as JSON for programs. */

import type { Diagnostic, Edit, Label } from "./diagnostic.ts";
import { position, type Span } from "./span.ts";

/** Finds a file's text; undefined where there is none to show. */
export type Sources = ReadonlyMap<string, string> | ((file: string) => string | undefined);

export interface RenderOptions {
  /** ANSI colours; off unless asked for. */
  readonly color?: boolean;
}

/** A shown line's widest part; longer lines are cut around their labels. */
const MAX_COLUMNS = 120;
const TAB = 4;

/** All diagnostics, one after the other with a blank line between, without a newline at the end. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  options: RenderOptions = {},
): string {
  return diagnostics.map((d) => renderDiagnostic(d, sources, options)).join("\n\n");
}

/** One diagnostic with the lines it is about. */
export function renderDiagnostic(
  diagnostic: Diagnostic,
  sources: Sources,
  options: RenderOptions = {},
): string {
  return new Renderer(sources, options.color ?? false).render(diagnostic);
}

/** The text with an edit's replacements made; those of other files are left out where `file` is given. */
export function applyEdit(text: string, edit: Edit, file?: string): string {
  const mine = edit.replacements.filter((r) => file === undefined || r.span.file === file);
  const inOrder = mine.map((r, i) => ({ ...r, i })).sort((a, b) => a.span.start - b.span.start || a.i - b.i);
  let result = "";
  let at = 0;
  for (const { span, text: replacement } of inOrder) {
    if (span.start < at) continue; // overlaps one already made
    result += text.slice(at, span.start) + replacement;
    at = span.end;
  }
  return result + text.slice(at);
}

/** A place in a source: the offset in UTF-16 code units, line and column counted from 1. */
export interface JsonPosition {
  readonly offset: number;
  readonly line?: number;
  readonly column?: number;
}

export interface JsonSpan {
  readonly file: string;
  readonly start: JsonPosition;
  readonly end: JsonPosition;
}

export interface JsonDiagnostic extends Omit<Diagnostic, "labels" | "edit"> {
  readonly labels: readonly (JsonSpan & { readonly text: string })[];
  readonly edit?: {
    readonly help: string;
    readonly replacements: readonly (JsonSpan & { readonly text: string })[];
  };
}

/** A diagnostic as plain data; lines and columns are given for the files that `sources` knows. */
export function diagnosticToJson(diagnostic: Diagnostic, sources: Sources = new Map()): JsonDiagnostic {
  const { labels, edit, ...rest } = diagnostic;
  const place = (span: Span, text: string) => {
    const source = textOf(sources, span.file);
    const at = (offset: number) =>
      source === undefined ? { offset } : { offset, ...position(source, offset) };
    return { file: span.file, start: at(span.start), end: at(span.end), text };
  };
  return {
    ...rest,
    labels: labels.map((l) => place(l.span, l.text)),
    ...(edit &&
      { edit: { help: edit.help, replacements: edit.replacements.map((r) => place(r.span, r.text)) } }),
  };
}

function textOf(sources: Sources, file: string): string | undefined {
  return typeof sources === "function" ? sources(file) : sources.get(file);
}

/** A label with the line that its span starts on. */
interface Placed extends Label {
  readonly primary: boolean;
  readonly line: number;
}

class Renderer {
  constructor(readonly sources: Sources, readonly color: boolean) {}

  render(diagnostic: Diagnostic): string {
    const { code, severity, message, labels, expected, found, help, edit } = diagnostic;
    const files = [...new Set(labels.map((l) => l.span.file))];
    const placed = new Map(files.map((file) => [file, this.#place(diagnostic, file)]));
    const edited = edit ? this.#editedLines(edit) : [];
    const numbers = [...[...placed.values()].flat(), ...edited].map((p) => p.line);
    const width = Math.max(1, ...numbers.map((n) => String(n).length));
    const paint = severity === "error" ? "31" : "33";
    const out = [
      `${this.#paint(`1;${paint}`, `${severity}[${code}]`)}${this.#paint("1", `: ${clean(message)}`)}`,
    ];
    for (const file of files) out.push(...this.#file(file, placed.get(file)!, labels, width, paint));
    const gutter = " ".repeat(width + 2);
    if (expected !== undefined) out.push(`${gutter}${this.#paint("34", "=")} expected ${clean(expected)}`);
    if (found !== undefined) out.push(`${gutter}${this.#paint("34", "=")}    found ${clean(found)}`);
    const title = this.#paint("1;32", "help:");
    if (help !== undefined) out.push(`${title} ${clean(help)}`);
    if (edit) {
      const inline = inlineText(edit);
      out.push(`${title} ${clean(edit.help)}${inline ? `:  ${inline}` : ""}`);
      if (inline === undefined) {
        out.push(...edited.map((e) => this.#sourceLine(e.line, shown(e.text).text, width)));
      }
    }
    return out.join("\n");
  }

  #place(diagnostic: Diagnostic, file: string): Placed[] {
    const text = textOf(this.sources, file);
    if (text === undefined) return [];
    return diagnostic.labels.flatMap((label, i) => {
      if (label.span.file !== file) return [];
      return [{
        ...label,
        primary: i === 0,
        line: position(text, Math.min(label.span.start, text.length)).line,
      }];
    });
  }

  #file(
    file: string,
    placed: readonly Placed[],
    labels: readonly Label[],
    width: number,
    paint: string,
  ): string[] {
    const text = textOf(this.sources, file);
    const first = labels.find((l) => l.span.file === file)!;
    const at = text === undefined ? undefined : position(text, Math.min(first.span.start, text.length));
    const where = at ? `${clean(file)}:${at.line}:${at.column}` : clean(file);
    const out = [`${" ".repeat(width + 2)}${this.#paint("34", "┌─")} ${where}`];
    if (text === undefined) return out;
    const lines = lineStarts(text);
    for (const number of [...new Set(placed.map((p) => p.line))].sort((a, b) => a - b)) {
      const start = lines[number - 1];
      const raw = lineAt(text, start);
      const here = placed.filter((p) => p.line === number);
      const line = shown(raw);
      const ranges = here.map((label) => {
        const from = line.column(Math.min(label.span.start - start, raw.length));
        const to = line.column(Math.min(label.span.end - start, raw.length));
        return { label, from, to: Math.max(to, from + 1) };
      }).sort((a, b) => a.from - b.from || a.to - b.to);
      const cut = crop(line.text, line.cells, ranges);
      out.push(this.#sourceLine(number, cut.text, width));
      for (const { label, from, to } of ranges) {
        const column = Math.max(0, from - cut.offset);
        const length = Math.max(1, Math.min(to - cut.offset, cut.columns) - column);
        const mark = (label.primary ? "^" : "-").repeat(length);
        const note = label.text === "" ? mark : `${mark} ${clean(label.text)}`;
        const painted = this.#paint(label.primary ? paint : "34", note);
        out.push(`${" ".repeat(width + 2)}${this.#paint("34", "│")} ${" ".repeat(column)}${painted}`);
      }
    }
    return out;
  }

  #sourceLine(number: number, text: string, width: number): string {
    return `${this.#paint("34", ` ${String(number).padStart(width)} │`)} ${text}`.trimEnd();
  }

  /** The lines that an edit leaves in the place of those it touches. */
  #editedLines(edit: Edit): { line: number; text: string }[] {
    const file = edit.replacements[0]?.span.file;
    const text = file === undefined ? undefined : textOf(this.sources, file);
    if (text === undefined || inlineText(edit) !== undefined) return [];
    const mine = edit.replacements.filter((r) => r.span.file === file);
    const from = Math.min(...mine.map((r) => r.span.start));
    const to = Math.max(...mine.map((r) => r.span.end));
    const lineStart = text.lastIndexOf("\n", from - 1) + 1;
    const lineEnd = text.indexOf("\n", to) === -1 ? text.length : text.indexOf("\n", to);
    const moved = mine.map((r) => ({
      ...r,
      span: { ...r.span, start: r.span.start - lineStart, end: r.span.end - lineStart },
    }));
    const after = applyEdit(text.slice(lineStart, lineEnd), { ...edit, replacements: moved });
    const first = position(text, lineStart).line;
    return after.split(/\r?\n/).slice(0, 6).map((line, i) => ({ line: first + i, text: line }));
  }

  #paint(style: string, text: string): string {
    return this.color ? `\x1b[${style}m${text}\x1b[0m` : text;
  }
}

/** What one replacement writes, where that alone shows the edit; else its lines are shown. */
function inlineText(edit: Edit): string | undefined {
  if (edit.replacements.length !== 1) return undefined;
  const [{ span, text }] = edit.replacements;
  const word = clean(text).trim();
  if (span.end === span.start || word === "" || text.includes("\n") || word.length > 80) return undefined;
  return edit.help.includes(word) ? "" : word;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = text.indexOf("\n"); i !== -1; i = text.indexOf("\n", i + 1)) starts.push(i + 1);
  return starts;
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf("\n", start);
  const line = text.slice(start, end === -1 ? text.length : end);
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** A line as a terminal shows it: tabs as blanks, nothing that moves the cursor; and where each offset lands. */
function shown(raw: string): { text: string; cells: string[]; column(offset: number): number } {
  const columns: number[] = [];
  const cells: string[] = [];
  for (const char of raw) {
    for (let i = 0; i < char.length; i++) columns.push(cells.length);
    if (char === "\t") {
      do cells.push(" "); while (cells.length % TAB !== 0);
      continue;
    }
    const visible = clean(char);
    const width = displayWidth(visible);
    if (width === 0 && cells.length > 0) cells[cells.length - 1] += visible;
    else cells.push(visible);
    if (width === 2) cells.push("");
  }
  columns.push(cells.length);
  return {
    text: cells.join(""),
    cells,
    column: (offset) => columns[Math.max(0, Math.min(offset, raw.length))],
  };
}

/** The part of a long line that its first labels are in, and how far it starts from the line's start. */
function crop(text: string, cells: readonly string[], ranges: readonly { from: number; to: number }[]) {
  if (cells.length <= MAX_COLUMNS) return { text, offset: 0, columns: cells.length + 1 };
  const from = Math.min(...ranges.map((r) => r.from));
  let start = Math.max(0, Math.min(from - 30, cells.length - MAX_COLUMNS));
  while (start > 0 && cells[start] === "") start--;
  const end = Math.min(cells.length, start + MAX_COLUMNS);
  const [before, after] = [start > 0 ? "…" : "", end < cells.length ? "…" : ""];
  return {
    text: before + cells.slice(start, end).join("") + after,
    offset: start - before.length,
    columns: end - start + before.length,
  };
}

/** Text without control characters, which could write anywhere on a terminal. */
function clean(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "␡" : "\ufffd";
  });
}

/** Columns that a character takes on a terminal. */
function displayWidth(char: string): 0 | 1 | 2 {
  if (/^[\p{Mn}\p{Me}\u200b-\u200d\ufe00-\ufe0f]/u.test(char)) return 0;
  const code = char.codePointAt(0)!;
  const wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}
