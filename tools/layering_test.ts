import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "../tests/assert.ts";
import { findCircles } from "./circles.ts";
import { codeOnly, violations } from "./layering.ts";
import { readTree, type SourceFile } from "./source_tree.ts";

/** A file of that path importing `targets` (paths from the root, or packages), one a line. */
function file(path: string, targets: string[] = [], text = "export const x = 1;\n"): SourceFile {
  const imports = targets.map((name, i) =>
    /\.ts$/.test(name)
      ? { specifier: "./" + name, target: name, line: i + 1 }
      : { specifier: name, line: i + 1 }
  );
  return { path, text, imports };
}

/** What is found in a file at `path` with `text`. */
const rulesOf = (path: string, text: string) => violations([file(path, [], text)]).map(({ rule }) => rule);

const FORWARD: [string, string[]][] = [
  ["compiler/ops/relu.ts", ["compiler/core/dtype.ts", "compiler/ir/graph.ts", "compiler/ops/op.ts"]],
  ["compiler/emit/program.ts", ["kernels/map.ts", "compiler/passes/fuse.ts", "compiler/core/program.ts"]],
  ["compiler/compile.ts", ["compiler/emit/program.ts", "compiler/syntax/parse.ts", "compiler/target.ts"]],
  ["compiler/reference/evaluate.ts", [
    "compiler/ops/op.ts",
    "compiler/ir/graph.ts",
    "compiler/core/dtype.ts",
  ]],
  ["compiler/ops/relu_test.ts", ["compiler/reference/evaluate.ts", "tests/assert.ts", "runtime/cpu/run.ts"]],
  ["kernels/map.ts", ["compiler/core/program.ts"]],
  ["runtime/trainer.ts", ["compiler/core/program.ts", "runtime/device.ts", "webgpu"]],
  ["compiler/syntax/grammar.ts", ["chevrotain", "compiler/core/span.ts"]],
  ["mod.ts", ["compiler/compile.ts", "runtime/trainer.ts"]],
  ["cli/main.ts", ["mod.ts", "compiler/emit/program.ts", "commander", "tests/assert.ts"]],
];

for (const [path, targets] of FORWARD) {
  Deno.test(`layering: ${path} may import ${targets.join(", ")}`, () => {
    assertEquals(violations([file(path, targets)]), []);
  });
}

const BACK: [string, string][] = [
  ["compiler/core/dtype.ts", "compiler/ir/graph.ts"],
  ["compiler/syntax/parse.ts", "compiler/ir/graph.ts"],
  ["compiler/ir/graph.ts", "compiler/ops/op.ts"],
  ["compiler/ops/relu.ts", "compiler/layers/linear.ts"],
  ["compiler/check/names.ts", "compiler/lower/lower.ts"],
  ["compiler/passes/fuse.ts", "compiler/emit/program.ts"],
  ["compiler/emit/program.ts", "compiler/compile.ts"],
  ["compiler/passes/fuse.ts", "kernels/map.ts"],
  ["compiler/reference/evaluate.ts", "compiler/passes/fuse.ts"],
  ["compiler/compile.ts", "runtime/device.ts"],
  ["kernels/map.ts", "compiler/ir/graph.ts"],
  ["runtime/trainer.ts", "compiler/compile.ts"],
  ["runtime/trainer.ts", "kernels/map.ts"],
  ["runtime/trainer.ts", "mod.ts"],
  ["runtime/trainer.ts", "cli/main.ts"],
  ["compiler/core/dtype.ts", "tests/assert.ts"],
  ["compiler/core/dtype.ts", "compiler/core/dtype_test.ts"],
];

for (const [path, target] of BACK) {
  Deno.test(`layering: ${path} may not import ${target}`, () => {
    const [found, ...more] = violations([file(path, ["compiler/core/span.ts", target])]);
    assertEquals(more, []);
    assertEquals([found.path, found.line, found.rule], [path, 2, "order"]);
    assertStringIncludes(found.message, target);
  });
}

Deno.test("layering: a new folder needs a place in the order", () => {
  assertMatch(
    violations([file("compiler/magic/x.ts")])[0].message,
    /compiler\/magic has no place in the order/,
  );
  assertMatch(violations([file("lib/x.ts")])[0].message, /lib has no place in the order/);
});

Deno.test("layering: packages are for the areas that own them", () => {
  const found = violations([
    file("compiler/core/a.ts", ["npm:@scope/thing@1.2.3/part"]),
    file("compiler/ir/b.ts", ["chevrotain"]),
    file("compiler/ir/b_test.ts", ["fast-check"]),
    file("runtime/c.ts", ["chevrotain"]),
  ]);
  assertEquals(found.map(({ path, rule }) => [path, rule]), [
    ["compiler/core/a.ts", "package"],
    ["compiler/ir/b.ts", "package"],
    ["runtime/c.ts", "package"],
  ]);
  assertStringIncludes(found[0].message, "@scope/thing");
});

for (
  const text of [
    "Deno.readTextFileSync('x')",
    "const now = Date.now();",
    "const now = new Date();",
    "let t = performance.now()",
    "navigator.gpu",
    "const seed = Math.random();",
    "crypto.getRandomValues(a)",
    "export function f(d: GPUDevice) {}",
    "console.log(1)",
    "setTimeout(() => {}, 1)",
    "process.env.HOME",
    "const text = `now ${Date.now()}`;",
    "const r = /[\"'`]/; Deno.exit(1)",
  ]
) {
  Deno.test(`layering: the compiler may not say ${text}`, () => {
    assertEquals(rulesOf("compiler/ops/x.ts", text), ["purity"]);
    assertEquals(rulesOf("kernels/x.ts", text), ["purity"]);
    assertEquals(rulesOf("compiler/ops/x_test.ts", text), []);
    assertEquals(rulesOf("runtime/x.ts", text), []);
  });
}

