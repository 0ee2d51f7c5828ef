/** What every stage of the parser needs to say where something is wrong. */

import type { IToken, TokenType } from "chevrotain";
import type { Diagnostic, Label } from "../core/diagnostic.ts";
import type { Source, Span } from "../core/span.ts";

/** The optional parts of a diagnostic, and the labels after the first. */
export type Details =
  & Pick<Partial<Diagnostic>, "expected" | "found" | "help" | "edit" | "severity">
  & { readonly also?: readonly Label[] };

/** Makes and keeps the diagnostics of one source. */
export class Reporter {
  readonly diagnostics: Diagnostic[] = [];

  constructor(readonly source: Source) {}

  span(start: number, end: number): Span {
    return { file: this.source.file, start, end };
  }

  spanOf(token: IToken): Span {
    return this.span(token.startOffset, endOf(token));
  }

  report(code: string, message: string, span: Span, label: string, details: Details = {}): void {
    const { also = [], severity = "error", ...rest } = details;
    this.diagnostics.push({ code, severity, message, labels: [{ span, text: label }, ...also], ...rest });
  }
}

/** The offset after a token's last character. */
export function endOf(token: IToken): number {
  return token.startOffset + token.image.length;
}

/** A token that the source does not have, or has under another type. */
export function makeToken(type: TokenType, image: string, startOffset: number): IToken {
  return {
    tokenType: type,
    tokenTypeIdx: type.tokenTypeIdx!,
    image,
    startOffset,
    endOffset: startOffset + image.length - 1,
  };
}

/** The same piece of text as a token of another type. */
export function retype(token: IToken, type: TokenType): IToken {
  return { ...token, tokenType: type, tokenTypeIdx: type.tokenTypeIdx! };
}

/** Text from a program, fit to stand in a sentence. */
export function quote(text: string): string {
  const line = text.split(/[\n\r]/, 1)[0];
  return "`" + (line.length > 40 ? line.slice(0, 39) + "…" : line) + "`";
}
