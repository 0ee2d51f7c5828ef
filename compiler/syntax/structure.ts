/**
 * What the grammar needs to know about a token's place: which words are keywords there, which brackets belong together
 * and where statements start. What it hands to the parser has balanced brackets and bounded nesting, whatever was
 * written; so a fault stays inside its statement. Words and signs that were forgotten or mistaken are put right.
 */

import type { IToken, TokenType } from "chevrotain";
import { Brackets, type Context } from "./brackets.ts";
import { Lookahead } from "./lookahead.ts";
import { endOf, makeToken, quote, type Reporter, retype } from "./report.ts";
import type { Scan } from "./scan.ts";
import { mendSemicolon, mendSign } from "./signs.ts";
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

class Structurer {
  readonly #brackets: Brackets;
  readonly #look: Lookahead;
  readonly #dropped = new Set<IToken>();
  /** The last keyword, whose brackets have not come yet. */
  #head?: TokenType;
  /** Statements stand outside of their block, and that was said. */
  #lost = false;

  constructor(readonly reporter: Reporter, readonly scan: Scan) {
    this.#brackets = new Brackets(reporter, !scan.cutShort);
    this.#look = new Lookahead(scan.tokens, reporter.source.text);
  }

  run(): Structure {
    const { tokens, damage } = this.scan;
    const look = this.#look;
    let hurt = 0;
    for (; look.at < tokens.length; look.at++) {
      if (!this.#dropped.has(tokens[look.at])) this.#take(tokens[look.at]);
      // A statement that lost characters has had its report.
      const next = look.peek(1)?.startOffset ?? Infinity;
      for (; damage[hurt] < next; hurt++) this.#brackets.markFaulty();
    }
    this.#brackets.closeDownTo(1, this.reporter.source.text.length);
    return this.#brackets;
  }

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
        return this.#statement(token);
      case T.LParen:
        if (this.#bindsHere && this.#ended && this.#look.isTarget()) {
          this.#insert(T.Let, "let", token, "a pattern");
        }
        return this.#open(token, this.#parenthesised());
      case T.LBracket:
        return this.#open(token, "list");
      case T.LBrace:
        return this.#brace(token);
      case T.RBrace:
        if (brackets.inList && this.#look.listCloser()) return brackets.drop(token);
        return brackets.close(token, this.#look);
      case T.RParen:
      case T.RBracket:
        return brackets.close(token, this.#look);
      case T.Semicolon:
        return mendSemicolon(this.reporter, brackets, token);
      case T.Equals:
      case T.Colon:
        return brackets.emit(mendSign(this.reporter, brackets, token));
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
    const look = this.#look;
    for (let depth = 0;; look.at++) {
      const type = look.peek(1)?.tokenType;
      if (type === T.LParen || type === T.LBracket) depth++;
      else if (type === T.RParen || type === T.RBracket) depth--;
      const ends = type === undefined || type === T.LBrace || type === T.RBrace || type === T.Let ||
        type === T.Return;
      if (depth < 0 || ends) return;
    }
  }

  /** A brace after a keyword's head opens its body; elsewhere it is left out, with its partner where it has one. */
  #brace(token: IToken): void {
    const context = this.#head && BODY.get(this.#head);
    if (context && !(this.#brackets.inList && this.#look.listCloser())) {
      this.#head = undefined;
      this.#brackets.closeLists(token);
      return this.#open(token, context);
    }
    const end = this.#look.groupEnd();
    const partner = end === undefined ? undefined : this.#look.peek(end);
    if (partner) this.#dropped.add(partner);
    else this.#lost = true;
    this.#brackets.drop(token, partner);
  }

  /** A `let` or `return`: it closes lists, and has a place in a block only, or as `let` in a train block. */
  #statement(token: IToken): void {
    const brackets = this.#brackets;
    brackets.closeLists(token);
    const fits = this.#enterStatement(token);
    brackets.startStatement();
    if (token.tokenType === T.Return) brackets.top.returned = true;
    if (!fits) brackets.markFaulty();
    if (!fits && !this.#lost) {
      this.#lost = true;
      const message = `${quote(token.image)} cannot stand here`;
      this.reporter.report("MPT0122", message, this.reporter.spanOf(token), "outside of a block", {
        help: token.tokenType === T.Let
          ? "`let` stands in a fn, a forward or a train block; out here write `const`"
          : "`return` ends a fn or a forward",
      });
    }
    brackets.emit(token);
  }

  /** Makes a place for a `let` or `return` where its brace was forgotten or another was closed too early. */
  #enterStatement(token: IToken): boolean {
    const { context } = this.#brackets.top;
    const bound = token.tokenType === T.Let;
    if (context === "block" || (context === "train" && bound)) return true;
    const body = this.#head && BODY.get(this.#head);
    if (body !== "block" && !(body === "train" && bound)) {
      return this.#brackets.reopen(bound ? ["block", "train"] : ["block"], token);
    }
    this.#openForgotten(body, token);
    return true;
  }

  #openForgotten(context: Context, before: IToken): void {
    this.#head = undefined;
    this.#brackets.openForgotten(context, before);
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
    const next = this.#look.peek(1)?.tokenType;
    const named = NAMES.has(this.#previous()!);
    if (next === T.Equals && !named && brackets.inList && this.#look.startsLine(token)) {
      const field = T.FIELD_WORDS.has(token.image) && this.#look.slips(brackets.openLists()) > 0;
      if (field || this.#ended) brackets.closeLists(token);
    }
    if (next === T.Equals && !named && this.#ended) {
      if (brackets.top.context === "file" && T.FIELD_WORDS.has(token.image)) this.#enter("train", token);
    }
    const { context } = brackets.top;
    if (!named && this.#bindsHere && this.#ended && this.#look.isUpdate()) return this.#update(token);
    if (context === "train" && !named && (next === T.Equals || (next === T.Colon && this.#ended))) {
      brackets.startStatement();
      return brackets.emit(retype(token, T.FieldName));
    }
    const shown = quote(token.image);
    if (next === T.Equals && !named) {
      const apart = this.#ended || this.#look.startsLine(token);
      if (context === "block" && apart) this.#insert(T.Let, "let", token, shown);
      else if (context === "file" && this.#ended && !this.#look.indented(token)) {
        this.#insert(T.Const, "const", token, shown);
      } else if (context === "model" && this.#ended && this.#look.peek(3)?.tokenType === T.LParen) {
        this.#insert(T.Layer, "layer", token, shown);
      }
    } else if (context === "block" && this.#isResult(token)) {
      this.#insert(T.Return, "return", token, "the block's result");
    } else if (context === "file" && this.#ended && this.#look.startsLine(token)) {
      const keyword = this.#look.declares();
      if (keyword) this.#insert(keyword, keyword.name.toLowerCase(), token, shown);
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
    if (!home || previous === T.Dot || previous === T.Arrow) return undefined;
    const keyword = home.words.get(token.image)!;
    const { context } = this.#brackets.top;
    const afterName = previous === T.In || previous === T.As;
    if (afterName && (context !== home.context || context === "train")) return undefined;
    const nameBeforeBrace = previous === T.Policy || previous === T.Model || previous === T.Train;
    if (keyword === T.Import && nameBeforeBrace) return undefined;
    const certain = startsConstruct(keyword, this.#look.peek);
    if (context === home.context) {
      if (this.#ended) return certain || context !== "train" ? keyword : undefined;
      // After an operator these could be calls, or a name before the next field.
      const name = keyword === T.Forward || keyword === T.Batch || keyword === T.Metric;
      return certain && (!name || afterName || previous === T.Precision) && this.#look.startsLine(token)
        ? keyword
        : undefined;
    }
    if (!certain || !this.#look.startsLine(token)) return undefined;
    if (home.context === "file") {
      // `const` may be a value before the next field.
      if (this.#look.indented(token) || (keyword === T.Const && !this.#ended)) return undefined;
      this.#brackets.closeDownTo(1, token.startOffset);
      return keyword;
    }
    return this.#ended && context !== "rules" && this.#enter(home.context, token) ? keyword : undefined;
  }

  /** Makes a place for an item or a field outside its braces: they were forgotten, or others not closed or too early. */
  #enter(context: Context, token: IToken): boolean {
    if (this.#head && BODY.get(this.#head) === context) {
      this.#openForgotten(context, token);
      return true;
    }
    if (this.#brackets.closeDownToContext(context, token)) return true;
    return this.#brackets.top.context === "file" && this.#brackets.reopen([context], token);
  }

  /** The keyword meant by another word, where there can be nothing but keywords. */
  #misspelt(token: IToken): TokenType | undefined {
    if (!this.#ended) return undefined;
    const keyword = meantKeyword(token.image, this.#brackets.top.context, this.#look.peek);
    if (!keyword) return undefined;
    const span = this.reporter.spanOf(token);
    const text = keyword.name.toLowerCase();
    this.reporter.report("MPT0122", `there is no keyword ${quote(token.image)}`, span, "unknown", {
      edit: { help: `write \`${text}\``, replacements: [{ span, text }] },
    });
    return keyword;
  }

  // What was forgotten

  /** Whether names are bound here, each in a statement. */
  get #bindsHere(): boolean {
    const { context } = this.#brackets.top;
    return (context === "block" || context === "train") && this.#previous() !== T.Let;
  }

  /** Whether an expression starts here that is all that is left of a block without `return`. */
  #isResult(token: IToken): boolean {
    if (this.#brackets.top.returned || !this.#ended || this.#look.peek(1)?.tokenType === T.Identifier) {
      return false;
    }
    return (this.#previous() === T.LBrace || this.#look.startsLine(token)) && this.#look.endsBlock();
  }

  #insert(type: TokenType, word: string, before: IToken, subject: string): void {
    const at = before.startOffset;
    const code = type === T.Return ? "MPT0120" : "MPT0112";
    const label = type === T.Return ? "the result" : "declared here";
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

  #update(name: IToken): void {
    const brackets = this.#brackets;
    const [operator, equals] = [this.#look.peek(1)!, this.#look.peek(2)!];
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
    this.#look.at += 2;
  }
}
