import { LIMITS_AND_DATA } from "./pages/limits.ts";
import { NAMES } from "./pages/names.ts";
import type { Example, Page } from "./pages/page.ts";
import { PRECISION } from "./pages/precision.ts";
import { SHAPES } from "./pages/shapes.ts";
import { SYNTAX } from "./pages/syntax.ts";
import { TRAINING } from "./pages/training.ts";

/** One page for every code that a diagnostic can have, in order. */
export const PAGES: readonly Page[] = [
  ...SYNTAX,
  ...[...NAMES, ...SHAPES].sort((a, b) => a.code < b.code ? -1 : 1),
  ...PRECISION,
  ...TRAINING,
  ...LIMITS_AND_DATA,
];

/** The page of a code (`MPT0203`) as Markdown; undefined where there is no such code. */
export function explain(code: string): string | undefined {
  const page = PAGES.find((p) => p.code === code);
  return page && render(page);
}

function render({ code, title, why, bad, good }: Page): string {
  return [
    `# ${code}: ${title}`,
    wrap(why, 110),
    ...(bad ? ["Gives it:", shown(bad)] : []),
    ...(good ? ["Does not:", shown(good)] : []),
  ].join("\n\n") + "\n";
}

function shown(e: Example): string {
  const files = Object.entries(e.files ?? {}).map(([name, text]) => block(`// ${name}\n${text}`));
  const sizes = e.dims &&
    `with ${Object.entries(e.dims).map(([n, v]) => `--dims ${n}=${v}`).join(" ") || "no dims"}${
      e.memory ? ` --memory ${e.memory}` : ""
    }`;
  return [...files, block(e.shown ?? e.text), ...(sizes ? [sizes] : [])].join("\n\n");
}

function block(text: string): string {
  return "```mpt\n" + text.trimEnd() + "\n```";
}

/** Lines of at most `width` characters, broken at spaces. */
function wrap(text: string, width: number): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join("\n");
}
