import { readFileSync } from "node:fs";
import { assert, assertEquals } from "../../tests/assert.ts";
import { golden } from "../../tests/golden.ts";
import type { Expr, File } from "./ast.ts";
import { dump, expr } from "./dump.ts";
import { format } from "./format.ts";
import { Grammar } from "./grammar.ts";
import { DECLARATION_WORDS, FIELD_WORDS, ITEM_WORDS, TRAIN_WORDS } from "./tokens.ts";
import { MAX_SOURCE, MAX_TOKENS, parse } from "./parse.ts";

const WORDS = [
  ...DECLARATION_WORDS.keys(),
  ...ITEM_WORDS.keys(),
  ...TRAIN_WORDS.keys(),
  ...FIELD_WORDS,
  "from",
  "f32",
  "params",
];
const EXAMPLES = ["mnist/mlp", "cifar/lenet", "gpt/gpt", "gpt/hybrid"];

function parsed(text: string): File {
  const { file, diagnostics } = parse({ file: "test.mpt", text });
  assertEquals(diagnostics, [], text);
  return file;
}

function codes(text: string): string[] {
  return parse({ file: "test.mpt", text }).diagnostics.map((d) => d.code);
}

/** The tree of an expression, as text. */
function tree(text: string): string {
  const [decl] = parsed(`const it = ${text}`).decls;
  assert(decl.kind === "const");
  return expr(decl.value);
}

for (const name of EXAMPLES) {
  const text = readFileSync(new URL(`../../examples/${name}.mpt`, import.meta.url), "utf8");

  Deno.test(`parse: ${name}.mpt`, () => {
    golden(`ast/${name.split("/")[1]}.txt`, dump(parsed(text)));
  });

  Deno.test(`format: ${name}.mpt is formatted`, () => {
    assertEquals(format({ file: name, text }).text, text);
  });
}

Deno.test("grammar: passes the parser generator's own validation", () => {
  new Grammar({ skipValidations: false });
});

Deno.test("parse: precedence and associativity", () => {
  assertEquals(tree("a + b * c - d"), "(- (+ a (* b c)) d)");
  assertEquals(tree("a / b % c @ d"), "(@ (% (/ a b) c) d)");
  assertEquals(tree("-a ** -b ** c"), "(- (** a (- (** b c))))");
  assertEquals(tree("a * -b"), "(* a (- b))");
  assertEquals(tree("- - a"), "(- (- a))");
  assertEquals(tree("a as f32 ** 2"), "(** (as a f32) 2)");
  assertEquals(tree("-a as float / 255"), "(/ (- (as a float)) 255)");
  assertEquals(tree("a + b == c * d"), "(== (+ a b) (* c d))");
  assertEquals(tree("a + b |> f |> g(c, axis: 1)"), "(|> (|> (+ a b) f) g(c, axis: 1))");
  assertEquals(tree("x |> blocks[0].up"), "(|> x blocks[0].up)");
  assertEquals(tree("x |> f in f16"), "(in (|> x f) f16)");
  assertEquals(tree("if a then b in f16 else c |> f in f32"), "(in (if a (in b f16) (|> c f)) f32)");
  assertEquals(tree("if a then b else if c then d else e"), "(if a b (if c d e))");
  assertEquals(tree("if if a then b else c then d else e"), "(if (if a b c) d e)");
  assertEquals(tree("(a, (b), [c, d,],)"), "(tuple a b [c, d])");
  assertEquals(tree("f(a)(b)[c].d"), "f(a)(b)[c].d");
});

Deno.test("parse: indices and slices", () => {
  assertEquals(tree("x[1, 2:3, :, ::2, a + 1:b:c, :-1]"), "x[1, 2:3, :, ::2, (+ a 1):b:c, :(- 1)]");
  assertEquals(codes("const a = x[::]"), ["MPT0101"]);
  assertEquals(codes("const a = x[]"), ["MPT0101"]);
});

Deno.test("parse: numbers and strings", () => {
  assertEquals(tree("[1, 1.0, 1e-3, 2.5E+3]"), "[1, 1.0, 0.001, 2500.0]");
  assertEquals(tree(String.raw`"a\"\\\n\u{1F600}//"`), JSON.stringify('a"\\\n😀//'));
  const [decl] = parsed("const it = 2").decls;
  assert(decl.kind === "const" && decl.value.kind === "number");
  assertEquals([decl.value.isInt, decl.value.span], [true, { file: "test.mpt", start: 11, end: 12 }]);
});

