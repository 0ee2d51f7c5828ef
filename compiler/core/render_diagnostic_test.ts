import { assert, assertEquals, assertStringIncludes } from "../../tests/assert.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { applyEdit, diagnosticToJson, renderDiagnostic, renderDiagnostics } from "./render_diagnostic.ts";
import type { Span } from "./span.ts";

const FILE = "mlp.mpt";

/** The `nth` place of `part` in `text`. */
function at(text: string, part: string, nth = 1, file = FILE): Span {
  let start = -1;
  for (let i = 0; i < nth; i++) start = text.indexOf(part, start + 1);
  assert(start >= 0, part);
  return { file, start, end: start + part.length };
}

function fault(text: string, span: Span, label = "here", more: Partial<Diagnostic> = {}): string {
  const diagnostic: Diagnostic = {
    code: "MPT0101",
    severity: "error",
    message: "a fault",
    labels: [{ span, text: label }],
    ...more,
  };
  return renderDiagnostic(diagnostic, new Map([[FILE, text]]));
}

const EXAMPLE = `model MLP {
  precision mixed_f16


  layer fc1 = Linear(784, 256)
  layer fc2 = Linear(128, 10)

  forward(x: float[N, 784]) -> f32[N, 10] {
    return x |> fc1 |> relu |> fc2
  }
}
`;
const MISFIT: Diagnostic = {
  code: "MPT0203",
  severity: "error",
  message: "the output of fc1 does not fit fc2",
  labels: [
    { span: at(EXAMPLE, "fc2", 2), text: "given float[N, 256]" },
    { span: at(EXAMPLE, "256"), text: "fc1 makes 256 features" },
    { span: at(EXAMPLE, "128"), text: "fc2 takes 128" },
  ],
  expected: "float[N, 128]",
  found: "float[N, 256]",
  edit: {
    help: "make fc2 take 256 features",
    replacements: [{ span: at(EXAMPLE, "Linear(128, 10)"), text: "Linear(256, 10)" }],
  },
};

Deno.test("renderDiagnostics: has the look of the language's page", () => {
  assertEquals(
    renderDiagnostics([MISFIT], (file) => file === FILE ? EXAMPLE : undefined),
    `error[MPT0203]: the output of fc1 does not fit fc2
   ┌─ mlp.mpt:9:32
 5 │   layer fc1 = Linear(784, 256)
   │                           --- fc1 makes 256 features
 6 │   layer fc2 = Linear(128, 10)
   │                      --- fc2 takes 128
 9 │     return x |> fc1 |> relu |> fc2
   │                                ^^^ given float[N, 256]
   = expected float[N, 128]
   =    found float[N, 256]
help: make fc2 take 256 features:  Linear(256, 10)`,
  );
});

Deno.test("renderDiagnostics: separates by an empty line and colours on demand", () => {
  const sources = new Map([[FILE, EXAMPLE]]);
  const both = renderDiagnostics([MISFIT, MISFIT], sources);
  assertEquals(both.split("\n\n").length, 2);
  const colored = renderDiagnostics([MISFIT], sources, { color: true });
  assert(colored.includes("\x1b["));
  // deno-lint-ignore no-control-regex
  assertEquals(colored.replace(/\x1b\[[0-9;]*m/g, ""), renderDiagnostics([MISFIT], sources));
});

Deno.test("renderDiagnostic: tabs and wide characters keep the marks under their text", () => {
  const tabs = "\tlet\tx = 1";
  assertEquals(fault(tabs, at(tabs, "x")).split("\n").slice(2), [
    " 1 │     let x = 1",
    "   │         ^ here",
  ]);
  const wide = 'let a = "中文é́" + b';
  assertEquals(fault(wide, at(wide, "b")).split("\n").slice(2), [
    ' 1 │ let a = "中文é́" + b',
    "   │                   ^ here",
  ]);
});

Deno.test("renderDiagnostic: a long line is cut around what it is about", () => {
  const text = `const a = [${"1, ".repeat(500)}oops, ${"2, ".repeat(500)}]`;
  const [line, mark] = fault(text, at(text, "oops")).split("\n").slice(2);
  assert(line.length < 140);
  assertEquals(line.indexOf("oops"), mark.indexOf("^^^^"));
  assertEquals([line[5], line.at(-1)], ["…", "…"]);
});

Deno.test("renderDiagnostic: empty spans, several lines and the end of the file", () => {
  const text = "a\nb b\r\nc";
  assertEquals(fault(text, { file: FILE, start: 8, end: 8 }).split("\n").slice(1), [
    "   ┌─ mlp.mpt:3:2",
    " 3 │ c",
    "   │  ^ here",
  ]);
  assertEquals(fault(text, { file: FILE, start: 2, end: 8 }).split("\n").slice(2), [
    " 2 │ b b",
    "   │ ^^^ here",
  ]);
  assertStringIncludes(fault("", { file: FILE, start: 0, end: 0 }), "mlp.mpt:1:1");
  const tall = "\n".repeat(99) + "x";
  assertEquals(fault(tall, at(tall, "x")).split("\n").slice(1), [
    "     ┌─ mlp.mpt:100:1",
    " 100 │ x",
    "     │ ^ here",
  ]);
});

Deno.test("renderDiagnostic: nothing from a program moves the cursor", () => {
  const text = 'let a = "\x1b[2J\u202e" + \x07b';
  const out = fault(text, at(text, "\x07"), "\x1b]0;title\x07", { message: "\x1b[31m", help: "a\nb" });
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\x7f\u202e]/.test(out));
  assertEquals(out.split("\n").length, 5);
});

