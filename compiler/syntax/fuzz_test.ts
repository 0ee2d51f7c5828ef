import fc from "fast-check";
import { assert, assertEquals } from "../../tests/assert.ts";
import { randomProgram } from "../../tests/support/random_program.ts";
import { renderDiagnostics } from "../core/render_diagnostic.ts";
import { dump } from "./dump.ts";
import { format } from "./format.ts";
import { MAX_SOURCE, MAX_TOKENS, parse } from "./parse.ts";

const PIECES = [
  ..."( ) [ ] { } , : . -> |> = == != < <= + - * / % @ ** ! && || ; # // /* */ /// \" ' ` ? ^ \\ & | $".split(
    " ",
  ),
  ..."let return if then else in as true false import const policy fn model train precision layer".split(" "),
  ..."param forward batch metric loss optimizer from x y f32 N 0 1 2.5 .5 1e9 1_0 0x1 é 中 \u0000 \uFEFF"
    .split(" "),
  "\n",
  "\n\n",
  " ",
  '"s"',
];

/** The time one small input may take, in milliseconds: far above what any takes, far below a hang. */
const PATIENCE = 2000;

/** What must hold of any text at all. */
function survives(text: string): void {
  const source = { file: "fuzz.mpt", text };
  const start = performance.now();
  const { file, diagnostics } = parse(source);
  const spent = performance.now() - start;
  assert(spent < PATIENCE, `took ${spent} ms`);
  const holes = /<error>|<missing>/.test(dump(file));
  assert(!holes || diagnostics.some((d) => d.severity === "error"), "a hole that nothing explains");
  for (const d of diagnostics) {
    assert(/^MPT01[0-9]{2}$/.test(d.code), d.code);
    for (const { span } of [...d.labels, ...(d.edit?.replacements ?? [])]) {
      assert(0 <= span.start && span.start <= span.end && span.end <= text.length, JSON.stringify(d));
    }
  }
  renderDiagnostics(diagnostics, () => text, { color: true });
  if (diagnostics.some((d) => d.severity === "error")) assertEquals(format(source).text, text);
}

/** A program with a few tokens lost, doubled, swapped or replaced. */
const mutated = fc.tuple(
  randomProgram({ size: 80 }),
  fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom(...PIECES)), { minLength: 1, maxLength: 4 }),
).map(([text, changes]) => {
  const tokens = text.split(/(\s+)/);
  for (const [at, what, piece] of changes) {
    const i = at % tokens.length;
    if (what === 0) tokens.splice(i, 1);
    else if (what === 1) tokens.splice(i, 0, tokens[i]);
    else if (what === 2) tokens.splice(i, 1, piece);
    else [tokens[i], tokens[i + 1]] = [tokens[i + 1] ?? "", tokens[i]];
  }
  return tokens.join("");
});

const opts = { numRuns: 3333 };

Deno.test("parse: survives any characters", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 80, size: "max" }), survives), opts);
});

Deno.test("parse: survives any words and signs", () => {
  const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 200, size: "max" });
  fc.assert(fc.property(soup, fc.constantFrom("", " "), (pieces, gap) => survives(pieces.join(gap))), opts);
});

Deno.test("parse: survives broken programs", () => {
  fc.assert(fc.property(mutated, survives), { numRuns: 3334 });
});

Deno.test("parse: ends soon on what could take long", () => {
  const n = 20_000;
  const texts = [
    "(".repeat(n),
    "[".repeat(n) + "]".repeat(n),
    ")".repeat(n),
    "{".repeat(n),
    "model M {\n".repeat(n / 10),
    "const a = " + "-".repeat(n) + "1",
    "const a = " + "!".repeat(n) + "1",
    "const a = " + "if ".repeat(n),
    "const a = " + "if a then ".repeat(n),
    "const a = " + "if a then b else ".repeat(n) + "c",
    "const a = 1" + " ** 1".repeat(n),
    "const a = 1" + " + 1".repeat(n),
    "const a = 1" + " as f32".repeat(n),
    "const a = 1" + " in f32".repeat(n),
    "const a = 1" + " < 1".repeat(n),
    "const a = x" + " |> f".repeat(n),
    "const a = x" + ".y".repeat(n),
    "const a = x" + "()".repeat(n),
    "const a = [" + "1, ".repeat(n) + "]",
    "const a = x |> f" + "[x |> f".repeat(n),
    "fn f(x: " + "(".repeat(n) + "f32" + ")".repeat(n) + ") -> f32 { return x }",
    "fn f(x: f32) -> f32 { let " + "(".repeat(n) + "a" + ")".repeat(n) + " = x return x }",
    "fn f(x: f32) -> f32 {" + "\nx".repeat(n) + "\n}",
    "fn f(x: f32) -> f32 {" + "\n(x".repeat(n) + "\n}",
    "let ".repeat(n),
    "const a = 1 2\n".repeat(n / 4),
    ";".repeat(n),
    "# no\n".repeat(n / 4),
    "é ".repeat(n / 4),
    '"\n'.repeat(n / 4),
    "/*".repeat(n),
    "/* * ".repeat(n),
    "// a)\n".repeat(n),
    "x // a)\n".repeat(n / 4),
    "0".repeat(n),
    "a".repeat(n),
    " ".repeat(MAX_SOURCE + 1),
    "a ".repeat(MAX_TOKENS + 1),
  ];
  for (const text of texts) {
    const start = performance.now();
    const { diagnostics } = parse({ file: "long.mpt", text });
    const spent = performance.now() - start;
    assert(spent < PATIENCE, `${text.slice(0, 40)}… took ${Math.round(spent)} ms`);
    const valid = /^(?:const a = \[|\/\/)/.test(text);
    assertEquals(diagnostics.length > 0, !valid, text.slice(0, 40));
  }
});
