/** How deep a program may nest. */

import type { IToken } from "chevrotain";
import type { Reporter } from "./report.ts";

/** The deepest nesting of any one recursive form: brackets, signs, `**`, `if`, `as`, types, patterns. */
export const MAX_NESTING = 100;

export function reportTooDeep(reporter: Reporter, token: IToken): void {
  const at = reporter.spanOf(token);
  reporter.report(
    "MPT0110",
    `this nests deeper than ${MAX_NESTING} levels`,
    at,
    `past level ${MAX_NESTING}`,
    {
      help: "name a part of it with `let`, or move it into a fn",
    },
  );
}
