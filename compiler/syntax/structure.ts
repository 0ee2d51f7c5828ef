/**
 * What the grammar needs to know about a token's place: which words are keywords there, which brackets belong together
 * and where statements start. What it hands to the parser has balanced brackets and bounded nesting, whatever was
<<<<<<< HEAD
 * written; so a fault stays inside its statement. Words and signs that were forgotten or mistaken are put right.
 */

import type { IToken, TokenType } from "chevrotain";
import { Brackets, type Context } from "./brackets.ts";
import { endOf, makeToken, quote, type Reporter, retype } from "./report.ts";
import type { Scan } from "./scan.ts";
import * as T from "./tokens.ts";
import { HOMES, meantKeyword, startsConstruct } from "./words.ts";
=======
 * written; so a fault stays inside its statement.
 */

import type { IToken, TokenType } from "chevrotain";
import { endOf, makeToken, type Reporter, retype } from "./report.ts";
import { reportTooDeep } from "./nesting.ts";
import type { Scan } from "./scan.ts";
import * as T from "./tokens.ts";

/** Brackets and `if`s the parser may recurse through; the exact limit is the tree builder's. */
const MAX_OPEN = 140;

/** What stands between a pair of brackets. */
type Context =
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

interface Frame {
  readonly open?: IToken;
  readonly context: Context;
  ifs: number;
}
>>>>>>> check

export interface Structure {
  /** Each token's payload is the number of its statement. */
  readonly tokens: IToken[];
  /** Statements in which something was already reported. */
  readonly faulty: Set<number>;
}

<<<<<<< HEAD
/** Gives the tokens of `scan` their structure. */
=======
/** Gives the tokens of `scan` their structure, reporting brackets without a partner and forgotten words. */
>>>>>>> check
export function structure(reporter: Reporter, scan: Scan): Structure {
  return new Structurer(reporter, scan).run();
}

<<<<<<< HEAD
/** What stands in a keyword's braces. */
=======
const CLOSER = new Map<TokenType, TokenType>([[T.LParen, T.RParen], [T.LBracket, T.RBracket], [
  T.LBrace,
  T.RBrace,
]]);
>>>>>>> check
const BODY = new Map<TokenType, Context>([
  [T.Import, "names"],
  [T.Policy, "rules"],
  [T.Precision, "rules"],
  [T.Fn, "block"],
  [T.Forward, "block"],
  [T.Model, "model"],
  [T.Train, "train"],
]);
<<<<<<< HEAD
/** What stands in the parentheses of a keyword or of the name after it. */
=======
>>>>>>> check
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
<<<<<<< HEAD
/** After one of these stands a name, whatever its word. */
const NAMES = new Set<TokenType>([T.Let, T.Metric, T.Dot, T.Const, T.Layer, T.Colon, T.In, T.As]);
/** How far to look for the end of a block. */
const MAX_LOOK = 2000;

class Structurer {
  readonly #brackets: Brackets;
=======

class Structurer {
  readonly #out: IToken[] = [];
  readonly #faulty = new Set<number>();
  readonly #frames: Frame[] = [{ context: "file", ifs: 0 }];
  readonly #text: string;
  #statement = 0;
  #lists = 0;
  #ifs = 0;
  #deep = false;
>>>>>>> check
  /** The last keyword, whose brackets have not come yet. */
  #head?: TokenType;
  #at = 0;

  constructor(readonly reporter: Reporter, readonly scan: Scan) {
<<<<<<< HEAD
    this.#brackets = new Brackets(reporter, !scan.cutShort);
=======
    this.#text = reporter.source.text;
>>>>>>> check
  }

  run(): Structure {
    const { tokens, damage } = this.scan;
    let hurt = 0;
    for (; this.#at < tokens.length; this.#at++) {
      this.#take(tokens[this.#at]);
      // A statement that lost characters has had its report.
<<<<<<< HEAD
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
=======
      for (; hurt < damage.length && damage[hurt] < (tokens[this.#at + 1]?.startOffset ?? Infinity); hurt++) {
        this.#faulty.add(this.#statement);
      }
    }
    this.#closeDownTo(1, this.#text.length);
    return { tokens: this.#out, faulty: this.#faulty };
  }

  get #top(): Frame {
    return this.#frames[this.#frames.length - 1];
  }

  get #inList(): boolean {
    const open = this.#top.open?.tokenType;
    return open === T.LParen || open === T.LBracket;
  }

  get #last(): IToken | undefined {
    return this.#out[this.#out.length - 1];
  }

  #peek(ahead: number): IToken | undefined {
    return this.scan.tokens[this.#at + ahead];
  }

  #emit(token: IToken): void {
    token.payload = this.#statement;
    this.#out.push(token);
  }

