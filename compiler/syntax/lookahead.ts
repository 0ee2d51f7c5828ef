/** What follows in the source: how the structurer tells a slip of the pen from what was meant. */

import type { IToken, TokenType } from "chevrotain";
import { endOf } from "./report.ts";
import * as T from "./tokens.ts";

/** How far to look. */
const MAX_LOOK = 2000;

export class Lookahead {
  /** The index of the token at hand. */
  at = 0;

  constructor(readonly tokens: readonly IToken[], readonly text: string) {}

  /** Looks `ahead` tokens forward; 0 is the token at hand. */
  readonly peek = (ahead: number): IToken | undefined => this.tokens[this.at + ahead];

  startsLine(token: IToken): boolean {
    const line = this.text.lastIndexOf("\n", token.startOffset - 1) + 1;
    return this.text.slice(line, token.startOffset).trim() === "";
  }

  indented(token: IToken): boolean {
    return /[ \t]/.test(this.text[token.startOffset - 1] ?? "");
  }

  /** Whether `(b, c) =` starts here, a pattern to bind. */
  isTarget(): boolean {
    let depth = 0;
    for (let k = 0;; k++) {
      const type = this.peek(k)?.tokenType;
      if (type === T.LParen) depth++;
      else if (type === T.RParen) depth--;
      else if (type !== T.Identifier && type !== T.Comma) return false;
      if (depth === 0) return k > 1 && this.peek(k + 1)?.tokenType === T.Equals;
    }
  }

  /** Whether `x += …` starts here, with any operator. */
  isUpdate(): boolean {
    const [operator, equals] = [this.peek(1), this.peek(2)];
    return operator !== undefined && [T.Plus, T.Minus, T.Star, T.Slash, T.At].includes(operator.tokenType) &&
      equals?.tokenType === T.Equals && equals.startOffset === endOf(operator);
  }

  /** The kind of declaration that starts here, at its name instead of its keyword. */
  declares(): TokenType | undefined {
    let k = 1;
    let depth = 0;
    for (; k < MAX_LOOK; k++) {
      const type = this.peek(k)?.tokenType;
      if (type === T.LParen || type === T.LBracket) depth++;
      else if (type === T.RParen || type === T.RBracket) depth--;
      else if (depth === 0) break;
      else if (type === undefined || type === T.LBrace || type === T.RBrace) return undefined;
    }
    if (this.peek(k)?.tokenType === T.Arrow) return k > 1 ? T.Fn : undefined;
    if (this.peek(k)?.tokenType !== T.LBrace) return undefined;
    return this.peek(k + 1)?.image === "batch" ? T.Train : T.Model;
  }

  /** Whether all up to the end of the block is one expression. */
  endsBlock(): boolean {
    let depth = 0;
    for (let k = 1; k < MAX_LOOK; k++) {
      const type = this.peek(k)?.tokenType;
      if (type === T.LParen || type === T.LBracket) depth++;
      else if (type === T.RParen || type === T.RBracket) depth--;
      else if (type === T.RBrace) return depth === 0;
      else if (type === undefined || type === T.Let || type === T.Return || type === T.LBrace) return false;
      else if (type === T.Equals && depth === 0) return false;
    }
    return false;
  }

  /** How far ahead the brace is closed that opens here, if no statement starts before that. */
  groupEnd(): number | undefined {
    let depth = 0;
    for (let k = 1; k < MAX_LOOK; k++) {
      const type = this.peek(k)?.tokenType;
      if (type === T.LBrace) depth++;
      else if (type === T.RBrace && depth-- === 0) return k;
      else if (this.#startsStatement(k)) return undefined;
    }
  }

  /** The closer of the list around the token at hand, if the list goes on after it and no statement starts before. */
  listCloser(): TokenType | undefined {
    let depth = 0;
    for (let k = 1; k < MAX_LOOK; k++) {
      const type = this.peek(k)?.tokenType;
      if (type === T.LParen || type === T.LBracket) depth++;
      else if ((type === T.RParen || type === T.RBracket) && depth-- === 0) return type;
      else if (type === T.LBrace || type === T.RBrace || this.#startsStatement(k)) return undefined;
    }
  }

  /** How many brackets up to the next statement would have no partner if lists that want `closers` were open. */
  slips(closers: readonly TokenType[]): number {
    const open = [...closers];
    let slips = 0;
    for (let k = 1; k < MAX_LOOK; k++) {
      const type = this.peek(k)?.tokenType;
      if (type === T.LParen) open.push(T.RParen);
      else if (type === T.LBracket) open.push(T.RBracket);
      else if (type === T.RParen || type === T.RBracket) {
        const partner = open.lastIndexOf(type);
        slips += partner === -1 ? 1 : open.length - 1 - partner;
        if (partner !== -1) open.length = partner;
      } else if (type === T.LBrace || type === T.RBrace || this.#startsStatement(k)) break;
    }
    return slips + open.length;
  }

  #startsStatement(k: number): boolean {
    const token = this.peek(k);
    const type = token?.tokenType;
    if (token === undefined || type === T.Let || type === T.Return) return true;
    if (type !== T.Identifier || !this.startsLine(token)) return false;
    const next = this.peek(k + 1)?.tokenType;
    const word = T.DECLARATION_WORDS.has(token.image) || T.ITEM_WORDS.has(token.image) ||
      T.TRAIN_WORDS.has(token.image);
    return next === T.Equals || (word && next === T.Identifier);
  }
}
