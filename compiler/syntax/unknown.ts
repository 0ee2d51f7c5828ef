/** Characters that no token has: what they were meant to be. */

import type { IToken, TokenType } from "chevrotain";
import { endOf, makeToken, quote, type Reporter } from "./report.ts";
import * as T from "./tokens.ts";

/** Characters that look like others, or stand for them in prose. */
const LOOKALIKES: ReadonlyMap<string, TokenType> = new Map([
  ["×", T.Star],
  ["·", T.Star],
  ["÷", T.Slash],
  ["−", T.Minus],
  ["–", T.Minus],
  ["—", T.Minus],
  ["→", T.Arrow],
  ["≤", T.LessEqual],
  ["≥", T.GreaterEqual],
  ["≠", T.BangEqual],
  ["▷", T.PipeOp],
  ["^", T.Power],
  ["（", T.LParen],
  ["）", T.RParen],
  ["，", T.Comma],
  ["：", T.Colon],
  ["＝", T.Equals],
  ["；", T.Semicolon],
]);
const SPACES = /^[\u00A0\u1680\u2000-\u200D\u202F\u205F\u2060\u3000\u0085\u2028\u2029\v\f]+$/;
const QUOTES = /^[“”„«»‟]+$/;
const WORD = /^[\p{L}\p{M}\p{N}]+$/u;

const HELP_FOR: Readonly<Record<string, string>> = {
  "'": 'strings stand between double quotes: "text"',
  "`": 'strings stand between double quotes: "text"',
  "?": "to choose between two values write `if a then b else c`",
  "&": "to keep elements where both masks hold, multiply the masks",
  "|": "a pipeline is written `x |> f`",
};

/** Reports unknown characters and makes tokens of those whose meaning is clear. */
export class Unknown {
  /** The offsets at which characters were dropped. */
  readonly damage: number[] = [];
  readonly #tokens: IToken[] = [];
  /** Letters that no name can have, which are part of a word all the same. */
  readonly #letters: IToken[] = [];
  /** The offset of a closing quotation mark that was reported with its opening one. */
  #quoted = -1;

  constructor(readonly reporter: Reporter) {}

  /** Characters that the lexer could not read. */
  take(offset: number, length: number): void {
    const text = this.reporter.source.text.slice(offset, offset + length);
    for (const run of text.match(/[\p{L}\p{M}\p{N}]+|[“”„«»‟]+|\p{Zs}+|[^]/gu) ?? []) {
      const meant = LOOKALIKES.get(run);
      if (meant) this.#lookalike(run, offset, meant);
      else if (WORD.test(run)) this.#letters.push(makeToken(T.Identifier, run, offset));
      else this.#run(run, offset);
      offset += run.length;
    }
  }

  /** The tokens of the source, with those made here; words that had letters of their own are whole again. */
  mendWords(tokens: readonly IToken[]): IToken[] {
    if (this.#tokens.length + this.#letters.length === 0) return [...tokens];
    const all = [...tokens, ...this.#tokens, ...this.#letters].sort((a, b) => a.startOffset - b.startOffset);
    const strange = new Set(this.#letters);
    const mended: IToken[] = [];
    for (let i = 0; i < all.length;) {
      let end = i + 1;
      const isPart = (t: IToken) =>
        strange.has(t) || t.tokenType === T.Identifier || t.tokenType === T.Integer;
      while (
        end < all.length && isPart(all[end - 1]) && isPart(all[end]) &&
        endOf(all[end - 1]) === all[end].startOffset
      ) {
        end++;
      }
      const parts = all.slice(i, end);
      if (parts.some((t) => strange.has(t))) mended.push(this.#word(parts));
      else mended.push(...parts);
      i = end;
    }
    return mended;
  }

  #word(parts: readonly IToken[]): IToken {
    const word = makeToken(T.Identifier, parts.map((t) => t.image).join(""), parts[0].startOffset);
    const span = this.reporter.spanOf(word);
    const plain = word.image.normalize("NFKD").replace(/\p{M}/gu, "");
    this.reporter.report(
      "MPT0103",
      `${quote(word.image)} cannot be a name`,
      span,
      "not all letters from A to Z",
      {
        help: "names are made of the letters A to Z and a to z, digits and `_`",
        ...(/^[A-Za-z_][A-Za-z0-9_]*$/.test(plain) && {
          edit: { help: `write \`${plain}\``, replacements: [{ span, text: plain }] },
        }),
      },
    );
    return word;
  }

  #lookalike(run: string, start: number, meant: TokenType): void {
    this.#tokens.push(makeToken(meant, run, start));
    const text = meant.LABEL!.slice(1, -1);
    const span = this.reporter.span(start, start + run.length);
    this.reporter.report("MPT0103", `${quote(run)} is not an operator here`, span, "unknown character", {
      edit: { help: `write \`${text}\``, replacements: [{ span, text }] },
    });
  }

  #run(run: string, start: number): void {
    this.damage.push(start);
    const span = this.reporter.span(start, start + run.length);
    if (SPACES.test(run)) {
      this.reporter.report("MPT0103", "this blank is not a plain space", span, "unknown character", {
        edit: { help: "use a plain space", replacements: [{ span, text: " " }] },
      });
    } else if (QUOTES.test(run)) {
      this.#quote(run, start);
    } else {
      const shown = /^[\p{P}\p{S}]+$/u.test(run) ? quote(run) : codePoint(run);
      const help = HELP_FOR[run];
      this.reporter.report("MPT0103", `${shown} has no meaning in a program`, span, "unknown character", {
        help,
      });
    }
  }

  #quote(run: string, start: number): void {
    if (start === this.#quoted) return;
    const span = this.reporter.span(start, start + run.length);
    const rest = /^[^\r\n"]*/.exec(this.reporter.source.text.slice(span.end, span.end + 500))![0];
    const close = rest.search(/[“”„«»‟]/);
    const spans = close === -1 ? [span] : [span, this.reporter.span(span.end + close, span.end + close + 1)];
    if (close !== -1) this.#quoted = span.end + close;
    this.reporter.report("MPT0103", `${quote(run)} does not quote a string`, span, "unknown character", {
      edit: { help: 'write `"`', replacements: spans.map((s) => ({ span: s, text: '"' })) },
    });
  }
}

function codePoint(char: string): string {
  return "U+" + char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
}
