/**
 * Every syntax diagnostic as it is shown: `NAME.mpt` is a program with faults, `NAME.txt` what is said about them. A file
 * is named after the code that it is there for.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Diagnostic } from "../../../compiler/core/diagnostic.ts";
import { applyEdit, renderDiagnostics } from "../../../compiler/core/render_diagnostic.ts";
import { parse } from "../../../compiler/syntax/parse.ts";
import { assert, assertEquals } from "../../assert.ts";
import { golden } from "../../golden.ts";

const HERE = new URL("./", import.meta.url);
const FILES = readdirSync(HERE).filter((name) => /^(?:MPT01|several).*\.mpt$/.test(name)).sort();
const CODES = [
  ...Array.from({ length: 28 }, (_, i) => `MPT01${String(i + 1).padStart(2, "0")}`),
];

function diagnose(file: string, text: string): Diagnostic[] {
  return parse({ file, text }).diagnostics;
}

for (const file of FILES) {
  const text = readFileSync(new URL(file, HERE), "utf8");
  Deno.test(`errors: ${file}`, () => {
    const diagnostics = diagnose(file, text);
    golden(file.replace(".mpt", ".txt"), renderDiagnostics(diagnostics, () => text), { root: HERE });
    const code = /^MPT[0-9]+/.exec(file)?.[0];
    if (code) assert(diagnostics.some((d) => d.code === code));
  });

  Deno.test(`errors: the edits of ${file} remove what they are for`, () => {
    const before = diagnose(file, text);
    for (const { code, edit, labels } of before) {
      if (!edit) continue;
      const after = diagnose(file, applyEdit(text, edit));
      const same = (d: Diagnostic) => d.code === code;
      assert(
        after.filter(same).length < before.filter(same).length,
        `${code} at ${labels[0].span.start} is still there after: ${edit.help}`,
      );
      assert(after.length <= before.length, `${edit.help}: ${after.map((d) => d.message).join("; ")}`);
    }
  });
}

Deno.test("errors: every syntax code has its file", () => {
  const seen = FILES.map((file) => /^MPT[0-9]+/.exec(file)?.[0]).filter((code) => code !== undefined);
  assertEquals([...new Set(seen)], CODES);
});
