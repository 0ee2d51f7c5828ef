/**
 * Golden files: the text a stage prints, kept under `tests/golden/` and compared on every run. After an intended
 * change, `MPT_UPDATE_GOLDENS=1 deno task test` rewrites them, and the difference is reviewed like code.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { fail } from "./assert.ts";

const ROOT = new URL("./golden/", import.meta.url);
const UPDATE = process.env.MPT_UPDATE_GOLDENS === "1";

/**
 * Fails unless `text` is what `tests/golden/PATH` holds, showing where they differ; a missing file fails too. Where the
 * environment has `MPT_UPDATE_GOLDENS=1`, writes the file instead. A last newline is added to `text` if it has none.
 */
export function golden(path: string, text: string, { root = ROOT, update = UPDATE } = {}): void {
  const file = fileURLToPath(new URL(path, root));
  const actual = text.endsWith("\n") ? text : text + "\n";
  const expected = readIfThere(file);
  if (actual === expected) return;
  if (update) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, actual);
    return;
  }
  const hint = "if the change is intended, run the test again with MPT_UPDATE_GOLDENS=1";
  if (expected === undefined) fail(`there is no golden file ${path}; ${hint}. The text is:\n${actual}`);
  fail(`the text differs from golden file ${path} (- golden, + now); ${hint}\n${diff(expected, actual)}`);
}

/** A line difference with two lines of context: `-` only in `before`, `+` only in `after`. At most 60 lines of it. */
export function diff(before: string, after: string): string {
  const lines = edits(before.split("\n"), after.split("\n"));
  const near = (i: number) => lines.slice(Math.max(0, i - 2), i + 3).some((line) => line[0] !== " ");
  const shown: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    if (near(i)) shown.push(lines[i]);
    else if (shown.length > 0 && shown.at(-1) !== "  ⋮") shown.push("  ⋮");
  }
  const rest = shown.length - 60;
  return (rest > 0 ? [...shown.slice(0, 60), `  … and ${rest} lines more`] : shown).join("\n");
}

/** All lines of both texts, each marked, by their longest common subsequence. */
function edits(a: string[], b: string[]): string[] {
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const p = a.slice(start, a.length - end), q = b.slice(start, b.length - end);
  // Beyond this the table is too large to be worth it: all of one, then all of the other.
  const table = p.length * q.length <= 4_000_000 ? commonLengths(p, q) : undefined;
  const out = a.slice(0, start).map((line) => `  ${line}`);
  let i = 0, j = 0;
  while (i < p.length || j < q.length) {
    if (table && i < p.length && j < q.length && p[i] === q[j]) out.push(`  ${p[i++]}`), j++;
    else if (i < p.length && (!table || j === q.length || table[i + 1][j] >= table[i][j + 1])) {
      out.push(`- ${p[i++]}`);
    } else out.push(`+ ${q[j++]}`);
  }
  return [...out, ...a.slice(a.length - end).map((line) => `  ${line}`)];
}

/** `[i][j]`: how many lines `p` from `i` and `q` from `j` have in common, in order. */
function commonLengths(p: string[], q: string[]): Uint32Array[] {
  const table = Array.from({ length: p.length + 1 }, () => new Uint32Array(q.length + 1));
  for (let i = p.length - 1; i >= 0; i--) {
    for (let j = q.length - 1; j >= 0; j--) {
      table[i][j] = p[i] === q[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
