/**
 * The language reference's library page, from the tables that the compiler itself goes by.
 *
 *     deno run -A tools/reference.ts > docs/library.md
 *
 * @module
 */
import { HEADS, LATER_FIELDS, LATER_HEADS, type SettingParam } from "../compiler/check/settings_table.ts";
import { INITIALISERS, LAYERS } from "../compiler/layers/index.ts";
import type { Layer } from "../compiler/layers/layer.ts";
import { LIBRARY, OPS } from "../compiler/ops/index.ts";
import { LATER } from "../compiler/ops/later.ts";
import type { LibraryFunction, Param } from "../compiler/ops/library.ts";

/** What each library function that stands for an operator is written as. */
const OPERATORS: Readonly<Record<string, string>> = {
  add: "x + y",
  sub: "x - y",
  mul: "x * y",
  div: "x / y",
  rem: "x % y",
  pow: "x ** y",
  matmul: "x @ y",
  neg: "-x",
  eq: "x == y",
  ne: "x != y",
  lt: "x < y",
  le: "x <= y",
  gt: "x > y",
  ge: "x >= y",
  cast: "x as to",
};

/** The op or library function whose class a layer has. */
const LAYER_CLASS_OF: Readonly<Record<string, string>> = {
  Linear: "linear",
  Embedding: "gather",
  LayerNorm: "layer_norm",
  RMSNorm: "rms_norm",
  Dropout: "dropout",
  MultiHeadAttention: "attention",
};

const INTRODUCTION = `# The library

Generated from the compiler's tables by \`tools/reference.ts\`. Every name of the library stands here with
its signature: \`name\` is required, \`name: value\` has that default, \`name?\` may be left out.

A class says where an operation computes:

- **compute**: operands are cast to the policy's \`compute\`, accumulated in \`accum\`, and the result is \`compute\`.
- **full**: computed in f32, and the result is f32.
- **follow**: the widest floating input.
- **fixed**: the result's dtype does not depend on the policy.
- **composition**: its parts have classes of their own.

A call's own \`in\`, as in \`relu(x) in f32\`, sets where it computes. A note says why a class differs from that of
PyTorch's autocast.
`;

/** The whole page, Markdown. Throws where a layer has no entry in the table of classes. */
export function referencePage(): string {
  const functions = [...LIBRARY.values()].sort(byName);
  const operators = functions.filter((f) => f.name in OPERATORS);
  return [
    INTRODUCTION,
    section("Operators", ["operator", "class", "what it gives"], operators.map(operatorRow)),
    section(
      "Functions and losses",
      ["signature", "class", "what it gives"],
      functions.filter((f) => !(f.name in OPERATORS)).map(functionRow),
    ),
    section(
      "Layers",
      ["signature", "called with", "parameters", "class", "what it gives"],
      [...LAYERS.values()].sort(byName).map((layer) => [
        code(signature(layer.name, layer.params)),
        code(`(${layer.inputs.map(parameter).join(", ")})`),
        weights(layer),
        layerClass(layer.name),
        described({ doc: layer.doc, note: LIBRARY.get(LAYER_CLASS_OF[layer.name])?.note }),
      ]),
    ),
    section(
      "Initialisers",
      ["signature", "first value"],
      [...INITIALISERS.values()].map((i) => [code(signature(i.name, i.params)), i.doc]),
    ),
    ...Object.entries(HEADS).map(([field, heads]) =>
      section(
        `The field \`${field}\``,
        ["signature", "what it is"],
        heads.map((head) => [code(signature(head.name, head.params)), head.doc]),
      )
    ),
    laterSection(),
  ].join("\n");
}

/** The names of the page, layers, functions, initialisers and settings, and of the table of later ones. */
export function referenceNames(): {
  readonly present: ReadonlySet<string>;
  readonly later: ReadonlySet<string>;
} {
  return {
    present: new Set([
      ...LIBRARY.keys(),
      ...LAYERS.keys(),
      ...INITIALISERS.keys(),
      ...Object.values(HEADS).flatMap((heads) => heads.map((head) => head.name)),
    ]),
    later: new Set([...LATER.keys(), ...Object.values(LATER_HEADS).flat(), ...LATER_FIELDS]),
  };
}

/** Trainable tensors of a layer of default arguments, under PyTorch's names; what is required makes it 4 wide. */
function weights(layer: Layer): string {
  const args = layer.params.map((p) => [p.name, isRequired(p) ? (p.type === "sizes" ? [4] : 4) : p.default]);
  return layer.weights(Object.fromEntries(args)).map((w) => code(w.name)).join(", ") || "none";
}

const isRequired = (p: Param) => p.default === undefined && !p.optional;

const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;

function operatorRow(f: LibraryFunction): string[] {
  const written = f.name === "matmul" || f.name === "pow" ? [signature(f.name, f.params)] : [];
  return [[OPERATORS[f.name], ...written].map(code).join(", "), f.class, described(f)];
}

function functionRow(f: LibraryFunction): string[] {
  return [code(signature(f.name, f.params)), f.class, described(f)];
}

const described = (f: Pick<LibraryFunction, "doc" | "note">) =>
  f.note ? `${sentence(f.doc)} *${f.note}*` : f.doc;
const sentence = (text: string) => text.endsWith(".") ? text : `${text}.`;

function layerClass(name: string): string {
  const of = LAYER_CLASS_OF[name];
  const found = LIBRARY.get(of)?.class ?? OPS.get(of)?.class;
  if (found === undefined) throw new Error(`tools/reference.ts knows no class for the layer ${name}`);
  return found;
}

function signature(name: string, params: readonly (Param | SettingParam)[]): string {
  return `${name}(${params.map(parameter).join(", ")})`;
}

function parameter(p: Param | SettingParam): string {
  if ("optional" in p && p.optional || p.default === null) return `${p.name}?`;
  return p.default === undefined ? p.name : `${p.name}: ${value(p.default)}`;
}

/** A default as a program would write it. */
function value(x: unknown): string {
  if (Array.isArray(x)) return `[${x.map(value).join(", ")}]`;
  if (typeof x !== "number") return String(x);
  const power = Math.log2(x);
  if (Number.isInteger(power) && Math.abs(power) >= 14) return `2 ** ${power}`;
  return String(x);
}

function laterSection(): string {
  const rows = [...LATER].map(([name, part]) => [code(name), `comes with ${part}`]);
  for (const [field, names] of Object.entries(LATER_HEADS)) {
    rows.push(...names.map((name) => [code(name), `comes with a later version, for the field \`${field}\``]));
  }
  rows.push(...[...LATER_FIELDS].map((field) => [code(field), "a field that comes with a later version"]));
  const text = "A program that uses one of these names is refused with MPT0390.\n\n";
  return section("Names of later versions", ["name", "when"], rows, text);
}

function section(title: string, head: readonly string[], rows: readonly string[][], text = ""): string {
  const lines = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`);
  return `## ${title}\n\n${text}${lines.join("\n")}\n`;
}

const code = (text: string) => `\`${text}\``;

/** A bar would end the cell, in code as well. */
const cell = (text: string) => text.replaceAll("|", "\\|");

if (import.meta.main) console.log(referencePage().trimEnd());