Deno.test("renderDiagnostic: labels in other files, and files without a text", () => {
  const [a, b] = ["import a\n", "x\ny\n"];
  const diagnostic: Diagnostic = {
    code: "MPT0205",
    severity: "warning",
    message: "two files",
    labels: [
      { span: at(a, "a", 1, "a.mpt"), text: "used here" },
      { span: at(b, "y", 1, "b.mpt"), text: "declared here" },
      { span: { file: "gone.mpt", start: 5, end: 6 }, text: "unseen" },
    ],
  };
  assertEquals(
    renderDiagnostic(diagnostic, new Map([["a.mpt", a], ["b.mpt", b]])),
    `warning[MPT0205]: two files
   ┌─ a.mpt:1:8
 1 │ import a
   │        ^ used here
   ┌─ b.mpt:2:1
 2 │ y
   │ - declared here
   ┌─ gone.mpt`,
  );
});

Deno.test("renderDiagnostic: edits that insert, delete or touch several places show the lines they leave", () => {
  const text = "a\n  x |> f + y\nb";
  const span = at(text, "+");
  const edit = (start: number, end: number, with_: string) => ({
    span: { file: FILE, start, end },
    text: with_,
  });
  const parens = { help: "group", replacements: [edit(4, 4, "("), edit(10, 10, ")")] };
  assertEquals(fault(text, span, "", { edit: parens }).split("\n").slice(-2), [
    "help: group",
    " 2 │   (x |> f) + y",
  ]);
  const gone = { help: "remove it", replacements: [edit(10, 14, "")] };
  assertEquals(fault(text, span, "", { edit: gone }).split("\n").slice(-2), [
    "help: remove it",
    " 2 │   x |> f",
  ]);
});

Deno.test("applyEdit: replaces in any order and leaves other files alone", () => {
  const text = "abcdef";
  const replace = (start: number, end: number, text: string, file = FILE) => ({
    span: { file, start, end },
    text,
  });
  const replacements = [
    replace(4, 5, "E"),
    replace(0, 1, ""),
    replace(2, 2, "1"),
    replace(2, 2, "2"),
    replace(3, 4, "x", "o"),
  ];
  assertEquals(applyEdit(text, { help: "", replacements }, FILE), "b12cdEf");
  assertEquals(applyEdit(text, { help: "", replacements: [replace(0, 3, "x"), replace(2, 4, "y")] }), "xdef");
});

Deno.test("diagnosticToJson: plain data, with lines where the text is known", () => {
  const json = diagnosticToJson(MISFIT, new Map([[FILE, EXAMPLE]]));
  assertEquals(JSON.parse(JSON.stringify(json)), json);
  const { start, end } = MISFIT.labels[0].span;
  assertEquals(json.labels[0], {
    file: FILE,
    start: { offset: start, line: 9, column: 32 },
    end: { offset: end, line: 9, column: 35 },
    text: "given float[N, 256]",
  });
  assertEquals(json.edit?.replacements[0].text, "Linear(256, 10)");
  assertEquals(diagnosticToJson(MISFIT).labels[0].start, { offset: start });
});
