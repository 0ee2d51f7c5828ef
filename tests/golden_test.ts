import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { assertEquals, AssertionError, assertStringIncludes, assertThrows } from "./assert.ts";
import { diff, golden } from "./golden.ts";

/** Runs `body` on an empty folder for goldens. */
function inFolder(body: (root: URL) => void) {
  const folder = mkdtempSync(join(tmpdir(), "mpt-golden-"));
  try {
    body(pathToFileURL(folder + "/"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

Deno.test("golden: fails on a missing file, is written on request, then holds", () => {
  inFolder((root) => {
    const compare = (text: string, update = false) => golden("a/b.txt", text, { root, update });
    assertThrows(() => compare("one\ntwo"), AssertionError, "no golden file a/b.txt");
    compare("one\ntwo", true);
    assertEquals(readFileSync(new URL("a/b.txt", root), "utf8"), "one\ntwo\n");
    compare("one\ntwo");
    compare("one\ntwo\n");
  });
});

Deno.test("golden: fails on a difference and shows it", () => {
  inFolder((root) => {
    const compare = (text: string, update = false) => golden("c.txt", text, { root, update });
    compare("one\ntwo\nthree", true);
    const error = assertThrows(() => compare("one\n2\nthree"), AssertionError, "golden file c.txt");
    assertStringIncludes(error.message, "  one\n- two\n+ 2\n  three\n");
    assertEquals(readFileSync(new URL("c.txt", root), "utf8"), "one\ntwo\nthree\n");
  });
});

Deno.test("golden: a difference keeps two lines around it", () => {
  const before = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  const after = before.toSpliced(15, 1).toSpliced(4, 0, "new");
  assertEquals(
    diff(before.join("\n"), after.join("\n")).split("\n"),
    ["  line 2", "  line 3", "+ new", "  line 4", "  line 5", "  ⋮"].concat(
      ["  line 13", "  line 14", "- line 15", "  line 16", "  line 17", "  ⋮"],
    ),
  );
});