Deno.test("parse: every word but the reserved ones is a name away from its position", () => {
  for (const word of WORDS) {
    const text = `const ${word} = ${word} |> ${word}.${word}(${word}: ${word} as ${word}) in ${word}
import { ${word} } from "x"
policy ${word} { params: ${word} }
fn ${word}(${word}: ${word}[${word}]) -> ${word} {
  let ${word} = ${word}
  return ${word}
}
model ${word}(${word}: int = ${word}) {
  precision ${word}
  layer ${word} = ${word}(${word}: ${word}) * ${word} in ${word}
  param ${word}: ${word}[${word}] = ${word}
  forward(${word}: ${word}) -> ${word} {
    return ${word} in ${word}
  }
}
train ${word}(${word}: ${word}) {
  batch(${word}: ${word})
  let ${word} = ${word} in ${word}
  metric ${word} = ${word}
  loss = ${word}(${word})
  clip = ${word} in ${word}
}
`;
    const file = parsed(text);
    assertEquals(file.decls.length, 6, word);
    // Without a line break, and with one at every place.
    assertEquals(dump(parsed(text.replaceAll("\n", " "))), dump(file), word);
    assertEquals(dump(parsed(text.replaceAll(" ", "\n"))), dump(file), word);
  }
});

Deno.test("parse: an identifier directly followed by `=` is never an operand", () => {
  const text = (loss: string) => `train M {\n  batch(x: f32)\n  loss = ${loss}\n  clip = norm(1)\n}`;
  assertEquals(codes(text("x -")), ["MPT0101"]);
  assertEquals(codes(text("f(")), ["MPT0102"]);
  const { file } = parse({ file: "test.mpt", text: text("x -") });
  assert(file.decls[0].kind === "train");
  assertEquals(file.decls[0].fields.map((f) => f.kind === "field" && f.name.text), ["loss", "clip"]);
});

Deno.test("parse: `///` lines belong to the declaration or item after them", () => {
  const file = parsed(`/// A model.
///   Indented.
//// no doc
model M { // no doc
  /// The layer.

  layer a = Linear(1, 2) /// The next one.
  layer b = Linear(1, 2)
}
/// Nothing follows.
`);
  const [model] = file.decls;
  assert(model.kind === "model");
  assertEquals([model.doc, ...model.items.map((i) => i.doc)], [
    "A model.\n  Indented.",
    "The layer.",
    "The next one.",
  ]);
});

Deno.test("parse: spans cover what they name", () => {
  const text = "fn f(x: f32[N, 2 * k]) -> (f32, f32) {\n  let (a, b) = x |> g(-1)\n  return (a, b) in f16\n}";
  const [f] = parsed(text).decls;
  assert(f.kind === "fn");
  const at = ({ span }: { span: { start: number; end: number } }) => text.slice(span.start, span.end);
  assertEquals(at(f), text);
  assertEquals([at(f.params[0]), at(f.params[0].type), at(f.result)], [
    "x: f32[N, 2 * k]",
    "f32[N, 2 * k]",
    "(f32, f32)",
  ]);
  assertEquals([f.body.lets[0], f.body.lets[0].pattern, f.body.lets[0].value].map(at), [
    "let (a, b) = x |> g(-1)",
    "(a, b)",
    "x |> g(-1)",
  ]);
  assertEquals(at(f.body.result), "(a, b) in f16");
});

Deno.test("parse: lists may end in a comma, all but a parenthesis around one thing", () => {
  parsed(`import { a, } from "x"
policy p { params: f32, }
fn f(x: f32[N, 2,], y: (f32, f32,),) -> f32 {
  let (a, b,) = g(x, k: 1,)
  return h([a, b,], (a, b,), x[0, 1,],)
}
model M(a: int,) { layer b = C(a,) }
`);
  assertEquals(codes("const a = (1,)"), ["MPT0119"]);
  assertEquals(codes("const a = f(,)"), ["MPT0101"]);
  assertEquals(codes("const a = [1,,2]"), ["MPT0101"]);
});

