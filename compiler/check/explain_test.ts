import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "../../tests/assert.ts";
import { golden } from "../../tests/golden.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import { DiagnosticError } from "../core/diagnostic.ts";
import { compile } from "../compile.ts";
import { lower } from "../lower/lower.ts";
import { check } from "./check.ts";
import { explain, PAGES } from "./explain.ts";
import type { Example } from "./pages/page.ts";

/** Codes that no program gives by being checked. */
const WITHOUT = new Set(["MPT0505"]);

function codesOf(example: Example): string[] {
  const found: Diagnostic[] = [];
  const { program, diagnostics } = check(
    { file: "example.mpt", text: example.text },
    (path) => example.files?.[path] === undefined ? undefined : { file: path, text: example.files[path] },
  );
  found.push(...diagnostics);
  const run = (f: () => unknown) => {
    try {
      f();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      found.push(...error.diagnostics);
    }
  };
  const { dims, memory } = example;
  if (dims) run(() => lower(program!, { entry: "train", dims }));
  if (dims && memory) {
    const { bundle } = compile({ file: "example.mpt", text: example.text }, { memory });
    run(() => bundle!.program("step", dims));
  }
  return found.map((d) => d.code);
}

for (const page of PAGES) {
  Deno.test(`explain ${page.code}: ${page.title}`, () => {
    assertEquals(page.bad === undefined, WITHOUT.has(page.code), "examples");
    if (page.bad) {
      const bad = codesOf(page.bad);
      assert(bad.includes(page.code), `the bad example gives ${bad.join(", ") || "nothing"}`);
      assertEquals(codesOf(page.good!), [], "the good example gives diagnostics");
    }
    golden(`${page.code}.md`, explain(page.code)!, { root: new URL("../../docs/errors/", import.meta.url) });
  });
}

Deno.test("every code that the compiler can give has a page, and every page a code", () => {
  const root = fileURLToPath(new URL("../", import.meta.url));
  const codes = new Set<string>();
  const walk = (dir: string) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (entry.name === "pages" || entry.name.endsWith("_test.ts")) continue;
      if (entry.isDirectory()) walk(`${dir}/${entry.name}`);
      else if (entry.name.endsWith(".ts")) {
        const text = readFileSync(`${dir}/${entry.name}`, "utf8");
        for (const [, code] of text.matchAll(/["'](MPT\d{4})["']/g)) codes.add(code);
      }
    }
  };
  walk(root);
  const missing = [...codes].filter((c) => explain(c) === undefined);
  assertEquals(missing.sort(), [], "codes without a page");
  assertEquals(
    PAGES.map((p) => p.code).filter((c) => !codes.has(c)),
    [],
    "pages of codes that nothing gives",
  );
  assertEquals(new Set(PAGES.map((p) => p.code)).size, PAGES.length);
});
