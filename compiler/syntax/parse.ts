/** Text to tree. */

import type { CstNode, IRecognitionException, IToken } from "chevrotain";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { Source } from "../core/span.ts";
import type { File } from "./ast.ts";
import { buildFile } from "./build_ast.ts";
import { TooManyErrors } from "./expression_grammar.ts";
import { grammar } from "./grammar.ts";
import { Reporter } from "./report.ts";
import { scan } from "./scan.ts";
import { reportSyntaxErrors } from "./syntax_errors.ts";
import { structure } from "./structure.ts";
import { findSwallowedDivisors } from "./swallowed.ts";
import * as T from "./tokens.ts";

/** The longest source, in UTF-16 code units, and the most tokens. */
export const MAX_SOURCE = 1 << 20;
export const MAX_TOKENS = 200_000;

/** A file's concrete syntax, for those who need what the tree leaves out: the formatter. */
export interface Concrete {
  readonly cst?: CstNode;
  /** Every token, in order. */
  readonly tokens: readonly IToken[];
  readonly comments: readonly IToken[];
}

/**
 * Parses a source. Whatever it holds, there is a tree: where something is missing stands an expression of kind
 * `"error"` or a name whose text is empty, and diagnostics say why. Never throws.
 */
export function parse(source: Source): { file: File; diagnostics: Diagnostic[] } {
  const { file, diagnostics } = parseConcrete(source);
  return { file, diagnostics };
}

/** Parses a source and keeps its concrete syntax. */
export function parseConcrete(source: Source): { file: File; diagnostics: Diagnostic[]; concrete: Concrete } {
  const reporter = new Reporter(source);
  const empty = (): { file: File; diagnostics: Diagnostic[]; concrete: Concrete } => ({
    file: { decls: [], span: reporter.span(0, source.text.length) },
    diagnostics: reporter.diagnostics,
    concrete: { tokens: [], comments: [] },
  });
  const start = reporter.span(0, 0);
  const tooBig = (message: string) =>
    reporter.report("MPT0111", message, start, "this file", {
      help: "split it into files and import from them",
    });
  if (source.text.length > MAX_SOURCE) {
    tooBig(`this file is longer than ${MAX_SOURCE} characters`);
    return empty();
  }
  const scanned = findSwallowedDivisors(reporter, scan(reporter));
  if (scanned.tokens.length > MAX_TOKENS) {
    tooBig(`this file has more than ${MAX_TOKENS} tokens`);
    return empty();
  }
  const { tokens, faulty } = structure(reporter, scanned);
  const { cst, errors } = concreteSyntax(tokens);
  reportSyntaxErrors(reporter, errors, tokens, faulty, !scanned.cutShort);
  const file = buildFile(reporter, faulty, cst, docs(scanned.comments, scanned.tokens));
  const diagnostics = reporter.diagnostics.sort((a, b) => a.labels[0].span.start - b.labels[0].span.start);
  return {
    file,
    diagnostics,
    concrete: { ...(cst && { cst }), tokens: scanned.tokens, comments: scanned.comments },
  };
}

function concreteSyntax(tokens: IToken[]): { cst?: CstNode; errors: IRecognitionException[] } {
  grammar.start(tokens);
  try {
    return { cst: grammar.file(), errors: grammar.errors };
  } catch (error) {
    if (error instanceof TooManyErrors) return { errors: grammar.errors };
    throw error;
  } finally {
    grammar.start([]); // lets go of the tokens; the errors above are a copy
  }
}

/** The text of the `///` lines before each token that has some, by the token's offset. */
function docs(comments: readonly IToken[], tokens: readonly IToken[]): Map<number, string> {
  const lines = new Map<number, string>();
  let at = 0;
  for (const comment of comments) {
    const found = /^\/\/\/(?!\/) ?(.*)$/.exec(comment.image);
    if (!found || comment.tokenType !== T.LineComment) continue;
    while (at < tokens.length && tokens[at].startOffset < comment.startOffset) at++;
    if (at === tokens.length) break;
    const { startOffset } = tokens[at];
    const before = lines.get(startOffset);
    lines.set(startOffset, before === undefined ? found[1].trimEnd() : `${before}\n${found[1].trimEnd()}`);
  }
  return lines;
}
