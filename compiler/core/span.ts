/** A half-open range of UTF-16 offsets in one source file. Line and column are derived when a span is shown. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** A source text and the name diagnostics show for it. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** The smallest span that covers both. */
export function cover(a: Span, b: Span): Span {
  return { file: a.file, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}

/** The 1-based line and column of an offset. */
export function position(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let i = text.indexOf("\n"); i !== -1 && i < offset; i = text.indexOf("\n", i + 1)) {
    line++;
    lineStart = i + 1;
  }
  return { line, column: offset - lineStart + 1 };
}
