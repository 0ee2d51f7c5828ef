import { assert, assertEquals, assertMatch } from "../../tests/assert.ts";
import type { DType } from "../core/dtype.ts";
import { linear, mlp, randomLoss, region } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import { addOp } from "../ops/arithmetic.ts";
import { OPS } from "../ops/index.ts";
import { inputNode, stateNode } from "../ops/leaf.ts";
import { matmulOp } from "../ops/matmul.ts";
import { relu } from "../ops/activation.ts";
import { casts } from "../passes/casts.ts";
import { Builder } from "./builder.ts";
import type { Graph, Node, Output } from "./graph.ts";
import { mapGraph, nodesOf } from "./graph.ts";
import { same } from "./graph.ts";
import { Sound, verify } from "./verify.ts";

const result = (node: Node, name = "y"): Output => ({ kind: "result", name, node });

/** The graph with what `find` holds for replaced by `change` of it, types and all, by hand. */
function plant(graph: Graph, find: (n: Node) => boolean, change: (n: Node) => Partial<Node>): Graph {
  assert(nodesOf(graph).some(find), "there is nothing to plant the fault in");
  return mapGraph(graph, (node, inputs) => {
    const at = same(node, inputs);
    return find(node) ? { ...at, ...change(at) } : at;
  });
}

for (const seed of seeds(30)) {
  Deno.test(`verify: random graph ${seed} is valid, and explicit once its casts are made`, () => {
    const graph = randomLoss(new Random(seed));
    assertEquals(verify(graph), []);
    assert(verify(graph, { explicit: true }).length > 0, "nodes depend on their regions before casts");
    assertEquals(verify(casts.run(graph), { explicit: true }), []);
  });
}

const lowered = () => casts.run(mlp());

for (
  const [fault, find, change, message] of [
    [
      "a shape that is not the rule's",
      "relu",
      (n) => ({ type: { ...n.type, shape: [4, 6] } }),
      /gives f16\[4, 5\]/,
    ],
    ["a dtype that is not the rule's", "linear", (n) => ({ type: { ...n.type, dtype: "bf16" } }), /gives f/],
    ["operands of two dtypes", "linear", (n) => ({
      inputs: [inputNode(new Builder(), "z", "bf16", n.inputs[0].type.shape), ...n.inputs.slice(1)],
    }), /linear takes floats of one dtype/],
    ["an operand of another shape", "div", (n) => ({
      inputs: [n.inputs[0], inputNode(new Builder(), "z", "f16", [6, 4])],
    }), /the operands of div differ/],
    [
      "an operand too many",
      "relu",
      (n) => ({ inputs: [n.inputs[0], n.inputs[0]] }),
      /relu takes 1 operands, not 2/,
    ],
    ["attributes that do not fit", "argmax", () => ({ attrs: { axes: [7] } }), /axes|axis|gives/],
    ["a cast to nothing", "cast", () => ({ attrs: { to: "f32" } }), /gives f32/],
  ] as [string, string, (n: Node) => Partial<Node>, RegExp][]
) {
  Deno.test(`verify: finds ${fault}`, () => {
    const graph = lowered();
    assertEquals(verify(graph), []);
    const faults = verify(plant(graph, (n) => n.op.name === find, change));
    assert(faults.length > 0, "nothing was found");
    assertMatch(faults.join("\n"), message);
  });
}

Deno.test("verify: finds an uncast operand only where casts must be explicit", () => {
  const b = new Builder({ why: "" }, region("f16"));
  const graph: Graph = { outputs: [result(linear(b, inputNode(b, "x", "f32", [3, 4]), "fc", 2))] };
  assertEquals(verify(graph), []);
  assertMatch(verify(graph, { explicit: true }).join("\n"), /depends on its region/);
});

Deno.test("verify: finds two outputs of one name, and allows one name for two kinds", () => {
  const b = new Builder();
  const x = inputNode(b, "x", "f32", [2]);
  assertEquals(verify({ outputs: [result(x), { kind: "state", name: "y", node: x }] }), []);
  assertMatch(verify({ outputs: [result(x), result(x)] }).join(), /two outputs are called result y/);
});

Deno.test("verify: finds a slot of two types, read or written", () => {
  const b = new Builder();
  const small = stateNode(b, "s", "f32", [2]), large = stateNode(b, "s", "f32", [3]);
  assertMatch(verify({ outputs: [result(small), result(large, "z")] }).join(), /slot s has two types/);
  const narrow = b.node(relu.op, [inputNode(b, "x", "f16", [2])]);
  const graph: Graph = { outputs: [result(small), { kind: "state", name: "s", node: narrow }] };
  assertMatch(verify(graph).join(), /state s is f32\[2\] and is given f16\[2\]/);
});

Deno.test("verify: finds an input of two types", () => {
  const b = new Builder();
  const small = inputNode(b, "x", "f32", [2]), large = inputNode(b, "x", "f32", [3]);
  assertMatch(verify({ outputs: [result(small), result(large, "z")] }).join(), /input x has two types/);
});

Deno.test("verify: reports every fault of a graph", () => {
  const b = new Builder();
  const x = inputNode(b, "x", "f32", [2, 3]);
  const bad = (node: Node): Node => ({ ...node, type: { dtype: "f32", shape: [9] } });
  const sum = bad(b.node(addOp, [x, x])),
    product = bad(b.node(matmulOp, [x, inputNode(b, "y", "f32", [3, 2])]));
  assertEquals(verify({ outputs: [result(sum, "a"), result(product, "b")] }).length, 2);
});

Deno.test("what was found right is found wrong where any of it changes", () => {
  const b = new Builder();
  const leaf = (dtype: DType, shape: number[]) => inputNode(b, `${dtype}${shape}`, dtype, shape);
  const [x, y] = [leaf("f32", [2, 3]), leaf("f32", [2, 3])];
  const sum = b.node(addOp, [x, y]);
  const graph = (node: Node): Graph => ({ outputs: [result(node)] });
  const sound = new Sound();
  assertEquals(verify(graph(sum), { sound }), []);
  assertEquals(verify(graph({ ...sum, inputs: [y, x] }), { sound }), []);
  const wrong: Node[] = [
    { ...sum, inputs: [x, leaf("f32", [3, 2])] },
    { ...sum, inputs: [x, leaf("f16", [2, 3])] },
    { ...sum, inputs: [x] },
    { ...sum, type: { dtype: "f16", shape: [2, 3] } },
    { ...sum, op: OPS.get("lt")! },
  ];
  for (const [i, node] of wrong.entries()) assertEquals(verify(graph(node), { sound }).length, 1, String(i));
});
