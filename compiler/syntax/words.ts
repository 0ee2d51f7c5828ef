/** Words that are keywords only in their place. */

import type { IToken, TokenType } from "chevrotain";
import { closest } from "../core/closest.ts";
import type { Context } from "./brackets.ts";
import * as T from "./tokens.ts";

/** Looks `ahead` tokens forward; 1 is the next token. */
export type Peek = (ahead: number) => IToken | undefined;

/** The context in which each keyword is one, and the words that are keywords there. */
export const HOMES: readonly { readonly context: Context; readonly words: ReadonlyMap<string, TokenType> }[] =
  [
    { context: "file", words: T.DECLARATION_WORDS },
    { context: "model", words: T.ITEM_WORDS },
    { context: "train", words: T.TRAIN_WORDS },
  ];

/** Whether the tokens that follow are those of the keyword's construct. */
export function startsConstruct(keyword: TokenType, peek: Peek): boolean {
  const first = peek(1)?.tokenType;
  const second = peek(2)?.tokenType;
  const named = first === T.Identifier;
  // In `… = model` before `forward(…)` or `import {…}` the word is a name.
  const fresh = named && !HOMES.some((h) => h.words.has(peek(1)!.image));
  switch (keyword) {
    case T.Import:
    case T.Precision:
      return first === T.LBrace;
    case T.Const:
      return named && second === T.Equals;
    case T.Policy:
      return fresh && second === T.LBrace;
    case T.Fn:
      return fresh && second === T.LParen;
    case T.Model:
    case T.Train:
      return fresh && (second === T.LParen || second === T.LBrace);
    case T.Layer:
      return named && (second === T.Equals || second === T.Colon);
    case T.Param:
      return named && second === T.Colon;
    case T.Metric:
      return named;
    default: // forward, batch
      return first === T.LParen;
  }
}

/** What other languages say. */
const ALIASES = new Map<string, string>([
  ["def", "fn"],
  ["func", "fn"],
  ["function", "fn"],
  ["fun", "fn"],
  ["class", "model"],
  ["module", "model"],
  ["struct", "model"],
  ["use", "import"],
  ["include", "import"],
  ["trainer", "train"],
]);

/** The keyword that was meant by a word where only keywords stand, judged by the word and what follows it. */
export function meantKeyword(word: string, context: Context, peek: Peek): TokenType | undefined {
  const home = HOMES.find((h) => h.context === context);
  if (!home) return undefined;
  const alias = ALIASES.get(word) ?? closest(word, home.words.keys());
  const keyword = alias === undefined ? undefined : home.words.get(alias);
  return keyword && startsConstruct(keyword, peek) ? keyword : undefined;
}