for (
  const text of [
    "// Deno.readTextFileSync and GPUDevice stay outside",
    "/* new Date() */ const a = 1;",
    'const help = "set Deno.env first";',
    "const wgsl = `// GPUBuffer ${name}`;",
    "span.process(1); a.Date.b; const processed = process(1);",
    "interface X { performance: number; Date: string }",
  ]
) {
  Deno.test(`layering: the compiler may say ${text}`, () =>
    assertEquals(rulesOf("compiler/ops/x.ts", text), []));
}

Deno.test("layering: a node module is impure, and the line is right", () => {
  const impure = file("compiler/ops/x.ts", ["compiler/core/a.ts", "node:fs"]);
  assertEquals(violations([impure]).map(({ line, rule }) => [line, rule]), [[2, "purity"]]);
  const late = file("compiler/ops/x.ts", [], "/* a\nb */\nconst s = `\n${1}\n`;\nconst now = Date.now();\n");
  assertEquals(violations([late]).map(({ line }) => line), [6]);
});

Deno.test("layering: blanking literals keeps the lines", () => {
  const text = 'const a = "x//y"; // z\nconst b = `1\n2 ${a}\n3`;\nconst c = a / 2 / 1; /* \n */ d';
  const code = codeOnly(text);
  assertEquals(code.split("\n").length, text.split("\n").length);
  assertStringIncludes(code, "a / 2 / 1");
  assert(!/[xyz3]/.test(code), code);
});

Deno.test("layering: circles are found once, shortest, and by any file in them", () => {
  const found = violations([
    file("cli/a.ts", ["cli/b.ts"]),
    file("cli/b.ts", ["cli/c.ts", "cli/d.ts"]),
    file("cli/c.ts", ["cli/d.ts"]),
    file("cli/d.ts", ["cli/a.ts"]),
    file("cli/e.ts", ["cli/a.ts"]),
    file("web/self.ts", ["web/self.ts"]),
  ]);
  assertEquals(found.map(({ rule, message }) => [rule, message]), [
    ["circle", "imports itself: cli/a.ts → cli/b.ts → cli/d.ts → cli/a.ts"],
    ["circle", "imports itself: web/self.ts → web/self.ts"],
  ]);
});

Deno.test("layering: random graphs have a circle exactly where no order exists", () => {
  for (let round = 0; round < 200; round++) {
    const size = 2 + Math.floor(Math.random() * 8);
    const names = Array.from({ length: size }, (_, i) => `n${i}`);
    const edges = new Map(names.map((name) => [name, names.filter(() => Math.random() < 0.18)]));
    const circles = findCircles(edges);
    // Removing nodes that import nothing left, again and again, empties a graph exactly if it has no circle.
    const left = new Set(names);
    const free = (name: string) => !edges.get(name)!.some((next) => left.has(next));
    for (let name; (name = [...left].find(free));) left.delete(name);
    assertEquals(circles.length > 0, left.size > 0, JSON.stringify([...edges]));
    for (const circle of circles) {
      circle.forEach((name, i) => assert(edges.get(name)!.includes(circle[(i + 1) % circle.length])));
    }
  }
});

Deno.test("layering: a file may have 400 lines, or what its entry says", () => {
  const lines = (n: number) => "let x;\n".repeat(n);
  const of = (n: number, longer = {}) =>
    violations([file("web/long.ts", [], lines(n))], longer).map(({ message }) => message);
  assertEquals(of(400), []);
  assertMatch(of(401)[0], /^has 401 lines, and 400 is the limit/);
  const entry = { "web/long.ts": { lines: 500, reason: "a table" } };
  assertEquals(of(450, entry), []);
  assertMatch(of(501, entry)[0], /^has 501 lines, and 500 is the limit/);
  assertMatch(of(400, entry)[0], /^needs no entry/);
});

Deno.test("layering: imports of every form are read from real files", async () => {
  const root = await Deno.makeTempDir({ prefix: "mpt-layering-" });
  try {
    const write = (path: string, text: string) => {
      Deno.mkdirSync(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${root}/${path}`, text);
    };
    const forms: Record<string, string> = {
      "value.ts": 'import { X } from "../ops/op.ts";\nexport const y = new X();\n',
      "type.ts": 'import type { X } from "../ops/op.ts";\nexport type Y = X;\n',
      "reexport.ts": 'export * from "../ops/op.ts";\n',
      "dynamic.ts": 'export const load = () => import("../ops/op.ts");\n',
      "inline.ts": 'export type Y = import("../ops/op.ts").X;\n',
      "effect.ts": '// import "../lower/lower.ts"\nimport "../ops/op.ts";\n',
    };
    write("compiler/ops/op.ts", 'import type { Y } from "../core/type.ts";\nexport class X { y?: Y }\n');
    write("node_modules/skipped/index.ts", "export const x = 1;\n");
    write("out/skipped.ts", "syntax error");
    for (const [name, text] of Object.entries(forms)) write(`compiler/core/${name}`, text);
    const found = violations(await readTree(root));
    assertEquals(
      found.filter(({ rule }) => rule === "order").map(({ path }) => path),
      Object.keys(forms).sort().map((name) => `compiler/core/${name}`),
    );
    assertEquals(found.find(({ path }) => path.endsWith("effect.ts"))?.line, 2);
    assertEquals(found.filter(({ rule }) => rule === "circle").map(({ message }) => message), [
      "imports itself: compiler/core/type.ts → compiler/ops/op.ts → compiler/core/type.ts",
    ]);
    write("cli/broken.ts", "import {");
    await assertRejects(() => readTree(root), Error, "broken.ts");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
