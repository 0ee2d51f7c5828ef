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
    { numRuns: 500 },
  );
});

/** What `before` becomes; `after` stays as it is. */
function becomes(before: string, after: string): void {
  assertEquals(formatted(before), after);
  assertEquals(formatted(after), after);
}

Deno.test("format: blanks, indentation and empty lines", () => {
  becomes(
    `

import {a,b} from "x.mpt"
const   n=2*(3+ - 1)**2


model M(d:int=4){precision{params:f32,"ln*":f16}


layer fc=Linear(d,d , bias:false)*n in f32
param w:f32[d]=zeros

forward(x:float[N,d])->(f32,f32[N]){let (a,b)=x[0,1: ,::2] as f32
return if n==2 then a else if n>3 then b else-a in f32}

}
train M(d:4){batch(x:u8[N,4]) loss=M(x)|>mean}`,
    `import { a, b } from "x.mpt"
const n = 2 * (3 + -1) ** 2

model M(d: int = 4) {
  precision { params: f32, "ln*": f16 }

  layer fc = Linear(d, d, bias: false) * n in f32
  param w: f32[d] = zeros

  forward(x: float[N, d]) -> (f32, f32[N]) {
    let (a, b) = x[0, 1:, ::2] as f32
    return if n == 2 then a else if n > 3 then b else -a in f32
  }
}
train M(d: 4) {
  batch(x: u8[N, 4])
  loss = M(x) |> mean
}
`,
  );
  becomes("model M {\n\n}\n", "model M {}\n");
  becomes("", "");
  becomes("\n// only a comment\n\n", "// only a comment\n");
});

Deno.test("format: a list has an element a line where it is too long or ends in a comma", () => {
  const long = [
    "first_argument",
    "second_argument",
    "third: third_argument",
    "fourth: [fourth, argument, list]",
  ];
  becomes(
    `const a = function_of_many(${long.join(", ")}, five: 5)`,
    `const a = function_of_many(
  first_argument,
  second_argument,
  third: third_argument,
  fourth: [fourth, argument, list],
  five: 5,
)
`,
  );
  becomes("const a = f(1, 2,)", "const a = f(\n  1,\n  2,\n)\n");
  becomes("const a = f(1,\n  2)", "const a = f(1, 2)\n");
});

Deno.test("format: a pipeline keeps the author's rows, or has a stage a line", () => {
  const rows = `fn f(x: float[N, 3]) -> float[N, 3] {
  return x
    |> conv1 |> relu |> pool(2) // one
    |> conv2 |> relu            // two
    |> flatten
    in f32
}
`;
  becomes(rows.replace("    |> flatten\n    in", " |>\nflatten in").replaceAll("    |>", "|>"), rows);
  const stages = [
    "normalise(epsilon: 1e-5)",
    "attend(heads: 8, causal: true)",
    "project",
    "activate",
    "contract",
  ];
  becomes(
    `const y = inputs |> ${stages.join(" |> ")}`,
    `const y = inputs\n${stages.map((s) => `  |> ${s}\n`).join("")}`,
  );
});

Deno.test("format: a long sum breaks at its loosest operators", () => {
  const terms = Array.from({ length: 6 }, (_, i) => `coefficient_${i} * variable_${i}`);
  becomes(`const a = ${terms.join("+")}`, `const a = ${terms.join("\n  + ")}\n`);
});

Deno.test("format: what the author aligned stays aligned, and nothing else is", () => {
  becomes(
    `train M {
  batch(x: f32[N])
  let  x2       = x * 2   // twice
  loss       = mean(x)   // the mean
  metric m = loss // single
  clip       = norm(1)
  accumulate = 4
  ema = decay(0.999)
}
`,
    `train M {
  batch(x: f32[N])
  let x2 = x * 2 // twice
  loss = mean(x) // the mean
  metric m = loss // single
  clip       = norm(1)
  accumulate = 4
  ema = decay(0.999)
}
`,
  );
});

Deno.test("format: comments stay where they are", () => {
  const text = `// the file
/// A model.
model M { // opened
  // first
  layer a = Linear(1, 2) // made here

  /* a block
     of lines */
  layer b = Linear(
    2, // in
    // before out
    3,
    // at the end
  )
  forward(x: f32[N] /* batch */) -> f32 {
    // nothing bound
    return x // the result
      + 1 // and one
    // after all
  }

  // last
}
// end
`;
  becomes(text, text);
});

Deno.test("format: a program with errors comes back as it was", () => {
  const text = "const  a =\n";
  const { text: same, diagnostics } = format({ file: FILE, text });
  assertEquals([same, diagnostics.map((d) => d.code)], [text, ["MPT0101"]]);
});
