/** What the parser wants at each place, in the words of diagnostics. */

import type { IParserErrorMessageProvider } from "chevrotain";

export const A_DECLARATION = "a declaration";
export const AN_ITEM = "an item of the model or `}`";
export const A_STATEMENT = "`let` or `return`";
export const A_FIELD = "a field or `}`";
export const AN_EXPRESSION = "an expression";
export const A_TYPE = "a type";

/** Words a parser's error with what was wanted; `parse` makes the sentence. */
export const expectations: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, ruleName }) =>
    (EXPECTED[ruleName]?.[expected.name]) ?? expected.LABEL!,
  buildNotAllInputParsedMessage: () => A_DECLARATION,
  buildNoViableAltMessage: ({ customUserDescription }) => customUserDescription!,
  buildEarlyExitMessage: ({ customUserDescription }) => customUserDescription!,
};

const A_PRECISION = "a precision";

/** Where a rule knows better than its token type what it wanted. */
const EXPECTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  file: { EOF: A_DECLARATION },
  importDecl: { RBrace: "`,` or `}`" },
  rules: { RBrace: "`,` or `}`" },
  rule: { Identifier: A_PRECISION },
  model: { RBrace: AN_ITEM },
  train: { RBrace: A_FIELD },
  block: { RBrace: A_STATEMENT },
  formals: { RParen: "`,` or `)`" },
  typed: { RParen: "`,` or `)`" },
  args: { RParen: "`,` or `)`" },
  pattern: { RParen: "`,` or `)`" },
  type: { RParen: "`,` or `)`", RBracket: "`,` or `]`" },
  atom: { RParen: "`,` or `)`", RBracket: "`,` or `]`" },
  indices: { RBracket: "`,` or `]`" },
  inClause: { Identifier: A_PRECISION },
  cast: { Identifier: "a dtype" },
};
