/** What the parser's exceptions say, as diagnostics: one for each statement, in the statement that is at fault. */

import type { IRecognitionException, IToken } from "chevrotain";
import { A_DECLARATION, A_FIELD, A_STATEMENT, AN_EXPRESSION, AN_ITEM } from "./expectations.ts";
import { type Details, endOf, quote, type Reporter } from "./report.ts";
import * as T from "./tokens.ts";

/** Reports the parser's errors on `tokens`, adding their statements to `faulty`. */
export function reportSyntaxErrors(
  reporter: Reporter,
  errors: readonly IRecognitionException[],
  tokens: readonly IToken[],
  faulty: Set<number>,
  endKnown: boolean,
): void {
  const index = new Map(tokens.map((token, i) => [token, i]));
  for (const { token, message, context } of errors) {
    const i = index.get(token) ?? tokens.length;
    if (i === tokens.length && !endKnown) continue;
    const fault = new Fault(reporter, message, tokens, i, context.ruleStack.at(-1));
    if (faulty.has(fault.place)) continue;
    faulty.add(fault.place);
    // A token that cannot be read has had its report; a file's own level has items and statements only after a fault.
    const skipped = message === A_DECLARATION && INSIDE.has(token.tokenType);
    if (token.tokenType !== T.BadNumber && !skipped) fault.report();
  }
}

const ENDS = new Set([
  T.Identifier,
  T.Integer,
  T.Float,
  T.StringLiteral,
  T.True,
  T.False,
  T.RParen,
  T.RBracket,
  T.RBrace,
]);
/** What stands in braces, as `structure` sees to. */
const INSIDE = new Set<unknown>([
  ...T.ITEM_WORDS.values(),
  ...T.TRAIN_WORDS.values(),
  T.Let,
  T.Return,
  T.FieldName,
  T.RBrace,
]);
/** What may stand where a statement has just ended, so that an operator might as well. */
const NEXT: readonly string[] = [A_STATEMENT, A_FIELD, AN_ITEM, A_DECLARATION];
const SIGNS: Readonly<Record<string, string>> = { "`=`": " =", "`:`": ":", "`->`": " ->" };

class Fault {
  readonly #previous?: IToken;
  readonly #token?: IToken;
  /** The parser stopped where another statement starts, or at the end. */
  readonly #atStart: boolean;
  /** The statement at fault: the one before, if a statement starts while something is still missing. */
  readonly place: number;

  /** `wanted` is what the parser expected in place of token `i`, in words; no token is the end of the file. */
  constructor(
    readonly reporter: Reporter,
    readonly wanted: string,
    readonly tokens: readonly IToken[],
    readonly i: number,
    readonly rule: string | undefined,
  ) {
    const token = this.#token = tokens[i];
    const previous = this.#previous = tokens[i - 1];
    this.#atStart = token === undefined || (previous !== undefined && token.payload !== previous.payload);
    const missing = !NEXT.includes(wanted);
    this.place = this.#atStart && missing && previous ? previous.payload : token?.payload ?? Infinity;
  }

  report(): void {
    const { reporter, wanted } = this;
    const token = this.#token;
    const span = this.#span();
    // A word that was put in stands for the one after it.
    const shown = token?.image === "" ? this.tokens[this.i + 1] : token;
    const found = shown === undefined ? "the end of the file" : quote(shown.image);
    const after = this.#previous && this.#previous.image !== ""
      ? ` after ${quote(this.#previous.image)}`
      : "";
    if (token && token.image !== "" && T.RESERVED.includes(token.tokenType) && wanted === "a name") {
      const message = `${quote(token.image)} is a reserved word`;
      return reporter.report("MPT0126", message, span, "cannot be a name", { help: "choose another name" });
    }
    if (token && /^(?:and|or|not)$/.test(token.image)) {
      return reporter.report("MPT0109", `there is no operator ${found}`, span, "not part of the language", {
        help: "between compile-time values write `if a then b else c`; between masks use `where`",
      });
    }
    const operator = NEXT.includes(wanted) && this.#previous && ENDS.has(this.#previous.tokenType) &&
      this.#previous.tokenType !== T.RBrace;
    const expected = operator ? `an operator${wanted.includes(" or ") ? ", " : " or "}${wanted}` : wanted;
    const details: Details = { expected, found, ...this.#advice() };
    const lists = wanted.startsWith("`,`");
    if (NEXT.includes(wanted) || lists) {
      const code = wanted === A_DECLARATION || wanted === AN_ITEM ? "MPT0122" : "MPT0101";
      return reporter.report(code, `${found} cannot stand here`, span, `not expected${after}`, details);
    }
    reporter.report("MPT0101", `${wanted} is missing${after}`, span, "expected here", details);
  }

  /** What is missing at the end of a statement is shown there, not at the start of the next one. */
  #span() {
    const token = this.#token;
    const sign = this.wanted in SIGNS;
    if (this.#previous && (sign || (this.#apart && !NEXT.includes(this.wanted)))) {
      const end = endOf(this.#previous);
      return this.reporter.span(end, end);
    }
    const { length } = this.reporter.source.text;
    return token ? this.reporter.spanOf(token) : this.reporter.span(length, length);
  }

  /** Whether what was found is no part of what was being said: another statement's start, or on another line. */
  get #apart(): boolean {
    if (this.#atStart || !this.#token || !this.#previous) return true;
    return this.reporter.source.text.slice(endOf(this.#previous), this.#token.startOffset).includes("\n");
  }

  /** Help for what people write out of habit. */
  #advice(): Details {
    const { wanted, rule } = this;
    const token = this.#token?.tokenType;
    const previous = this.#previous?.tokenType;
    const sign = SIGNS[wanted];
    if (token === T.Colon && rule === "let") {
      return { help: "`let` takes no type: it follows from the value" };
    }
    const typeless = wanted === "`:`" && token !== T.Identifier && token !== T.LParen;
    if (typeless && rule === "formal") {
      return { help: "a formal has a type, as in `dim: int` or `dim: int = 64`" };
    }
    if (typeless && rule === "typedName") return { help: "an input has a type, as in `x: f32[N, 784]`" };
    if (sign) {
      const span = this.#span();
      return { edit: { help: `write ${wanted}`, replacements: [{ span, text: sign }] } };
    }
    if (token === T.If) {
      return wanted === AN_EXPRESSION
        ? { help: "inside a larger expression an `if` stands in parentheses" }
        : { help: "to choose a value write `if a then b else c`" };
    }
    if (token === T.Comma && (previous === T.Comma || previous === T.LParen || previous === T.LBracket)) {
      const span = this.reporter.spanOf(this.#token!);
      return { edit: { help: "remove the comma", replacements: [{ span, text: "" }] } };
    }
    if (token === T.PipeOp && wanted === AN_ITEM) {
      return { help: "a layer is one call; pipelines stand in `forward`" };
    }
    if (wanted === AN_ITEM) return { help: `an item starts with ${[...T.ITEM_WORDS.keys()].join(", ")}` };
    if (wanted === A_DECLARATION) {
      return { help: `a declaration starts with ${[...T.DECLARATION_WORDS.keys()].join(", ")}` };
    }
    return {};
  }
}