  #startStatement(): void {
    this.#statement++;
    this.#ifs -= this.#top.ifs;
    this.#top.ifs = 0;
  }

  #take(token: IToken): void {
    switch (token.tokenType) {
      case T.Let:
      case T.Return:
        this.#closeLists(token);
        this.#startStatement();
        return this.#emit(token);
      case T.LParen:
      case T.LBracket:
        if (this.#isTarget(token)) this.#insertLet(token);
        return this.#open(token, token.tokenType === T.LBracket ? "list" : this.#listContext());
      case T.LBrace: {
        const context = BODY.get(this.#head!) ?? "other";
        if (context !== "other") this.#closeLists(token);
>>>>>>> check
        return this.#open(token, context);
      }
      case T.RParen:
      case T.RBracket:
      case T.RBrace:
<<<<<<< HEAD
        return brackets.close(token, this.#peek(1));
=======
        return this.#close(token);
>>>>>>> check
      case T.Semicolon:
        return this.#semicolon(token);
      case T.Equals:
      case T.Colon:
<<<<<<< HEAD
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
=======
        return this.#emit(this.#sign(token));
      case T.If:
      case T.Else:
        return this.#choice(token);
      case T.Identifier:
        return this.#word(token);
      default:
        this.#emit(token);
    }
  }

  // Words

  #word(token: IToken): void {
    const keyword = this.#keyword(token);
    if (keyword) {
      this.#startStatement();
      this.#head = keyword;
      return this.#emit(retype(token, keyword));
    }
    const { context } = this.#top;
    const previous = this.#last?.tokenType;
    const next = this.#peek(1)?.tokenType;
    const named = previous === T.Let || previous === T.Metric || previous === T.Dot || previous === T.Const ||
      previous === T.Layer;
    if (context === "train" && !named && (next === T.Equals || (next === T.Colon && this.#ended))) {
      this.#startStatement();
      return this.#emit(retype(token, T.FieldName));
    }
    if (context === "block" && !named && next === T.Equals) this.#insertLet(token);
    this.#emit(token);
  }

  /** Whether what stands before may be complete. */
  get #ended(): boolean {
    return this.#last === undefined || ENDS.has(this.#last.tokenType);
>>>>>>> check
  }

  /**
   * The keyword that a word is where it stands. No program has two names in a row, so after a complete operand a word
   * of the right set is a keyword; elsewhere it takes the tokens that follow to make it one, which also finds the
   * declaration or item before which a bracket was forgotten.
   */
  #keyword(token: IToken): TokenType | undefined {
<<<<<<< HEAD
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
=======
    const word = token.image;
    const declaration = T.DECLARATION_WORDS.get(word);
    const item = declaration ?? T.ITEM_WORDS.get(word);
    const keyword = item ?? T.TRAIN_WORDS.get(word);
    if (keyword === undefined) return undefined;
    const { context } = this.#top;
    const home = declaration ? "file" : item ? "model" : "train";
    const previous = this.#last?.tokenType;
    if (previous === T.In || previous === T.As || previous === T.Dot) return undefined;
    const strong = this.#looksLike(keyword);
    if (context === home && this.#ended && (home !== "train" || strong)) return keyword;
    if (!strong || home === "train" && context !== "train") return undefined;
    if (declaration && context !== "file") {
      if (!this.#startsLine(token, true)) return undefined;
      this.#closeDownTo(1, token.startOffset);
      return keyword;
    }
    if (home === "model" && context !== "model") {
      const model = this.#frames.findLastIndex((f) => f.context === "model");
      if (model === -1 || !this.#ended || !this.#startsLine(token, false) || context === "rules") {
        return undefined;
      }
      this.#closeDownTo(model + 1, token.startOffset);
      return keyword;
    }
    return this.#startsLine(token, false) ? keyword : undefined;
  }

  /** Whether the tokens that follow are those of the keyword's construct. */
  #looksLike(keyword: TokenType): boolean {
    const first = this.#peek(1)?.tokenType;
    const second = this.#peek(2)?.tokenType;
    switch (keyword) {
      case T.Import:
        return first === T.LBrace;
      case T.Const:
        return first === T.Identifier && second === T.Equals;
      case T.Policy:
        return first === T.Identifier && second === T.LBrace;
      case T.Fn:
        return first === T.Identifier && second === T.LParen;
      case T.Model:
      case T.Train:
        return first === T.Identifier && (second === T.LParen || second === T.LBrace);
      case T.Layer:
        return first === T.Identifier && (second === T.Equals || second === T.Colon);
      case T.Param:
        return first === T.Identifier && second === T.Colon;
      case T.Precision:
        return first === T.LBrace;
      case T.Metric:
        return first === T.Identifier;
      default: // forward, batch
        return first === T.LParen;
    }
  }

  #startsLine(token: IToken, unindented: boolean): boolean {
    const line = this.#text.lastIndexOf("\n", token.startOffset - 1) + 1;
    return unindented ? line === token.startOffset : this.#text.slice(line, token.startOffset).trim() === "";
  }

  // Forgotten and mistaken signs

  /** Whether `(b, c) =` starts here: a pattern that nothing announced. */
  #isTarget(token: IToken): boolean {
    const { context } = this.#top;
    if (token.tokenType !== T.LParen || (context !== "block" && context !== "train")) return false;
    if (this.#last?.tokenType === T.Let || !this.#ended) return false;
>>>>>>> check
    let depth = 0;
    for (let k = 0;; k++) {
      const type = this.#peek(k)?.tokenType;
      if (type === T.LParen) depth++;
      else if (type === T.RParen) depth--;
      else if (type !== T.Identifier && type !== T.Comma) return false;
      if (depth === 0) return k > 1 && this.#peek(k + 1)?.tokenType === T.Equals;
    }
  }

<<<<<<< HEAD
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
=======
  #insertLet(before: IToken): void {
    const at = before.startOffset;
    const subject = before.tokenType === T.LParen ? "a pattern" : `\`${before.image}\``;
    this.reporter.report(
      "MPT0112",
      `\`let\` is missing before ${subject}`,
      this.reporter.spanOf(before),
      "bound here",
      {
        edit: { help: "write `let`", replacements: [{ span: this.reporter.span(at, at), text: "let " }] },
      },
    );
    this.#startStatement();
    this.#emit(makeToken(T.Let, "", at));
  }

  /** `=` or `:`, as the place wants it; reported where the other one was written. */
  #sign(token: IToken): IToken {
    const name = this.#last;
    const before = this.#out[this.#out.length - 2]?.tokenType;
    const { context } = this.#top;
    let meant: TokenType | undefined;
    let what = "";
    if (token.tokenType === T.Equals) {
      const first = before === T.LParen || before === T.Comma || before === T.LBrace;
      const key = name?.tokenType === T.Identifier ||
        (context === "rules" && name?.tokenType === T.StringLiteral);
      if (first && key && (context === "args" || context === "typed" || context === "rules")) {
        meant = T.Colon;
        what = { args: "an argument's name", typed: "an input's name", rules: "a rule's key" }[context];
      }
    } else if (name?.tokenType === T.FieldName || before === T.Layer || before === T.Metric) {
      meant = T.Equals;
      what = before === T.Layer
        ? "a layer's name"
        : before === T.Metric
        ? "a metric's name"
        : "a field's name";
    }
    if (meant === undefined) return token;
    const text = meant === T.Colon ? ":" : "=";
    const span = this.reporter.spanOf(token);
    // `lr = 1` reads well as `lr: 1`, so the blank before the sign goes with it.
    const wide = meant === T.Colon ? this.reporter.span(endOf(name!), span.end) : span;
    this.reporter.report(
      "MPT0117",
      `after ${what} stands \`${text}\``,
      span,
      `\`${token.image}\` does not belong here`,
      {
        edit: {
          help: `write \`${text}\``,
          replacements: [{ span: wide, text: meant === T.Equals ? " =" : text }],
        },
>>>>>>> check
      },
    );
    return retype(token, meant);
  }

  #semicolon(token: IToken): void {
    const span = this.reporter.spanOf(token);