Deno.test("parse: nesting is limited to 100 levels in every form", () => {
  const forms: Record<string, (n: number) => string> = {
    parentheses: (n) => `const a = ${"(".repeat(n)}1${")".repeat(n)}`,
    lists: (n) => `const a = ${"[".repeat(n)}1${"]".repeat(n)}`,
    calls: (n) => `const a = ${"f(".repeat(n)}1${")".repeat(n)}`,
    "named arguments": (n) => `const a = ${"f(k: ".repeat(n)}1${")".repeat(n)}`,
    indices: (n) => `const a = ${"x[".repeat(n)}1${"]".repeat(n)}`,
    stages: (n) => `const a = ${"x |> f(".repeat(n)}1${")".repeat(n)}`,
    signs: (n) => `const a = ${"- ".repeat(n)}1`,
    powers: (n) => `const a = 1${" ** 1".repeat(n)}`,
    casts: (n) => `const a = 1${" as f32".repeat(n)}`,
    "if chains": (n) => `const a = ${"if a then b else ".repeat(n)}c`,
    "ifs in conditions": (n) => `const a = ${"if ".repeat(n)}a${" then b else c".repeat(n)}`,
    "ifs in branches": (n) => `const a = ${"if a then ".repeat(n)}b${" else c".repeat(n)}`,
    types: (n) => `fn f(x: ${"(".repeat(n)}f32${")".repeat(n)}) -> f32 { return x }`,
    patterns: (n) => `fn f(x: f32) -> f32 { let ${"(".repeat(n)}y${")".repeat(n)} = x return y }`,
  };
  for (const [form, make] of Object.entries(forms)) {
    assertEquals(codes(make(100)), [], form);
    for (const n of [101, 150, 5000]) assertEquals(codes(make(n)), ["MPT0110"], `${n} ${form}`);
  }
});

Deno.test("parse: long chains are refused before they are too tall to walk", () => {
  const long = parse({ file: "test.mpt", text: "const a = x" + " |> f".repeat(400) });
  assertEquals(long.diagnostics, []);
  assertEquals(codes("const a = 1" + " + 1".repeat(10_000)), ["MPT0111"]);
  assertEquals(codes("const a = x" + " |> f".repeat(10_000)), ["MPT0111"]);
  assertEquals(codes("const a = x" + ".y".repeat(10_000)), ["MPT0111"]);
  assertEquals(codes(" ".repeat(MAX_SOURCE + 1)), ["MPT0111"]);
  assertEquals(codes("a ".repeat(MAX_TOKENS + 1)), ["MPT0111"]);
});

Deno.test("parse: a hole is an error expression or an empty name, and the rest is there", () => {
  const { file, diagnostics } = parse({
    file: "test.mpt",
    text: `model M(a: int, b: ) {
  layer = Linear(1, 2)
  layer fc = Linear(a, ) in
  forward(x: f32[N, ]) -> f32[] {
    let y = x +
    let (z, ) = fc()
    return y.
  }
}
const c =
const d = 1`,
  });
  assert(diagnostics.length >= 7);
  assertEquals(
    dump(file).split("\n").map((l) => l.trim()).filter((l) => /^(?:model|layer|let|return|const)/.test(l)),
    [
      "model M (a: int, b: <missing>)",
      "layer <missing> Linear(1, 2)",
      "layer fc Linear(a) in <missing>",
      "let y (+ x <error>)",
      "let z fc()",
      "return y.<missing>",
      "const c <error>",
      "const d 1",
    ],
  );
});

Deno.test("parse: one fault is one diagnostic", () => {
  const good = `model M(d: int) {
  layer fc = Linear(d, d)
  forward(x: float[N, d]) -> float[N, d] {
    let y = fc(x) + 1
    return y |> relu
  }
}
const k = 1
`;
  parsed(good);
  const faults: [string, string][] = [
    ["d: int", "d int"],
    ["{\n  layer", "\n  layer"],
    ["layer fc", "layer"],
    ["= Linear", "Linear"],
    ["Linear(", "Linear"],
    ["(d, d)", "(d d)"],
    ["(d, d)", "(d, d"],
    ["[N, d]) ->", "[N, d) ->"],
    ["->", ""],
    ["-> float[N, d] {", "-> float[N, d]"],
    ["let y", "y"],
    ["+ 1", "+"],
    ["+ 1", "+ + 1"],
    ["return", ""],
    ["|> relu", "|>"],
    ["|> relu", "relu"],
    ["  }\n}", "}"],
    ["  }\n}", "  }\n}\n}"],
    ["const k", "konst k"],
    ["const k", "k"],
  ];
  for (const [from, to] of faults) {
    const text = good.replace(from, to);
    assert(text !== good);
    assertEquals(codes(text).length, 1, text);
  }
});

Deno.test("parse: a deep tree can be walked by recursion", () => {
  const text = "const a = " + "(".repeat(99) + "x" + " + y)".repeat(99) + " |> f".repeat(390);
  const [decl] = parsed(text).decls;
  assert(decl.kind === "const");
  const height = (e: Expr): number =>
    e.kind === "pipe" ? 1 + height(e.value) : e.kind === "binary" ? 1 + height(e.left) : 1;
  assertEquals(height(decl.value), 490);
});
