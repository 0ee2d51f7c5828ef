import fc from "fast-check";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../tests/assert.ts";
import { mlp, randomLoss } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import { OPS } from "../ops/index.ts";
import { cast, castOp } from "../ops/cast.ts";
import { constNode, inputNode } from "../ops/leaf.ts";
import { autodiff } from "../passes/autodiff.ts";
import { casts } from "../passes/casts.ts";
import { decompose } from "../passes/decompose.ts";
import { Builder } from "./builder.ts";
import type { Graph } from "./graph.ts";
import { nodesOf } from "./graph.ts";
import { GraphSyntaxError, parseGraph } from "./parse.ts";
import { printGraph } from "./print.ts";
import { verify } from "./verify.ts";

/** Everything that two graphs must have in common, by value. */
function facts(graph: Graph): unknown {
  const nodes = nodesOf(graph);
  const at = new Map(nodes.map((n, i) => [n, i]));
  return {
    nodes: nodes.map(({ op, inputs, attrs, type, origin, region }) => ({
      op: op.name,
      inputs: inputs.map((i) => at.get(i)),
      attrs: Object.entries(attrs),
      dtype: type.dtype,
      shape: [...type.shape],
      why: origin.why,
      span: { ...origin.span },
      region: { ...region, span: { ...region?.span } },
    })),
    outputs: graph.outputs.map((o) => [o.kind, o.name, at.get(o.node)]),
  };
}

function assertRoundTrip(graph: Graph, message?: string): void {
  const text = printGraph(graph);
  const back = parseGraph(text, OPS);
  assertEquals(facts(back), facts(graph), message);
  assertEquals(printGraph(back), text, message);
  assertEquals(verify(back), [], message);
}

for (const seed of seeds(40)) {
  Deno.test(`parse: random graph ${seed} comes back as it was, with regions, casts and gradients`, () => {
    const graph = randomLoss(new Random(seed));
    assertRoundTrip(graph);
    assertRoundTrip(autodiff.run(casts.run(graph)));
    assertRoundTrip(decompose.run(autodiff.run(casts.run(graph))));
  });
}

/** One node carrying these texts and numbers. */
function carrying(
  options: { name?: string; why?: string; file?: string; value?: number; output?: string },
): Graph {
  const origin = {
    why: options.why ?? "",
    ...(options.file === undefined ? {} : { span: { file: options.file, start: 3, end: 17 } }),
  };
  const b = new Builder(origin);
  const x = inputNode(b, options.name ?? "x", "f32", [2, 3]);
  const c = constNode(b.at({ why: "" }), options.value ?? 1);
  return {
    outputs: [
      { kind: "result", name: options.output ?? "y", node: cast(b, x, "f16") },
      { kind: "state", name: "c", node: c },
    ],
  };
}

const NUMBERS = [0, -0, 1, -1.5, 1e-45, 5e-324, 1e21, 1.7976931348623157e308, Infinity, -Infinity, NaN, 0.1];
for (const value of NUMBERS) {
  Deno.test(`parse: the constant ${Object.is(value, -0) ? "-0" : value} comes back`, () => {
    const graph = carrying({ value });
    const back = parseGraph(printGraph(graph), OPS);
    const found = nodesOf(back).find((n) => n.op.name === "const")!.attrs.value;
    assert(Object.is(found, value), `${found}`);
  });
}

for (
  const name of [
    "NaN_count",
    "Infinity2",
    "NaN.x",
    "true.x",
    "falsehood",
    "in",
    "a b",
    'q"uo\\te',
    "%3",
    "-1",
  ]
) {
  Deno.test(`parse: the name ${name} comes back`, () => {
    assertRoundTrip(carrying({ name, output: name }));
  });
}

for (const file of ["a.mpt", "my model.mpt", "/tmp/a b/c@d.mpt", "C:\\x:y\\m.mpt", "模型.mpt"]) {
  Deno.test(`parse: a span in ${file} comes back`, () => {
    assertRoundTrip(carrying({ file, why: "as float" }));
    assertRoundTrip(carrying({ file, why: "" }));
    assertRoundTrip(carrying({ file, why: "at @ home" }));
  });
}

Deno.test("parse: any name, reason, file and number come back", () => {
  const text = fc.string({
    maxLength: 12,
    unit: fc.oneof(fc.constantFrom(...'\n\r\u2028 @"\\:/'), fc.string({ maxLength: 2, unit: "binary" })),
  });
  fc.assert(
    fc.property(
      text,
      text,
      text,
      fc.option(text, { nil: undefined }),
      fc.double(),
      (name, output, why, file, value) => assertRoundTrip(carrying({ name, output, why, file, value })),
    ),
    { numRuns: 300 },
  );
});

const TEXT = printGraph(casts.run(mlp()));

/** The text with one line changed, and where. */
function damaged(find: RegExp, replace: string): { text: string; line: number } {
  const lines = TEXT.split("\n");
  const index = lines.findIndex((l) => find.test(l));
  assert(index >= 0, `no line matches ${find}`);
  lines[index] = lines[index].replace(find, replace);
  return { text: lines.join("\n"), line: index + 1 };
}

for (
  const [fault, find, replace, message] of [
    ["a type that the rule does not give", /f16(\[.*= cast)/, "bf16$1", "is f16"],
    ["an op that does not exist", /= relu\(/, "= rleu(", "there is no op rleu"],
    ["a use before the definition", /relu\(%\d+\)/, "relu(%999)", "%999 is used before it is defined"],
    ["a line that is neither", /^ {2}result loss.*/, "  loss: %3", "neither a node nor an output"],
    ["an attribute without a name", /\{slot: /, "{: ", "expected an attribute"],
    ["an attribute without a value", /\{to: f16\}/, "{to: }", "expected a value"],
  ] as const
) {
  Deno.test(`parse: ${fault} is refused, with its line`, () => {
    const { text, line } = damaged(find, replace);
    const error = assertThrows(() => parseGraph(text, OPS), GraphSyntaxError, message);
    assertStringIncludes(error.message, `line ${line}:`);
  });
}

Deno.test("parse: an unclosed attribute list ends", () => {
  for (const tail of ["{to: ", "{to: f16", "{shape: [2, ", "{", '{name: "abc']) {
    assertThrows(() => parseGraph(`  %0: f32[2] = input ${tail}`, OPS), GraphSyntaxError);
  }
});

Deno.test("print: a node shared by two users stands once", () => {
  const b = new Builder();
  const x = inputNode(b, "x", "f32", [2]);
  const y = b.node(OPS.get("mul")!, [x, x]);
  const graph: Graph = { outputs: [{ kind: "result", name: "y", node: b.node(OPS.get("add")!, [y, y]) }] };
  assertEquals(printGraph(graph).match(/= mul/g)?.length, 1);
  assertRoundTrip(graph);
});

Deno.test("print: without origins the lines end where the node does", () => {
  const text = printGraph(carrying({ why: "secret reason", file: "a.mpt" }), { origins: false });
  assert(!/secret|a\.mpt|\/\//.test(text), text);
  assertEquals(nodesOf(parseGraph(text, OPS)).filter((n) => n.op === castOp).length, 1);
});