<<<<<<< HEAD
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
=======
    const text = this.#inList ? "," : "";
    const message = this.#inList ? "`;` does not separate elements" : "`;` does not end a statement";
    const help = this.#inList ? "write `,`" : "remove it: every statement starts with a word of its own";
    this.reporter.report("MPT0108", message, span, "not part of the language", {
      edit: { help, replacements: [{ span, text }] },
    });
    if (this.#inList) this.#emit(retype(token, T.Comma));
  }

  // Brackets

  #listContext(): Context {
    const head = this.#head;
    const previous = this.#last?.tokenType;
    if (head === undefined || !HEAD.has(head)) return previous === T.Identifier ? "args" : this.#nested();
    this.#head = head === T.Batch ? undefined : head;
    const two = this.#out[this.#out.length - 2]?.tokenType;
    const direct = previous === head || two === head;
    return direct ? HEAD.get(head)! : previous === T.Identifier ? "args" : this.#nested();
  }

  /** A parenthesis that follows no name: a call's after `)` or `]`, or one for grouping. */
  #nested(): Context {
    const previous = this.#last?.tokenType;
    return previous === T.RParen || previous === T.RBracket ? "args" : "list";
  }

  #open(token: IToken, context: Context): void {
    if (token.tokenType === T.LBrace) this.#head = undefined;
    else this.#lists++;
    this.#emit(token);
    this.#frames.push({ open: token, context, ifs: 0 });
    if (token.tokenType === T.LBrace) this.#startStatement();
    else if (this.#lists + this.#ifs > MAX_OPEN) this.#skipInside(token);
  }

  #close(token: IToken): void {
    const type = token.tokenType;
    const top = this.#top.open && CLOSER.get(this.#top.open.tokenType);
    if (top !== type) {
      const partner = this.#partner(type);
      if (partner !== -1) this.#closeDownTo(partner + 1, token.startOffset);
      else return this.#stray(token, top);
    }
    this.#pop(token);
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

  #stray(token: IToken, top: TokenType | undefined): void {
    const span = this.reporter.spanOf(token);
    this.#faulty.add(this.#statement);
    if (top === undefined || !this.#inList || this.#peek(1)?.tokenType === top) {
      return this.reporter.report(
        "MPT0102",
        `nothing is open that \`${token.image}\` could close`,
        span,
        "no partner",
        {
          edit: { help: "remove it", replacements: [{ span, text: "" }] },
        },
      );
    }
    const open = this.#top.open!;
    const text = top === T.RParen ? ")" : "]";
    this.reporter.report(
      "MPT0102",
      `\`${open.image}\` is closed by \`${token.image}\``,
      span,
      "closed here",
      {
        also: [{ span: this.reporter.spanOf(open), text: "opened here" }],
        edit: { help: `write \`${text}\``, replacements: [{ span, text }] },
      },
    );
    this.#pop(retype(token, top));
  }

  /** Closes every parenthesis and bracket that is open where only a statement can stand. */
  #closeLists(token: IToken): void {
    const brace = this.#frames.findLastIndex((f) => f.open === undefined || f.open.tokenType === T.LBrace);
    this.#closeDownTo(brace + 1, token.startOffset);
  }

  /** Closes frames until `count` are left, as if their closers stood before `offset`. */
  #closeDownTo(count: number, offset: number): void {
    const open = this.#frames.slice(count).map((f) => f.open!);
    if (open.length === 0) return;
    const after = this.#last ? Math.min(endOf(this.#last), offset) : offset;
    const closers = open.map((o) => o.image === "(" ? ")" : o.image === "[" ? "]" : "}").reverse();
    if (!(this.scan.cutShort && offset === this.#text.length)) {
      const inner = open[open.length - 1];
      const label = (o: IToken) => ({ span: this.reporter.spanOf(o), text: "opened here" });
      const { span, text } = label(inner);
      this.reporter.report("MPT0102", `\`${inner.image}\` is never closed`, span, text, {
        also: [
          ...open.slice(0, -1).map(label).slice(-3),
          { span: this.reporter.span(after, after), text: `\`${closers.join("")}\` is missing here` },
        ],
        edit: {
          help: "close it",
          replacements: [{
            span: this.reporter.span(after, after),
            text: closers.map((c) => c === "}" ? "\n}" : c).join(""),
          }],
        },
      });
    }
    this.#faulty.add(this.#statement);
    while (this.#frames.length > count) {
      const closer = CLOSER.get(this.#top.open!.tokenType)!;
      this.#pop(makeToken(closer, "", after));
    }
  }

  #pop(closer: IToken): void {
    this.#emit(closer);
    const frame = this.#frames.pop()!;
    this.#ifs -= frame.ifs;
    if (frame.open!.tokenType !== T.LBrace) this.#lists--;
    else this.#startStatement();
  }

  // Bounds

  #choice(token: IToken): void {
    if (token.tokenType === T.Else) {
      if (this.#top.ifs > 0) this.#top.ifs--, this.#ifs--;
    } else {
      if (this.#lists + this.#ifs >= MAX_OPEN) return this.#tooDeep(token);
      this.#top.ifs++;
      this.#ifs++;
    }
    this.#emit(token);
  }

  /** Leaves out what a bracket holds, up to its partner. */
  #skipInside(open: IToken): void {
    this.#tooDeep(open);
    for (let depth = 0;; this.#at++) {
      const type = this.#peek(1)?.tokenType;
      if (type === T.LParen || type === T.LBracket) depth++;
      else if (type === T.RParen || type === T.RBracket) depth--;
      const ends = type === undefined || type === T.LBrace || type === T.RBrace || type === T.Let ||
        type === T.Return;
      if (depth < 0 || ends) return;
    }
  }

  #tooDeep(token: IToken): void {
    this.#faulty.add(this.#statement);
    if (!this.#deep) reportTooDeep(this.reporter, token);
    this.#deep = true;
  }
}
>>>>>>> check
