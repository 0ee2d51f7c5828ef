import { assert, assertEquals, assertStrictEquals, assertThrows } from "../../tests/assert.ts";
import { randomLoss } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import { relu } from "../ops/activation.ts";
import { addOp, mulOp, negOp } from "../ops/arithmetic.ts";
import { inputNode } from "../ops/leaf.ts";
import { Builder } from "./builder.ts";
import type { Graph, Node } from "./graph.ts";
import { mapGraph, nodesOf, same, topological, usersOf } from "./graph.ts";
import type { Rule } from "./rewrite.ts";
import { rewrite, transform } from "./rewrite.ts";

const b = new Builder({ why: "test" });
const x = inputNode(b, "x", "f32", [2]), y = inputNode(b, "y", "f32", [2]);
const out = (...nodes: Node[]): Graph => ({
  outputs: nodes.map((node, i) => ({ kind: "result", name: `r${i}`, node })),
});
const names = (graph: Graph) => nodesOf(graph).map((n) => n.op.name).join(" ");

const doubleNeg: Rule = {
  algebra: "−(−x) → x",
  apply: (n) => n.op === negOp && n.inputs[0].op === negOp ? n.inputs[0].inputs[0] : undefined,
};
const addSame: Rule = {
  algebra: "x + x → x·x, for the sake of the test",
  apply: (n, b) => n.op === addOp && n.inputs[0] === n.inputs[1] ? b.node(mulOp, n.inputs) : undefined,
};

Deno.test("rewrite: applies from the leaves up until nothing applies", () => {
  const neg = (n: Node): Node => b.node(negOp, [n]);
  const four = neg(neg(neg(neg(x))));
  assertStrictEquals(rewrite("t", [doubleNeg]).run(out(four)).outputs[0].node, x);
  assertEquals(names(rewrite("t", [doubleNeg]).run(out(neg(four)))), "input neg");
  // The inner rewrite is what makes the outer one apply.
  const nested = b.node(addOp, [four, x]);
  assertEquals(names(rewrite("t", [doubleNeg, addSame]).run(out(nested))), "input mul");
});

Deno.test("rewrite: leaves what no rule names as it was, the same objects", () => {
  const graph = out(b.node(addOp, [b.node(negOp, [x]), y]), b.node(relu.op, [x]));
  const after = rewrite("t", [doubleNeg, addSame]).run(graph);
  after.outputs.forEach((o, i) => assertStrictEquals(o.node, graph.outputs[i].node));
});

Deno.test("rewrite: a shared node is rewritten once and stays shared", () => {
  let applied = 0;
  const counting: Rule = {
    algebra: "",
    apply: (n, b) => (addSame.apply(n, b) ? applied++ : 0, addSame.apply(n, b)),
  };
  const shared = b.node(addOp, [x, x]);
  const after = rewrite("t", [counting]).run(out(b.node(negOp, [shared]), b.node(relu.op, [shared])));
  assertEquals(applied, 1);
  assertStrictEquals(after.outputs[0].node.inputs[0], after.outputs[1].node.inputs[0]);
});

Deno.test("rewrite: new nodes keep the origin of those they replace", () => {
  const origin = { why: "here", span: { file: "m.mpt", start: 1, end: 2 } };
  const sum = b.at(origin).node(addOp, [x, x]);
  assertEquals(rewrite("t", [addSame]).run(out(sum)).outputs[0].node.origin, origin);
});

Deno.test("rewrite: two rules that undo each other are a fault of the compiler, not a hang", () => {
  const back: Rule = { algebra: "", apply: (n, b) => n.op === mulOp ? b.node(addOp, n.inputs) : undefined };
  assertThrows(() => rewrite("loop", [addSame, back]).run(out(b.node(addOp, [x, x]))), Error, "loop");
});

Deno.test("rewrite: outputs keep their kinds, names and order", () => {
  const four = b.node(negOp, [b.node(negOp, [x])]);
  const graph: Graph = {
    outputs: [
      { kind: "state", name: "s", node: four },
      { kind: "result", name: "a", node: y },
      { kind: "grad", name: "p", node: four },
    ],
  };
  const after = rewrite("t", [doubleNeg]).run(graph);
  assertEquals(after.outputs.map((o) => `${o.kind} ${o.name}`), ["state s", "result a", "grad p"]);
  assertStrictEquals(after.outputs[0].node, x);
});

Deno.test("transform: a pass is its name and its function", () => {
  const pass = transform("gone", () => ({ outputs: [] }));
  assertEquals([pass.name, pass.run(out(x)).outputs.length], ["gone", 0]);
});

for (const seed of seeds(10)) {
  Deno.test(`graph: inputs come first, each node once, users counted by use (random graph ${seed})`, () => {
    const graph = randomLoss(new Random(seed));
    const nodes = nodesOf(graph);
    const at = new Map(nodes.map((n, i) => [n, i]));
    assertEquals(at.size, nodes.length);
    for (const n of nodes) for (const i of n.inputs) assert(at.get(i)! < at.get(n)!);
    const users = usersOf(nodes);
    const uses = nodes.reduce((sum, n) => sum + n.inputs.length, 0);
    assertEquals([...users.values()].reduce((sum, u) => sum + u.length, 0), uses);
    const copy = mapGraph(graph, (n, inputs) => same(n, inputs));
    copy.outputs.forEach((o, i) => assertStrictEquals(o.node, graph.outputs[i].node));
  });
}

Deno.test("graph: a chain of 100,000 nodes is ordered without recursion", () => {
  let n: Node = x;
  for (let i = 0; i < 100_000; i++) n = b.node(negOp, [n]);
  assertEquals(topological([n]).length, 100_001);
  assertEquals(nodesOf(rewrite("t", [doubleNeg]).run(out(n))).length, 1);
});
