import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { assert, assertEquals } from "../../tests/assert.ts";
import { DiagnosticError } from "../core/diagnostic.ts";
import { applyEdit, renderDiagnostics } from "../core/render_diagnostic.ts";
import { verify } from "../ir/verify.ts";
import { lower } from "../lower/lower.ts";
import { check } from "./check.ts";
import { PAGES } from "./explain.ts";

/**
 * Whatever a program holds, checking ends soon, throws nothing and says something that can be shown; and what passes
 * the checker is a valid graph at any sizes that fit it.
 */

const ERRORS = new URL("../../tests/errors/", import.meta.url);
const CORPUS: readonly string[] = [
  ...PAGES.flatMap((p) => p.good && p.bad ? [p.good.text, p.bad.text] : []).filter((t) => t.length < 2000),
  ...readdirSync(fileURLToPath(ERRORS)).filter((n) =>
    n.endsWith(".mpt") && !/exponential|many_layers/.test(n)
  )
    .map((n) => readFileSync(fileURLToPath(new URL(n, ERRORS)), "utf8")),
];

const TOKEN = /"[^"\n]*"|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:e-?\d+)?|\|>|->|\*\*|[=!<>]=|\S|\s+/g;
const tokensOf = (text: string) => text.match(TOKEN) ?? [];
const WORDS: readonly string[] = [
  ..."model fn train layer param forward precision policy const let return if then else in as true false"
    .split(" "),
  ..."Linear Embedding LayerNorm Dropout relu softmax mean split reshape attention checkpoint zeros loss"
    .split(" "),
  ..."N T x y M 0 1 2 3 -1 7 1000000 0.5 1e9 f32 f16 bf16 i32 float int auto f8 mixed_f16 ** * / % @ + - == |>"
    .split(" "),
  ...'( ) [ ] { } , : . = -> "a.*" "**"'.split(" "),
];

interface Mutation {
  readonly kind: "alike" | "drop" | "double" | "replace" | "swap" | "borrow" | "move";
  readonly at: number;
  readonly to: number;
  readonly word: number;
}

const RESERVED =
  /^(?:model|fn|train|layer|param|forward|precision|policy|const|let|return|if|then|else|in|as|true|false|batch|import|from|metric)$/;
const kindOf = (t: string) =>
  /^[A-Za-z_]/.test(t)
    ? RESERVED.test(t) ? t : "name"
    : /^\d/.test(t)
    ? "number"
    : /^[-+*\/%]$/.test(t)
    ? "operator"
    : "sign";

function mutate(tokens: string[], m: Mutation, other: readonly string[]): void {
  if (tokens.length === 0) return;
  const i = m.at % tokens.length;
  const j = m.to % tokens.length;
  switch (m.kind) {
    case "alike": {
      // A name for a name, a number for a number: the parser has nothing to say.
      const kind = kindOf(tokens[i]);
      const like = other.filter((t) => kindOf(t) === kind);
      if (like.length > 0 && kind !== "sign") tokens[i] = like[m.to % like.length];
      break;
    }
    case "drop":
      tokens.splice(i, 1 + m.word % 3);
      break;
    case "double":
      tokens.splice(i, 0, ...tokens.slice(i, i + 1 + m.word % 12));
      break;
    case "replace":
      tokens[i] = WORDS[m.word % WORDS.length];
      break;
    case "swap":
      [tokens[i], tokens[j]] = [tokens[j], tokens[i]];
      break;
    case "borrow":
      if (other.length > 0) tokens[i] = other[m.to % other.length];
      break;
    case "move":
      tokens.splice(j, 0, ...tokens.splice(i, 1 + m.word % 20));
      break;
  }
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(
    "alike",
    "alike",
    "alike",
    "alike",
    "alike",
    "alike",
    "drop",
    "double",
    "replace",
    "swap",
    "borrow",
    "move",
  ),
  at: fc.nat(),
  to: fc.nat(),
  word: fc.nat(),
});

/** Checks a text, and what the check says about it. */
function examine(text: string): void {
  const files: Record<string, string> = { "block.mpt": CORPUS[0], "test.mpt": text };
  const start = performance.now();
  const { program, diagnostics } = check(
    { file: "test.mpt", text },
    (path) => files[path] === undefined ? undefined : { file: path, text: files[path] },
  );
  assert(performance.now() - start < 5000, "checking takes too long");
  renderDiagnostics(diagnostics, new Map(Object.entries(files)));
  for (const d of diagnostics) {
    for (const { span } of d.labels) {
      const length = files[span.file]?.length ?? 0;
      assert(
        0 <= span.start && span.start <= span.end && span.end <= length,
        `${d.code} points outside: ${JSON.stringify(span)}`,
      );
    }
    assert(d.code !== "MPT0505", d.message);
    assert(/^MPT0\d{3}$/.test(d.code) && d.message !== "" && !d.message.endsWith("."), d.message);
    assert(!/undefined|NaN|\[object/.test(`${d.message} ${d.expected ?? ""} ${d.help ?? ""}`), d.message);
    if (d.edit) applyEdit(text, d.edit, "test.mpt");
  }
  if (!program) return;
  const dims = Object.fromEntries([..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].map((n, i) => [n, 2 + i % 3]));
  for (const entry of program.train ? ["train", "predict_batch", "predict"] as const : ["predict"] as const) {
    try {
      assertEquals(verify(lower(program, { entry, dims })), []);
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
    }
  }
}

Deno.test("check: mutated programs end in diagnostics or in a valid graph", () => {
  const texts = fc.nat({ max: CORPUS.length - 1 });
  fc.assert(
    fc.property(texts, texts, fc.array(mutation, { minLength: 1, maxLength: 8 }), (a, b, mutations) => {
      const tokens: string[] = [...tokensOf(CORPUS[a])];
      for (const m of mutations) mutate(tokens, m, tokensOf(CORPUS[b]));
      examine(tokens.join(""));
    }),
    { numRuns: Number(Deno.env.get("MPT_FUZZ") ?? 400) },
  );
});

Deno.test("check: a nameless model that a nameless step of a pipeline calls", () => {
  const lines = ["forward(x: float[N, 3]) -> float[N, 3] {", "  let z = x |>", "  return x", "}"];
  examine(["", "model{Block(dim: int) {", ...lines.map((l) => `  ${l}`), "}", ""].join("\n"));
});

Deno.test("check: a second result of a block, both without `return`, at the end of the text", () => {
  examine("model M {\n  forward(x: float[N, 4]) -> float[N, 4] {\n    softmax(x)\n  N\n}");
});

Deno.test("check: words in any order end in diagnostics", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 120 }), (words) => examine(words.join(" "))),
    { numRuns: 200 },
  );
});
