/** Characters to tokens: the lexer, and what is wrong with a program's characters. */

import type { IToken } from "chevrotain";
import { endOf, quote, type Reporter } from "./report.ts";
import * as T from "./tokens.ts";
import { Unknown } from "./unknown.ts";

/** The tokens of a source in order, its comments in order, and the offsets at which characters had to be dropped. */
export interface Scan {
  readonly tokens: IToken[];
  readonly comments: IToken[];
  readonly damage: number[];
  /** An unclosed comment took the end of the file, so what is missing there is no news. */
  readonly cutShort: boolean;
}

const SUFFIX = /^([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)_?(?:f|l|n|u|F|L|U|[fiu](?:8|16|32|64)|bf16)$/;

/** Reads `reporter.source`, reporting what is no part of any program. */
export function scan(reporter: Reporter): Scan {
  const result = T.lexer.tokenize(reporter.source.text);
  const comments = result.groups.comments ?? [];
  const unknown = new Unknown(reporter);
  for (const error of result.errors) unknown.take(error.offset, error.length);
  const tokens = unknown.mendWords(result.tokens);
  for (const token of tokens) {
    if (token.tokenType === T.BadNumber) badNumber(reporter, token);
    else if (token.tokenType === T.BadString) badString(reporter, token);
    else if (token.tokenType === T.StringLiteral) checkEscapes(reporter, token);
    else if (token.tokenType === T.Integer || token.tokenType === T.Float) checkRange(reporter, token);
  }
  let cutShort = false;
  for (const comment of comments) {
    if (comment.tokenType === T.OpenComment) {
      cutShort = true;
      const opener = reporter.span(comment.startOffset, comment.startOffset + 2);
      const firstLine = comment.startOffset + /^[^\r\n]*/.exec(comment.image)![0].trimEnd().length;
      reporter.report("MPT0105", "this comment is never closed", opener, "opened here, runs to the end", {
        edit: {
          help: "close the comment",
          replacements: [{ span: reporter.span(firstLine, firstLine), text: " */" }],
        },
      });
    } else if (comment.tokenType === T.HashComment) {
      const mark = reporter.span(comment.startOffset, comment.startOffset + 1);
      reporter.report("MPT0103", "`#` does not start a comment", mark, "unknown character", {
        edit: { help: "comments start with `//`", replacements: [{ span: mark, text: "//" }] },
      });
    }
  }
  return { tokens, comments, damage: unknown.damage, cutShort };
}

/** The value of a string literal as written, escapes resolved; unknown escapes keep their letter. */
export function stringValue(image: string): string {
  const closed = image.length > 1 && image.endsWith(image[0]);
  const body = image.slice(1, closed ? -1 : undefined);
  return body.replace(/\\(u\{[0-9a-fA-F]{1,6}\}|[^])/g, (_, escape: string) => {
    if (escape.length > 1) {
      const code = parseInt(escape.slice(2, -1), 16);
      return code <= 0x10FFFF ? String.fromCodePoint(code) : "";
    }
    return ESCAPES[escape] ?? escape;
  });
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

function badNumber(reporter: Reporter, token: IToken): void {
  const image = token.image;
  const span = reporter.spanOf(token);
  const before = reporter.source.text[token.startOffset - 1] ?? "";
  const fix = (help: string, text: string) => ({ edit: { help, replacements: [{ span, text }] } });
  const report = (message: string, label: string, details: ReturnType<typeof fix> | { help: string }) =>
    reporter.report("MPT0106", message, span, label, details);
  let found: RegExpExecArray | null;
  if (image[0] === ".") {
    const plain = /^\.[0-9]+(?:[eE][+-]?[0-9]+)?$/.test(image);
    if (/[\w\])]/.test(before) && /^\.[0-9]+$/.test(image)) {
      report(
        "a member of a stack is reached by an index",
        "not a number",
        fix("write an index", `[${image.slice(1)}]`),
      );
    } else if (plain) {
      report(
        "a number starts with a digit",
        "no digit before the point",
        fix(`write \`0${image}\``, `0${image}`),
      );
    } else {report("this is not a number", "cannot be read", {
        help: "write digits on both sides of the point",
      });}
  } else if (image.endsWith(".")) {
    report("a number ends with a digit", "no digit after the point", fix(`write \`${image}0\``, `${image}0`));
  } else if (/^[0-9][0-9_]*$/.test(image)) {
    const text = image.replaceAll("_", "");
    report("digits are not grouped by `_`", "`_` in a number", fix(`write \`${text}\``, text));
  } else if (/^0[xXbBoO][0-9a-fA-F]+$/.test(image) && Number.isSafeInteger(Number(image))) {
    report("numbers are decimal", "not decimal", fix(`write \`${Number(image)}\``, `${Number(image)}`));
  } else if ((found = SUFFIX.exec(image))) {
    report("a number has no suffix", "its type follows from its use", fix(`write \`${found[1]}\``, found[1]));
  } else if ((found = /^([0-9]+)([A-Za-z][A-Za-z0-9_]*)$/.exec(image)) && !/^[eE]$/.test(found[2])) {
    const text = `${found[1]} * ${found[2]}`;
    report("a name starts with a letter", "starts with a digit", fix("to multiply, write the `*`", text));
  } else {report("this is not a number", "cannot be read", {
      help: "numbers look like `12`, `0.5` or `1e-3`",
    });}
}

