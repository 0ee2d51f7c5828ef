/**
 * Programs with faults and what is said about them: `NAME.mpt` beside `NAME.txt`. Every edit that a diagnostic suggests
 * is applied and the program checked again.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { check } from "../../compiler/check/check.ts";
import { PAGES } from "../../compiler/check/explain.ts";
import type { Diagnostic } from "../../compiler/core/diagnostic.ts";
import { applyEdit, renderDiagnostics } from "../../compiler/core/render_diagnostic.ts";
import { assert, assertEquals } from "../assert.ts";
import { golden } from "../golden.ts";

const ROOT = new URL("./", import.meta.url);
const read = (name: string) => readFileSync(fileURLToPath(new URL(name, ROOT)), "utf8");
// Those that the parser alone speaks about have a test of their own.
const programs = readdirSync(fileURLToPath(ROOT)).filter((n) =>
  n.endsWith(".mpt") && !/^(?:MPT01|several)/.test(n)
)
  .sort();

type Files = Readonly<Record<string, string>>;

function diagnose(file: string, text: string, files: Files = {}): Diagnostic[] {
  return check(
    { file, text },
    (path) => files[path] === undefined ? undefined : { file: path, text: files[path] },
  )
    .diagnostics;
}

const isError = (d: Diagnostic) => d.severity === "error";
const key = (d: Diagnostic) => `${d.code} ${d.message}`;

/** Each edit by itself takes its diagnostic away and breaks no syntax; alone in a program, it leaves no error. */
function tryEdits(file: string, text: string, files: Files = {}): number {
  const before = diagnose(file, text, files);
  const withEdit = before.filter((d) => d.edit);
  for (const d of withEdit) {
    const edited = applyEdit(text, d.edit!, file);
    assert(edited !== text, `${key(d)}: the edit changes nothing`);
    const after = diagnose(file, edited, files);
    const count = (list: readonly Diagnostic[]) => list.filter((x) => key(x) === key(d)).length;
    const where = `${file}, ${key(d)}, after "${d.edit!.help}":\n${edited}`;
    assert(count(after) < count(before), `${where}\nis still there`);
    const known = new Set(before.map((x) => x.code));
    const broken = after.filter((x) => x.code.startsWith("MPT01") && !known.has(x.code));
    assertEquals(broken.map(key), [], `${where}\nhas new faults of syntax`);
    if (before.filter(isError).length <= 1) {
      assertEquals(after.filter(isError).map(key), [], `${where}\nhas errors`);
    }
  }
  return withEdit.length;
}

for (const name of programs) {
  Deno.test(`errors: ${name}`, () => {
    const text = read(name);
    const found = diagnose(name, text);
    assert(found.length > 0, "a program in this folder has a fault");
    golden(name.replace(/\.mpt$/, ".txt"), renderDiagnostics(found, new Map([[name, text]])), { root: ROOT });
    tryEdits(name, text);
  });
}

Deno.test("errors: the edits of the explained examples", () => {
  const edits = PAGES.map(({ bad }) => bad ? tryEdits("example.mpt", bad.text, bad.files) : 0);
  assert(edits.filter((n) => n > 0).length > 20, "too few examples suggest an edit");
});

Deno.test("errors: no two diagnostics stand at one place with one code", () => {
  for (const name of programs) {
    const places = diagnose(name, read(name)).map((d) => `${d.code} ${d.labels[0].span.start}`);
    assertEquals(new Set(places).size, places.length, name);
  }
});
