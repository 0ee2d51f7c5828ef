/** Which bracket belongs to which, and the statements between them. */

import type { IToken, TokenType } from "chevrotain";
import { reportTooDeep } from "./nesting.ts";
import { endOf, makeToken, type Reporter, retype } from "./report.ts";
import * as T from "./tokens.ts";

/** Brackets and `if`s the parser may recurse through together; the exact limit is the tree builder's. */
const MAX_OPEN = 140;

/** What stands between a pair of brackets. */
export type Context =
  | "file"
  | "names"
  | "rules"
  | "model"
  | "train"
  | "block"
  | "args"
  | "typed"
  | "formals"
  | "list"
  | "other";

export interface Frame {
  /** Absent for the file itself. */
  readonly open?: IToken;
  readonly context: Context;
  /** A block's `return` has come. */
  returned: boolean;
  /** The `if`s whose `else` has not come. */
  ifs: number;
}

const CLOSER = new Map<TokenType, TokenType>([[T.LParen, T.RParen], [T.LBracket, T.RBracket], [
  T.LBrace,
  T.RBrace,
]]);
const CLOSER_TEXT = new Map<TokenType, string>([[T.LParen, ")"], [T.LBracket, "]"], [T.LBrace, "}"]]);

/** The tokens for the parser, in which every bracket has its partner. */
export class Brackets {
  readonly tokens: IToken[] = [];
  /** Statements in which something was already reported. */
  readonly faulty = new Set<number>();
  readonly #frames: Frame[] = [{ context: "file", returned: false, ifs: 0 }];
  #statement = 0;
  #lists = 0;
  #ifs = 0;
  #toldTooDeep = false;

  /** `endKnown` is false where the file's end was lost, so that what is missing there is no news. */
  constructor(readonly reporter: Reporter, readonly endKnown: boolean) {}

  get top(): Frame {
    return this.#frames[this.#frames.length - 1];
  }

  get last(): IToken | undefined {
    return this.tokens[this.tokens.length - 1];
  }

  get inList(): boolean {
    const open = this.top.open?.tokenType;
    return open === T.LParen || open === T.LBracket;
  }

  emit(token: IToken): void {
    token.payload = this.#statement;
    token.endOffset = endOf(token) - 1;
    this.tokens.push(token);
  }

  startStatement(): void {
    this.#statement++;
    this.#ifs -= this.top.ifs;
    this.top.ifs = 0;
  }

  markFaulty(): void {
    this.faulty.add(this.#statement);
  }

  /** Opens a frame. False where that is too deep: then what the bracket holds has to be left out. */
  open(token: IToken, context: Context): boolean {
    this.emit(token);
    this.#frames.push({ open: token, context, returned: false, ifs: 0 });
    if (token.tokenType === T.LBrace) {
      this.startStatement();
      return true;
    }
    if (++this.#lists + this.#ifs <= MAX_OPEN) return true;
    this.#tooDeep(token);
    return false;
  }

  /** Closes what `closer` is the partner of; `next` is the token after it. */
  close(closer: IToken, next: IToken | undefined): void {
    const type = closer.tokenType;
    const wanted = this.top.open && CLOSER.get(this.top.open.tokenType);
    if (wanted !== type) {
      const partner = this.#partner(type);
      if (partner === -1) return this.#stray(closer, next);
      this.closeDownTo(partner + 1, closer.startOffset);
    }
    this.#pop(closer);
  }

  /** Closes every parenthesis and bracket that is open where only a statement can stand. */
  closeLists(before: IToken): void {
    const brace = this.#frames.findLastIndex((f) => f.open === undefined || f.open.tokenType === T.LBrace);
    this.closeDownTo(brace + 1, before.startOffset);
  }

  /** Closes everything inside the innermost frame of a context; false where there is none. */
  closeDownToContext(context: Context, before: IToken): boolean {
    const found = this.#frames.findLastIndex((f) => f.context === context);
    if (found !== -1) this.closeDownTo(found + 1, before.startOffset);
    return found !== -1;
  }

  /** Closes frames until `count` are left, as if their closers stood before `offset`. */
  closeDownTo(count: number, offset: number): void {
    const open = this.#frames.slice(count).map((f) => f.open!);
    if (open.length === 0) return;
    const after = this.last ? Math.min(endOf(this.last), offset) : offset;
    if (this.endKnown || offset < this.reporter.source.text.length) this.#reportUnclosed(open, after);
    this.markFaulty();
    while (this.#frames.length > count) {
      this.#pop(makeToken(CLOSER.get(this.top.open!.tokenType)!, "", after));
    }
  }

  /** An `if` or an `else`; false where the `if` is too deep and has to be left out. */
  choice(token: IToken): boolean {
    if (token.tokenType === T.Else) {
      if (this.top.ifs > 0) {
        this.top.ifs--;
        this.#ifs--;
      }
    } else if (this.#lists + this.#ifs >= MAX_OPEN) {
      this.#tooDeep(token);
      return false;
    } else {
      this.top.ifs++;
      this.#ifs++;
    }
    this.emit(token);
    return true;
  }

  /** The innermost frame that `closer` may close: a brace ends every list, a list ends at its brace. */
  #partner(closer: TokenType): number {
    for (let i = this.#frames.length - 1; i > 0; i--) {
      const open = this.#frames[i].open!.tokenType;
      if (CLOSER.get(open) === closer) return i;
      if (open === T.LBrace) return -1;
    }
    return -1;
  }

  #pop(closer: IToken): void {
    this.emit(closer);
    const frame = this.#frames.pop()!;
    this.#ifs -= frame.ifs;
    if (frame.open!.tokenType === T.LBrace) this.startStatement();
    else this.#lists--;
  }

  #stray(closer: IToken, next: IToken | undefined): void {
    const span = this.reporter.spanOf(closer);
    this.markFaulty();
    const { open } = this.top;
    const wanted = open && CLOSER.get(open.tokenType);
    if (!open || !wanted || !this.inList || next?.tokenType === wanted) {
      return this.reporter.report(
        "MPT0102",
        `nothing is open that \`${closer.image}\` could close`,
        span,
        "no partner",
        { edit: { help: "remove it", replacements: [{ span, text: "" }] } },
      );
    }
    const text = CLOSER_TEXT.get(open.tokenType)!;
    this.reporter.report(
      "MPT0102",
      `\`${open.image}\` is closed by \`${closer.image}\``,
      span,
      "closed here",
      {
        also: [{ span: this.reporter.spanOf(open), text: "opened here" }],
        edit: { help: `write \`${text}\``, replacements: [{ span, text }] },
      },
    );
    this.#pop(retype(closer, wanted));
  }

  #reportUnclosed(open: readonly IToken[], after: number): void {
    const labels = open.map((o) => ({ span: this.reporter.spanOf(o), text: "opened here" })).reverse();
    const closers = open.map((o) => CLOSER_TEXT.get(o.tokenType)!).reverse();
    const place = this.reporter.span(after, after);
    this.reporter.report(
      "MPT0102",
      `\`${open[open.length - 1].image}\` is never closed`,
      labels[0].span,
      labels[0].text,
      {
        also: [...labels.slice(1, 4), { span: place, text: `\`${closers.join("")}\` is missing here` }],
        edit: {
          help: "close it",
          replacements: [{ span: place, text: closers.map((c) => c === "}" ? "\n}" : c).join("") }],
        },
      },
    );
  }

  #tooDeep(token: IToken): void {
    this.markFaulty();
    if (!this.#toldTooDeep) reportTooDeep(this.reporter, token);
    this.#toldTooDeep = true;
  }
}
