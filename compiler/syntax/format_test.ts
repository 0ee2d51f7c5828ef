import fc from "fast-check";
import { assertEquals } from "../../tests/assert.ts";
import { randomProgram } from "../../tests/support/random_program.ts";
import { dump } from "./dump.ts";
import { format } from "./format.ts";
import { parse, parseConcrete } from "./parse.ts";

const FILE = "random.mpt";

function formatted(text: string): string {
  const result = format({ file: FILE, text });
  assertEquals(result.diagnostics.filter((d) => d.severity === "error"), []);
  return result.text;
}

function comments(text: string): string[] {
  const found = parseConcrete({ file: FILE, text }).concrete.comments;
  return found.map((c) => c.image.trimEnd().replaceAll("\r\n", "\n")).sort();
}

Deno.test("format: keeps the tree and every comment, and formatting twice is formatting once", () => {
  fc.assert(
    fc.property(randomProgram(), (text) => {
      const before = parse({ file: FILE, text });
      assertEquals(before.diagnostics.filter((d) => d.severity === "error"), []);
      const once = formatted(text);
      assertEquals(dump(parse({ file: FILE, text: once }).file), dump(before.file));
      assertEquals(comments(once), comments(text));
      assertEquals(formatted(once), once);
    }),
    { numRuns: Number(Deno.env.get("RUNS") ?? 400) },
  );
});
