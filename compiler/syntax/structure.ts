/**
 * What the grammar needs to know about a token's place: which words are keywords there, which brackets belong together
 * and where statements start. What it hands to the parser has balanced brackets and bounded nesting, whatever was
 * written; so a fault stays inside its statement. Words and signs that were forgotten or mistaken are put right.
 */

import type { IToken, TokenType } from "chevrotain";
import { Brackets, type Context } from "./brackets.ts";
import { endOf, makeToken, quote, type Reporter, retype } from "./report.ts";
import type { Scan } from "./scan.ts";
import * as T from "./tokens.ts";
import { HOMES, meantKeyword, startsConstruct } from "./words.ts";

export interface Structure {
  /** Each token's payload is the number of its statement. */
  readonly tokens: IToken[];
  /** Statements in which something was already reported. */
  readonly faulty: Set<number>;
}

/** Gives the tokens of `scan` their structure. */
export function structure(reporter: Reporter, scan: Scan): Structure {
  return new Structurer(reporter, scan).run();
}

/** What stands in a keyword's braces. */
const BODY = new Map<TokenType, Context>([
  [T.Import, "names"],
  [T.Policy, "rules"],
  [T.Precision, "rules"],
  [T.Fn, "block"],
  [T.Forward, "block"],
  [T.Model, "model"],
  [T.Train, "train"],
]);
/** What stands in the parentheses of a keyword or of the name after it. */
const HEAD = new Map<TokenType, Context>([
  [T.Fn, "typed"],
  [T.Forward, "typed"],
  [T.Batch, "typed"],
  [T.Model, "formals"],
  [T.Train, "args"],
]);
/** After one of these an expression or an item may be over. */
const ENDS = new Set<TokenType>([
  T.Identifier,
  T.Integer,
  T.Float,
  T.BadNumber,
  T.StringLiteral,
  T.BadString,
  T.True,
  T.False,
  T.RParen,
  T.RBracket,
  T.RBrace,
  T.LBrace,
]);
/** After one of these stands a name, whatever its word. */
const NAMES = new Set<TokenType>([T.Let, T.Metric, T.Dot, T.Const, T.Layer, T.Colon, T.In, T.As]);
/** How far to look for the end of a block. */
const MAX_LOOK = 2000;

class Structurer {
  readonly #brackets: Brackets;
  /** The last keyword, whose brackets have not come yet. */
  #head?: TokenType;
  #at = 0;

  constructor(readonly reporter: Reporter, readonly scan: Scan) {
    this.#brackets = new Brackets(reporter, !scan.cutShort);
  }

  run(): Structure {
    const { tokens, damage } = this.scan;
    let hurt = 0;
    for (; this.#at < tokens.length; this.#at++) {
      this.#take(tokens[this.#at]);
      // A statement that lost characters has had its report.
      const next = this.#peek(1)?.startOffset ?? Infinity;
      for (; damage[hurt] < next; hurt++) this.#brackets.markFaulty();
    }
    this.#brackets.closeDownTo(1, this.reporter.source.text.length);
    return this.#brackets;
  }

  readonly #peek = (ahead: number): IToken | undefined => this.scan.tokens[this.#at + ahead];

