/** Which comments belong to which token, and where the author left lines empty. */

import type { IToken } from "chevrotain";
import { comment, type Doc, freshline, hardline, ownLine } from "./doc.ts";
import type { Concrete } from "./parse.ts";
import { endOf } from "./report.ts";
import * as T from "./tokens.ts";

/** A comment on the lines before a token, or in front of it. */
interface Leading {
  readonly text: string;
  /** It starts a line. */
  readonly ownLine: boolean;
  /** The source has a line break after it, and an empty line. */
  readonly breakAfter: boolean;
  readonly blankAfter: boolean;
}

interface Trailing {
  readonly text: string;
  readonly column: number;
  readonly toLineEnd: boolean;
}

const CLOSERS = [T.RParen, T.RBracket, T.RBrace, T.Comma];

export class Trivia {
  readonly #leading = new Map<number, Leading[]>();
  readonly #trailing = new Map<number, Trailing[]>();
  readonly #blank = new Set<number>();
  readonly #broken = new Set<number>();
  /** The offset under which comments after the last token stand. */
  readonly end: number;

  constructor(readonly text: string, concrete: Concrete) {
    this.end = text.length;
    const { tokens, comments } = concrete;
    let at = 0;
    for (let i = 0; i <= tokens.length; i++) {
      const previous = tokens[i - 1];
      const next = tokens[i];
      const between: IToken[] = [];
      while (at < comments.length && comments[at].startOffset < (next?.startOffset ?? Infinity)) {
        between.push(comments[at++]);
      }
      this.#gap(previous, next, between);
    }
  }

  /** Whether an empty line stands before a token and its comments. */
  blankBefore(start: number): boolean {
    return this.#blank.has(start);
  }

  /** Whether the author starts a line with the token. */
  startsLine(start: number): boolean {
    return this.#broken.has(start);
  }

  hasLeading(start: number): boolean {
    return this.#leading.has(start);
  }

  /** The comments before a token. */
  leading(start: number): Doc[] {
    return (this.#leading.get(start) ?? []).map((c): Doc => {
      if (c.breakAfter) return ownLine(c.text, c.ownLine, c.blankAfter);
      return [c.ownLine ? freshline : "", c.text, " "];
    });
  }

  /** The comments before a token, which it then has no more. */
  takeLeading(start: number): Doc[] {
    const docs = this.leading(start);
    this.#leading.delete(start);
    return docs;
  }

  /** The comments before a token that nothing but they stands before, without the line break after them. */
  dangling(start: number): Doc[] {
    const all = this.#leading.get(start) ?? [];
    return all.map((c, i): Doc => {
      if (i === all.length - 1) return c.text;
      return c.blankAfter ? [c.text, hardline, hardline] : [c.text, c.breakAfter ? hardline : " "];
    });
  }

  /** The comments after a token, on its line. */
  trailing(start: number): Doc[] {
    return (this.#trailing.get(start) ?? []).map((c): Doc =>
      c.toLineEnd ? comment(c.text, c.column) : [" ", c.text]
    );
  }

  #gap(previous: IToken | undefined, next: IToken | undefined, between: readonly IToken[]): void {
    const start = next?.startOffset ?? this.end;
    let from = previous ? endOf(previous) : 0;
    let own = previous === undefined;
    for (const [i, found] of between.entries()) {
      const before = this.text.slice(from, found.startOffset);
      const to = between[i + 1]?.startOffset ?? start;
      from = endOf(found);
      const after = this.text.slice(from, to);
      own ||= before.includes("\n");
      const text = found.image.trimEnd().replaceAll("\r\n", "\n");
      const toLineEnd = found.tokenType === T.LineComment;
      // A block comment in front of a token on its line belongs to that token.
      const inFront = !toLineEnd && next && !/\n/.test(this.text.slice(from, start)) &&
        !CLOSERS.includes(next.tokenType);
      if (own || (inFront && i === between.length - 1) || !previous) {
        own = true;
        if (!this.#leading.has(start) && blank(before)) this.#blank.add(start);
        const breakAfter = toLineEnd || after.includes("\n");
        push(this.#leading, start, {
          text,
          ownLine: before.includes("\n") || (!previous && i === 0),
          breakAfter,
          blankAfter: blank(after) && next !== undefined,
        });
      } else {
        const line = this.text.lastIndexOf("\n", found.startOffset) + 1;
        push(this.#trailing, previous.startOffset, { text, column: found.startOffset - line, toLineEnd });
      }
    }
    const first = this.text.slice(previous ? endOf(previous) : 0, start);
    if (!this.#leading.has(start) && blank(this.text.slice(from, start))) this.#blank.add(start);
    if (first.includes("\n")) this.#broken.add(start);
  }
}

/** Whether white space holds an empty line. */
function blank(space: string): boolean {
  return /\n[ \t\r]*\n/.test(space);
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
