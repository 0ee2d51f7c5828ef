/** Which bracket belongs to which, and the statements between them. */

import type { IToken, TokenType } from "chevrotain";
import type { Lookahead } from "./lookahead.ts";
import { reportTooDeep } from "./nesting.ts";
import { endOf, makeToken, quote, type Reporter, retype } from "./report.ts";
import * as T from "./tokens.ts";

/** Brackets and `if`s the parser may recurse through together; the exact limit is the tree builder's. */
const MAX_OPEN = 140;
/** How often a frame may be opened again: a program with more faults of this kind is no program. */
const MAX_REOPENED = 20;

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
  | "list";

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
  /** The brace frame that was closed last, and where its closer is among the tokens. */
  #closed?: { readonly frame: Frame; readonly at: number };
  #reopened = 0;
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
      this.#closed = undefined;
      this.startStatement();
      return true;
    }
    if (++this.#lists + this.#ifs <= MAX_OPEN) return true;
    this.#tooDeep(token);
    return false;
  }

  /** Closes what `closer` is the partner of; `look` sees what follows it. */
  close(closer: IToken, look: Lookahead): void {
    const type = closer.tokenType;
    const wanted = this.top.open && CLOSER.get(this.top.open.tokenType);
    if (wanted !== type) {
      const partner = this.#partner(type);
      if (this.inList && type !== T.RBrace) {
        // Whatever leaves fewer brackets without a partner is what was meant.
        const lists = this.openLists();
        const skipped = partner === -1 ? 1 : this.#frames.length - 1 - partner;
        const kept = lists.slice(0, lists.length - (partner === -1 ? 1 : skipped + 1));
        if (look.slips(lists) + 1 < look.slips(kept) + skipped) return this.drop(closer);
      }
      if (partner === -1) return this.#stray(closer);
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

  /** Opens a frame of `context` whose brace was forgotten before `before`. */
  openForgotten(context: Context, before: IToken): void {
    const after = this.last ? endOf(this.last) : 0;
    const place = this.reporter.span(after, after);
    this.reporter.report(
      "MPT0102",
      `\`{\` is missing before ${quote(before.image)}`,
      place,
      "expected here",
      {
        edit: { help: "open the braces", replacements: [{ span: place, text: " {" }] },
      },
    );
    this.open(makeToken(T.LBrace, "", after), context);
  }

  /**
   * Opens again the frame that was closed last, if it is of one of `contexts` and inside the innermost one: for `before`,
   * which shows that it was closed too early.
   */
  reopen(contexts: readonly Context[], before: IToken): boolean {
    const closed = this.#closed;
    const closer = closed && this.tokens[closed.at];
    if (!closed || !closer || closer.image === "" || !contexts.includes(closed.frame.context)) return false;
    if (++this.#reopened > MAX_REOPENED) return false;
    const span = this.reporter.spanOf(closer);
    this.reporter.report("MPT0102", "this `}` closes too early", span, "closed here", {
      also: [
        { span: this.reporter.spanOf(closed.frame.open!), text: "opened here" },
        { span: this.reporter.spanOf(before), text: `${quote(before.image)} belongs inside` },
      ],
      edit: { help: "remove it", replacements: [{ span, text: "" }] },
    });
    for (let s: number = closer.payload; s <= this.#statement; s++) this.faulty.add(s);
    this.tokens.splice(closed.at, 1);
    this.#frames.push(closed.frame);
    this.#closed = undefined;
    return true;
  }

  /** Leaves a bracket out that belongs to nothing, and its partner if it has one. */
  drop(bracket: IToken, partner?: IToken): void {
    const spans = [bracket, ...(partner ? [partner] : [])].map((b) => this.reporter.spanOf(b));
    this.reporter.report(
      "MPT0102",
      `${quote(bracket.image)} cannot stand here`,
      spans[0],
      "not expected here",
      {
        also: spans.slice(1).map((span) => ({ span, text: "its partner" })),
        edit: { help: "remove it", replacements: spans.map((span) => ({ span, text: "" })) },
      },
    );
    this.markFaulty();
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

  /** What the lists that are open here want for closers, outermost first. */
  openLists(): TokenType[] {
    const brace = this.#frames.findLastIndex((f) => f.open === undefined || f.open.tokenType === T.LBrace);
    return this.#frames.slice(brace + 1).map((f) => CLOSER.get(f.open!.tokenType)!);
  }

  #pop(closer: IToken): void {
    this.emit(closer);
    const frame = this.#frames.pop()!;
    this.#ifs -= frame.ifs;
    if (frame.open!.tokenType === T.LBrace) {
      this.#closed = { frame, at: this.tokens.length - 1 };
      this.startStatement();
    } else this.#lists--;
  }

  #stray(closer: IToken): void {
    const span = this.reporter.spanOf(closer);
    this.markFaulty();
    const { open } = this.top;
    const wanted = open && CLOSER.get(open.tokenType);
    if (!open || !wanted || !this.inList || closer.tokenType === T.RBrace) {
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
