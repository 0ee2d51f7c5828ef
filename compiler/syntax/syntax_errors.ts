/** What the parser's exceptions say, as diagnostics: one for each statement, in the statement that is at fault. */

import { EOF, type IRecognitionException, type IToken } from "chevrotain";
import type { Details, Reporter } from "./report.ts";
import { endOf, quote } from "./report.ts";
import { A_DECLARATION, A_FIELD, A_STATEMENT, A_TYPE, AN_EXPRESSION, AN_ITEM } from "./grammar.ts";
import { closest } from "../core/closest.ts";
import * as T from "./tokens.ts";

/** Reports the parser's errors, adding their statements to `faulty`. */
export function reportSyntaxErrors(
  reporter: Reporter,
  errors: readonly IRecognitionException[],
  faulty: Set<number>,
  cutShort: boolean,
): void {
  for (const error of errors) {
    const { token } = error;
    if (token.tokenType === EOF && cutShort) continue;
    const previous = (error as IRecognitionException & { previousToken?: IToken }).previousToken;
    const place = placeOf(error.message, token, previous);
    if (faulty.has(place)) continue;
    faulty.add(place);
    describe(reporter, error.message, token, previous, error.context.ruleStack);
  }
}

/** The statement at fault: the one before, if a statement starts at `token` while something is still missing. */
function placeOf(expected: string, token: IToken, previous: IToken | undefined): number {
  if (previous?.payload === undefined) return token.payload ?? 0;
  const starts = token.tokenType === EOF || token.payload !== previous.payload;
  const incomplete = !ENDS_STATEMENT.has(previous.tokenType) || expected === AN_EXPRESSION ||
    expected === A_TYPE;
  return starts && incomplete ? previous.payload : token.payload ?? previous.payload + 1;
}

const ENDS_STATEMENT = new Set([
  T.Identifier,
  T.Integer,
  T.Float,
  T.StringLiteral,
  T.True,
  T.False,
  T.RParen,
  T.RBracket,
  T.RBrace,
  T.LBrace,
]);
const OPERATOR_MAY_FOLLOW = new Set([A_STATEMENT, A_FIELD, AN_ITEM, A_DECLARATION]);

function describe(
  reporter: Reporter,
  wanted: string,
  token: IToken,
  previous: IToken | undefined,
  rules: readonly string[],
): void {
  const found = foundText(token);
  const afterEnd = previous && previous.image !== "" && ENDS_STATEMENT.has(previous.tokenType);
  const completes = afterEnd && previous.tokenType !== T.RBrace && previous.tokenType !== T.LBrace;
  const expected = completes && OPERATOR_MAY_FOLLOW.has(wanted) ? `an operator or ${wanted}` : wanted;
  const startsStatement = token.tokenType === EOF || token.image === "" ||
    (previous?.payload !== undefined && token.payload !== previous.payload);
  // What is missing at the end of a statement is shown there, not at the start of the next one.
  const at = startsStatement && previous && !OPERATOR_MAY_FOLLOW.has(wanted)
    ? reporter.span(endOf(previous), endOf(previous))
    : token.tokenType === EOF
    ? reporter.span(reporter.source.text.length, reporter.source.text.length)
    : reporter.spanOf(token);
  const after = previous && previous.image !== "" ? ` after ${quote(previous.image)}` : "";
  const details: Details = { expected, found, ...advice(reporter, wanted, token, previous, rules) };
  if (T.RESERVED.includes(token.tokenType) && wanted === "a name") {
    const message = `${quote(token.image)} is a reserved word`;
    return reporter.report("MPT0126", message, at, "cannot be a name", {
      help: "choose another name",
      expected,
      found,
    });
  }
  if (wanted === AN_EXPRESSION || wanted === A_TYPE) {
    return reporter.report("MPT0101", `${wanted} is missing${after}`, at, "expected here", details);
  }
  const message = token.tokenType === EOF ? "the program ends too early" : `${found} cannot stand here`;
  reporter.report("MPT0101", message, at, `not expected${after}`, details);
}

function foundText(token: IToken): string {
  if (token.tokenType === EOF) return "the end of the file";
  return token.image === "" ? "the end of this" : quote(token.image);
}

/** Help for what people write out of habit. */
function advice(
  reporter: Reporter,
  wanted: string,
  token: IToken,
  previous: IToken | undefined,
  rules: readonly string[],
): Details {
  const span = reporter.spanOf(token);
  const write = (help: string, text: string): Details => ({ edit: { help, replacements: [{ span, text }] } });
  const word = token.tokenType === T.Identifier ? token.image : "";
  if (wanted === A_DECLARATION || wanted === AN_ITEM) {
    const words = [...(wanted === AN_ITEM ? T.ITEM_WORDS : T.DECLARATION_WORDS).keys()];
    const meant = closest(word, words);
    if (word !== "" && meant) return write(`write \`${meant}\``, meant);
    return { help: `${wanted === AN_ITEM ? "an item" : "a declaration"} starts with ${words.join(", ")}` };
  }
  if (wanted === AN_EXPRESSION) {
    if (token.tokenType === T.If) return { help: "inside a larger expression an `if` stands in parentheses" };
    if (token.tokenType === T.Equals && previous && /^[-+*/]$/.test(previous.image)) {
      return { help: `a name is bound once: write \`let x = x ${previous.image} …\`` };
    }
    if (token.tokenType === T.Comma) return { help: "an element is missing, or there is a comma too many" };
  }
  if (token.tokenType === T.If) return { help: "to choose a value write `if a then b else c`" };
  if (token.tokenType === T.Slash && previous?.tokenType === T.Slash) return write("divide with one `/`", "");
  if (word === "and" || word === "or" || word === "not") {
    return { help: "there is no `and`, `or` or `not`; write `if a then b else c`, or use `where` for masks" };
  }
  if (token.tokenType === T.PipeOp && rules.at(-1) === "model") {
    return { help: "a layer is one call; put the pipeline into `forward`" };
  }
  if (token.tokenType === T.Colon && rules.at(-1) === "let") {
    return { help: "`let` takes no type: it follows from the value" };
  }
  return {};
}
