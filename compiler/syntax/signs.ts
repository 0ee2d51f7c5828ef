/** `=` for `:`, `:` for `=`, and `;`. */

import type { IToken, TokenType } from "chevrotain";
import type { Brackets, Context } from "./brackets.ts";
import { endOf, type Reporter, retype } from "./report.ts";
import * as T from "./tokens.ts";

/** `=` or `:`, as the place wants it; reported where the other one was written. */
export function mendSign(reporter: Reporter, brackets: Brackets, token: IToken): IToken {
  const name = brackets.last;
  const before = brackets.tokens[brackets.tokens.length - 2]?.tokenType;
  const { context } = brackets.top;
  const [meant, what] = token.tokenType === T.Equals
    ? wantsColon(context, before, name?.tokenType)
    : wantsEquals(before, name?.tokenType);
  if (!meant) return token;
  const text = meant === T.Colon ? ":" : "=";
  const span = reporter.spanOf(token);
  // `lr = 1` reads well as `lr: 1`, and `loss: x` as `loss = x`.
  const wide = reporter.span(endOf(name!), span.end);
  reporter.report(
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

export function mendSemicolon(reporter: Reporter, brackets: Brackets, token: IToken): void {
  const span = reporter.spanOf(token);
  const { inList } = brackets;
  const message = inList ? "`;` does not separate elements" : "`;` does not end a statement";
  const help = inList ? "write `,`" : "remove it: every statement starts with a word of its own";
  reporter.report("MPT0108", message, span, "not part of the language", {
    edit: { help, replacements: [{ span, text: inList ? "," : "" }] },
  });
  if (inList) brackets.emit(retype(token, T.Comma));
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
