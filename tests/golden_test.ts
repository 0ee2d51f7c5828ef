import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { assertEquals, AssertionError, assertStringIncludes, assertThrows } from "./assert.ts";
import { diff, golden } from "./golden.ts";

/** Runs `body` on an empty folder for goldens, with the update variable set to `update`. */
function inFolder(body: (root: URL, update: (value: string) => void) => void) {
  const folder = mkdtempSync(join(tmpdir(), "mpt-golden-"));
  const before = process.env.MPT_UPDATE_GOLDENS;
  const update = (value: string) => void (process.env.MPT_UPDATE_GOLDENS = value);
  try {
    update("");
    body(pathToFileURL(folder + "/"), update);
  } finally {
    if (before === undefined) delete process.env.MPT_UPDATE_GOLDENS;
    else process.env.MPT_UPDATE_GOLDENS = before;
    rmSync(folder, { recursive: true });
  }
}

Deno.test("golden: fails on a missing file, is written on request, then holds", () => {
  inFolder((root, update) => {
    assertThrows(() => golden("a/b.txt", "one\ntwo", root), AssertionError, "no golden file a/b.txt");
    update("1");
    golden("a/b.txt", "one\ntwo", root);
    assertEquals(readFileSync(new URL("a/b.txt", root), "utf8"), "one\ntwo\n");
    update("");
    golden("a/b.txt", "one\ntwo", root);
    golden("a/b.txt", "one\ntwo\n", root);
  });
});

Deno.test("golden: fails on a difference and shows it", () => {
  inFolder((root, update) => {
    update("1");
    golden("c.txt", "one\ntwo\nthree", root);
    update("");
    const error = assertThrows(
      () => golden("c.txt", "one\n2\nthree", root),
      AssertionError,
      "golden file c.txt",
    );
    assertStringIncludes(error.message, "  one\n- two\n+ 2\n  three\n");
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