function badString(reporter: Reporter, token: IToken): void {
  const span = reporter.spanOf(token);
  if (token.image[0] === "'") {
    const text = '"' + token.image.slice(1, -1).replaceAll("\\'", "'").replaceAll('"', '\\"') + '"';
    reporter.report("MPT0104", "a string stands between double quotes", span, "single quotes", {
      edit: { help: "use double quotes", replacements: [{ span, text }] },
    });
    return;
  }
  // The text that was meant probably ends before the punctuation that ends the line.
  const trailing = /[\s,)\]}]*$/.exec(token.image)!;
  const end = token.image.endsWith("\\") || trailing.index <= 1
    ? endOf(token)
    : token.startOffset + trailing.index;
  const edit = token.image.endsWith("\\") ? undefined : {
    help: "close the string",
    replacements: [{ span: reporter.span(end, end), text: '"' }],
  };
  reporter.report("MPT0104", "this string is not closed on its line", span, "no closing quote", { edit });
}

function checkEscapes(reporter: Reporter, token: IToken): void {
  if (!token.image.includes("\\")) return;
  for (const match of token.image.matchAll(/\\(u\{[0-9a-fA-F]{1,6}\}|[^])/g)) {
    const escape = match[1];
    const known = escape.length > 1 ? parseInt(escape.slice(2, -1), 16) <= 0x10FFFF : escape in ESCAPES;
    if (known) continue;
    const start = token.startOffset + match.index;
    const span = reporter.span(start, start + match[0].length);
    reporter.report("MPT0107", `a string has no escape ${quote(match[0])}`, span, "unknown escape", {
      help: 'the escapes are \\" \\\\ \\n \\r \\t and \\u{…} with a code point in hexadecimal',
      edit: { help: "for the backslash itself", replacements: [{ span, text: "\\" + match[0] }] },
    });
  }
}

function checkRange(reporter: Reporter, token: IToken): void {
  const value = Number(token.image);
  if (token.tokenType === T.Integer ? Number.isSafeInteger(value) : Number.isFinite(value)) return;
  const [message, help] = token.tokenType === T.Integer
    ? ["this integer is too large to be exact", "integers reach 9007199254740991; write a float for more"]
    : ["this number is larger than any float", "floats reach about 1.8e308"];
  reporter.report("MPT0106", message, reporter.spanOf(token), "out of range", { help });
}