  /** The type of the token `back` before the one at hand. */
  #previous(back = 1): TokenType | undefined {
    const { tokens } = this.#brackets;
    return tokens[tokens.length - back]?.tokenType;
  }

  /** Whether what stands before may be complete. */
  get #ended(): boolean {
    const previous = this.#previous();
    return previous === undefined || ENDS.has(previous);
  }

  #take(token: IToken): void {
    const brackets = this.#brackets;
    switch (token.tokenType) {
      case T.Let:
      case T.Return:
        brackets.closeLists(token);
        brackets.startStatement();
        if (token.tokenType === T.Return) brackets.top.returned = true;
        return brackets.emit(token);
      case T.LParen:
        if (this.#isTarget()) this.#insert(T.Let, "let", token, "a pattern");
        return this.#open(token, this.#parenthesised());
      case T.LBracket:
        return this.#open(token, "list");
      case T.LBrace: {
        const context = BODY.get(this.#head!) ?? "other";
        if (context !== "other") brackets.closeLists(token);
        this.#head = undefined;
        return this.#open(token, context);
      }
      case T.RParen:
      case T.RBracket:
      case T.RBrace:
        return brackets.close(token, this.#peek(1));
      case T.Semicolon:
        return this.#semicolon(token);
      case T.Equals:
      case T.Colon:
        return brackets.emit(this.#sign(token));
      case T.If:
      case T.Else:
        brackets.choice(token);
        return;
      case T.Identifier:
        return this.#word(token);
      default:
        brackets.emit(token);
    }
  }

  #open(token: IToken, context: Context): void {
    if (this.#brackets.open(token, context)) return;
    for (let depth = 0;; this.#at++) {
      const type = this.#peek(1)?.tokenType;
      if (type === T.LParen || type === T.LBracket) depth++;
      else if (type === T.RParen || type === T.RBracket) depth--;
      const ends = type === undefined || type === T.LBrace || type === T.RBrace || type === T.Let ||
        type === T.Return;
      if (depth < 0 || ends) return;
    }
  }

  #parenthesised(): Context {
    const previous = this.#previous();
    const head = this.#head && HEAD.get(this.#head);
    if (head && (previous === this.#head || this.#previous(2) === this.#head)) return head;
    const called = previous === T.Identifier || previous === T.RParen || previous === T.RBracket;
    return called ? "args" : "list";
  }

  // Words

  #word(token: IToken): void {
    const brackets = this.#brackets;
    const keyword = this.#keyword(token) ?? this.#misspelt(token);
    if (keyword) {
      brackets.startStatement();
      this.#head = keyword;
      return brackets.emit(retype(token, keyword));
    }
    const { context } = brackets.top;
    const next = this.#peek(1)?.tokenType;
    const named = NAMES.has(this.#previous()!);
    if (!named && this.#isUpdate()) return this.#update(token);
    if (context === "train" && !named && (next === T.Equals || (next === T.Colon && this.#ended))) {
      brackets.startStatement();
      return brackets.emit(retype(token, T.FieldName));
    }
    const shown = quote(token.image);
    if (next === T.Equals && !named) {
      if (context === "block") this.#insert(T.Let, "let", token, shown);
      else if (context === "file" && this.#ended) this.#insert(T.Const, "const", token, shown);
      else if (context === "model" && this.#ended && this.#peek(3)?.tokenType === T.LParen) {
        this.#insert(T.Layer, "layer", token, shown);
      }
    } else if (context === "block" && this.#isResult(token)) {
      this.#insert(T.Return, "return", token, "the block's result");
    }
    brackets.emit(token);
  }

  /**
   * The keyword that a word is where it stands. No program has two names in a row, so after a complete operand a word
   * of the right set is a keyword; elsewhere it takes the tokens that follow to make it one, which also finds the
   * declaration or item before which a bracket was forgotten.
   */
  #keyword(token: IToken): TokenType | undefined {
    const home = HOMES.find((h) => h.words.has(token.image));
    const previous = this.#previous();
    if (!home || previous === T.In || previous === T.As || previous === T.Dot) return undefined;
    const keyword = home.words.get(token.image)!;
    const { context } = this.#brackets.top;
    const certain = startsConstruct(keyword, this.#peek);
    if (context === home.context) {
      if (this.#ended) return certain || context !== "train" ? keyword : undefined;
      // After an operator these could be calls, or a name before the next field.
      const name = keyword === T.Forward || keyword === T.Batch || keyword === T.Metric;
      return certain && !name && this.#startsLine(token) ? keyword : undefined;
    }
    if (!certain || !this.#startsLine(token)) return undefined;
    if (home.context === "file") {
      if (this.#indented(token)) return undefined;
      this.#brackets.closeDownTo(1, token.startOffset);
      return keyword;
    }
    const escapes = home.context === "model" && this.#ended && context !== "rules";
    return escapes && this.#brackets.closeDownToContext("model", token) ? keyword : undefined;
  }

  /** The keyword meant by another word, where there can be nothing but keywords. */
  #misspelt(token: IToken): TokenType | undefined {
    if (!this.#ended) return undefined;
    const keyword = meantKeyword(token.image, this.#brackets.top.context, this.#peek);
    if (!keyword) return undefined;
    const span = this.reporter.spanOf(token);
    const text = keyword.name.toLowerCase();
    this.reporter.report("MPT0122", `there is no keyword ${quote(token.image)}`, span, "unknown", {
      edit: { help: `write \`${text}\``, replacements: [{ span, text }] },
    });
    return keyword;
  }

  #startsLine(token: IToken): boolean {
    const { text } = this.reporter.source;
    const line = text.lastIndexOf("\n", token.startOffset - 1) + 1;
    return text.slice(line, token.startOffset).trim() === "";
  }

  #indented(token: IToken): boolean {
    return /[ \t]/.test(this.reporter.source.text[token.startOffset - 1] ?? "");
  }

  // What was forgotten

  /** Whether `(b, c) =` starts here: a pattern that nothing announced. */
  #isTarget(): boolean {
    const { context } = this.#brackets.top;
    if ((context !== "block" && context !== "train") || this.#previous() === T.Let || !this.#ended) {
      return false;
    }
    let depth = 0;
    for (let k = 0;; k++) {
      const type = this.#peek(k)?.tokenType;
      if (type === T.LParen) depth++;
      else if (type === T.RParen) depth--;
      else if (type !== T.Identifier && type !== T.Comma) return false;
      if (depth === 0) return k > 1 && this.#peek(k + 1)?.tokenType === T.Equals;
    }
  }

  /** Whether an expression starts here that is all that is left of a block without `return`. */
  #isResult(token: IToken): boolean {
    const { top } = this.#brackets;
    if (top.returned || !this.#ended || this.#peek(1)?.tokenType === T.Identifier) return false;
    if (this.#previous() !== T.LBrace && !this.#startsLine(token)) return false;
    let depth = 0;
    for (let k = 1; k < MAX_LOOK; k++) {
      const type = this.#peek(k)?.tokenType;
      if (type === T.LParen || type === T.LBracket) depth++;
      else if (type === T.RParen || type === T.RBracket) depth--;
      else if (type === T.RBrace) return depth === 0;
      else if (type === undefined || type === T.Let || type === T.Return || type === T.LBrace) return false;
      else if (type === T.Equals && depth === 0) return false;
    }
    return false;
  }

  #insert(type: TokenType, word: string, before: IToken, subject: string): void {
    const at = before.startOffset;
    const code = type === T.Return ? "MPT0120" : "MPT0112";
    const label = type === T.Return ? "the result" : "bound here";
    this.reporter.report(
      code,
      `\`${word}\` is missing before ${subject}`,
      this.reporter.spanOf(before),
      label,
      {
        edit: {
          help: `write \`${word}\``,
          replacements: [{ span: this.reporter.span(at, at), text: word + " " }],
        },
      },
    );
    this.#brackets.startStatement();
    this.#head = type;
    this.#brackets.emit(makeToken(type, "", at));
  }

  /** Whether `x += …` starts here, with any operator. */
  #isUpdate(): boolean {
    const { context } = this.#brackets.top;
    const [operator, equals] = [this.#peek(1), this.#peek(2)];
    return (context === "block" || context === "train") && this.#ended && operator !== undefined &&
      [T.Plus, T.Minus, T.Star, T.Slash, T.At].includes(operator.tokenType) &&
      equals?.tokenType === T.Equals && equals.startOffset === endOf(operator);
  }

  #update(name: IToken): void {
    const brackets = this.#brackets;
    const [operator, equals] = [this.#peek(1)!, this.#peek(2)!];
    const span = this.reporter.span(operator.startOffset, endOf(equals));
    const whole = this.reporter.span(name.startOffset, endOf(equals));
    const text = `let ${name.image} = ${name.image} ${operator.image}`;
    this.reporter.report("MPT0128", `a name cannot be changed, only bound anew`, span, "would change it", {
      edit: { help: "bind the name again", replacements: [{ span: whole, text }] },
    });
    brackets.startStatement();
    for (
      const t of [
        makeToken(T.Let, "", name.startOffset),
        name,
        retype(equals, T.Equals),
        { ...name },
        operator,
      ]
    ) {
      brackets.emit(t);
    }
    this.#at += 2;
  }

  // Signs

  /** `=` or `:`, as the place wants it; reported where the other one was written. */
  #sign(token: IToken): IToken {
    const name = this.#brackets.last;
    const before = this.#previous(2);
    const { context } = this.#brackets.top;
    const [meant, what] = token.tokenType === T.Equals
      ? wantsColon(context, before, name?.tokenType)
      : wantsEquals(before, name?.tokenType);
    if (!meant) return token;
    const text = meant === T.Colon ? ":" : "=";
    const span = this.reporter.spanOf(token);
    // `lr = 1` reads well as `lr: 1`, and `loss: x` as `loss = x`.
    const wide = this.reporter.span(endOf(name!), span.end);
    this.reporter.report(
      "MPT0117",
      `\`${text}\` stands after ${what}, not \`${token.image}\``,
      span,
      "the wrong sign",
      {
        edit: { help: `write \`${text}\``, replacements: [{ span: wide, text: text === "=" ? " =" : text }] },
      },
    );
    return retype(token, meant);
  }

  #semicolon(token: IToken): void {
    const span = this.reporter.spanOf(token);
    const { inList } = this.#brackets;
    const message = inList ? "`;` does not separate elements" : "`;` does not end a statement";
    const help = inList ? "write `,`" : "remove it: every statement starts with a word of its own";
    this.reporter.report("MPT0108", message, span, "not part of the language", {
      edit: { help, replacements: [{ span, text: inList ? "," : "" }] },
    });
    if (inList) this.#brackets.emit(retype(token, T.Comma));
  }
}

type Wanted = readonly [] | readonly [sign: TokenType, what: string];

/** Whether an `=` after `name`, itself after `before`, should be a `:`. */
function wantsColon(context: Context, before: TokenType | undefined, name: TokenType | undefined): Wanted {
  if (before !== T.LParen && before !== T.Comma && before !== T.LBrace) return [];
  if (context === "rules" && name === T.StringLiteral) return [T.Colon, "a rule's path"];
  if (name !== T.Identifier) return [];
  if (context === "rules") return [T.Colon, "a rule's key"];
  if (context === "args") return [T.Colon, "an argument's name"];
  return context === "typed" ? [T.Colon, "an input's name"] : [];
}

/** Whether a `:` after `name`, itself after `before`, should be an `=`. */
function wantsEquals(before: TokenType | undefined, name: TokenType | undefined): Wanted {
  if (name === T.FieldName) return [T.Equals, "a field's name"];
  if (before === T.Layer) return [T.Equals, "a layer's name"];
  return before === T.Metric ? [T.Equals, "a metric's name"] : [];
}
