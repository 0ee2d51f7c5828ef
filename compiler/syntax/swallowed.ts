/** `d // heads`: a comment where a Python programmer divides. */

import type { IToken } from "chevrotain";
import { endOf, makeToken, type Reporter, retype } from "./report.ts";
import type { Scan } from "./scan.ts";
import * as T from "./tokens.ts";

/**
 * Finds the `//` that was meant to divide. Where the comment swallowed a closing bracket it cannot be anything else:
 * that is an error, and the swallowed tokens are given back so that nothing else goes wrong. Where the program reads
 * well without the divisor, it is a warning, and only if the comment is nothing but an operand that the program knows
 * to be a number.
 */
export function findSwallowedDivisors(reporter: Reporter, scan: Scan): Scan {
  const suspects = scan.comments.filter((c) => /^\/\/ ?[\w(]/.test(c.image));
  if (suspects.length === 0) return scan;
  const known = numberNames(scan.tokens);
  const restored: IToken[] = [];
  const dropped = new Set<IToken>();
  let at = 0;
  for (const comment of suspects) {
    while (at < scan.tokens.length && scan.tokens[at].startOffset < comment.startOffset) at++;
    const previous = scan.tokens[at - 1];
    if (!previous || !endsOperand(previous)) continue;
    const gap = reporter.source.text.slice(endOf(previous), comment.startOffset);
    if (gap !== "" && gap !== " ") continue;
    const inside = T.lexer.tokenize(comment.image.slice(2));
    if (inside.errors.length > 0 || inside.groups.comments.length > 0) continue;
    const shape = divisorShape(inside.tokens);
    if (shape === "cut") {
      restored.push(makeToken(T.Slash, "/", comment.startOffset));
      for (const t of inside.tokens) {
        restored.push(retype({ ...t, startOffset: t.startOffset + comment.startOffset + 2 }, t.tokenType));
      }
      dropped.add(comment);
      report(reporter, comment, "error", "this comment swallowed the divisor and what follows it");
    } else if (
      shape === "operand" && isNumber(inside.tokens, previous, known) && !endsStage(scan.tokens, at - 1)
    ) {
      report(reporter, comment, "warning", "this looks like a division, but `//` starts a comment");
    }
  }
  if (restored.length === 0) return scan;
  const tokens = [...scan.tokens, ...restored].sort((a, b) => a.startOffset - b.startOffset);
  return { ...scan, tokens, comments: scan.comments.filter((c) => !dropped.has(c)) };
}

function report(reporter: Reporter, comment: IToken, severity: "error" | "warning", message: string): void {
  const slashes = reporter.span(comment.startOffset, comment.startOffset + 2);
  const label = severity === "error" ? "starts a comment" : "the value before it is left undivided";
  reporter.report("MPT0113", message, slashes, label, {
    severity,
    edit: {
      help: "to divide, write one `/`; between integers it is exact, or an error",
      replacements: [{ span: slashes, text: "/" }],
    },
  });
}

function endsOperand(token: IToken): boolean {
  return [T.Identifier, T.Integer, T.Float, T.RParen, T.RBracket].includes(token.tokenType);
}

/** "cut": operands and operators up to a closing bracket that the comment does not open; "operand": one operand. */
function divisorShape(tokens: readonly IToken[]): "cut" | "operand" | undefined {
  let wantsOperand = true;
  let depth = 0;
  for (const token of tokens) {
    const type = token.tokenType;
    if (wantsOperand) {
      if (type === T.LParen || type === T.LBracket) depth++;
      else if ([T.Identifier, T.Integer, T.Float].includes(type)) wantsOperand = false;
      else return undefined;
    } else if (type === T.RParen || type === T.RBracket) {
      if (depth-- === 0) return "cut";
    } else if (
      (type.CATEGORIES ?? []).includes(T.ArithOp) || type === T.Dot || (type === T.Comma && depth > 0)
    ) {
      wantsOperand = true;
    } else return undefined;
  }
  return !wantsOperand && depth === 0 && tokens.length === 1 ? "operand" : undefined;
}

/** Names declared as `name: int` or `name: float`, constants, and the capitalised names that can be dims. */
function numberNames(tokens: readonly IToken[]): Set<string> {
  const names = new Set<string>();
  for (let i = 0; i + 1 < tokens.length; i++) {
    const { tokenType, image } = tokens[i];
    if (tokenType !== T.Identifier) continue;
    const next = tokens[i + 1];
    if (next.tokenType === T.Colon && /^(?:int|float)$/.test(tokens[i + 2]?.image ?? "")) names.add(image);
    else if (image === "const" && next.tokenType === T.Identifier) names.add(next.image);
    else if (/^[A-Z]$/.test(image)) names.add(image);
  }
  return names;
}

function isNumber(comment: readonly IToken[], previous: IToken, known: ReadonlySet<string>): boolean {
  const [only] = comment;
  if (only.tokenType === T.Identifier) return known.has(only.image);
  return only.tokenType === T.Integer &&
    (previous.tokenType === T.Identifier || previous.tokenType === T.Integer);
}

/** Whether the operand that ends at `i` is a pipeline's stage, a layer, a precision or a dtype: nothing to divide. */
function endsStage(tokens: readonly IToken[], i: number): boolean {
  let depth = 0;
  for (; i >= 0; i--) {
    const type = tokens[i].tokenType;
    if (type === T.RParen || type === T.RBracket) depth++;
    else if (type === T.LParen || type === T.LBracket) depth--;
    else if (depth === 0 && type !== T.Identifier && type !== T.Dot) break;
    if (depth < 0) return false;
    if (depth === 0 && type === T.Identifier && tokens[i - 1]?.tokenType !== T.Dot) {
      const before = tokens[i - 1];
      if (before === undefined || before.tokenType === T.Identifier) return true;
      if (before.tokenType !== T.Equals) return [T.PipeOp, T.In, T.As, T.Colon].includes(before.tokenType);
      return tokens[i - 3]?.image === "layer";
    }
  }
  return false;
}
