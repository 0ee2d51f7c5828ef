import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "../../tests/assert.ts";
import { feedsFor, mlp, randomLoss } from "../../tests/numeric/suite/graphs.ts";
import { Random, seeds } from "../../tests/numeric/suite/random.ts";
import type { DType } from "../core/dtype.ts";
import { DTYPES, isFloat } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { verify } from "../ir/verify.ts";
import { addOp, divOp, mulOp, negOp, subOp } from "../ops/arithmetic.ts";
import { expand, expandOp } from "../ops/broadcast.ts";
import { castOp } from "../ops/cast.ts";
import { foundInf } from "../ops/flag.ts";
import { constNode, inputNode } from "../ops/leaf.ts";
import { normal, uniform } from "../ops/random.ts";
import { permuteOp, reshapeOp } from "../ops/view.ts";
import { evaluate } from "../reference/evaluate.ts";
import { autodiff } from "./autodiff.ts";
import { casts } from "./casts.ts";
import { decompose } from "./decompose.ts";
import { cse, simplify } from "./simplify.ts";

const b = new Builder({ why: "test", span: { file: "m.mpt", start: 1, end: 2 } });
const out = (...nodes: Node[]): Graph => ({
  outputs: nodes.map((node, i) => ({ kind: "result", name: `r${i}`, node })),
});
const simplified = (node: Node): Node => simplify.run(out(node)).outputs[0].node;
const input = (dtype: DType = "f32", shape: readonly number[] = [2, 3], name = "x") =>
  inputNode(b, name, dtype, shape);
const to = (x: Node, dtype: DType) => b.node(castOp, [x], { to: dtype });
const constant = (value: number, shape: readonly number[] = [2, 3], dtype: DType = "f32") =>
  expand(b, constNode(b, value, dtype), shape);

/** Before and after on one random feed, bit for bit, overflow flag included. */
function assertSameBits(before: Graph, after: Graph, seed: number): void {
  const feeds = feedsFor(before, new Random(seed));
  const [x, y] = [before, after].map((g) => evaluate(g, feeds, { precision: "rounded" }));
  for (const [name, { data, overflowed, dtype }] of x) {
    assertEquals([y.get(name)!.dtype, y.get(name)!.overflowed], [dtype, overflowed], name);
    // A zero's sign is not kept.
    assertEquals(y.get(name)!.data.map((v) => v + 0), data.map((v) => v + 0), name);
  }
}

function assertUnchanged(node: Node): void {
  assertStrictEquals(simplified(node), node);
}

Deno.test("simplify: a cast to its own dtype vanishes", () => {
  for (const dtype of DTYPES) {
    const x = input(dtype);
    assertStrictEquals(simplified(to(x, dtype)), x);
  }
  assertUnchanged(to(input("f32"), "f16"));
});

/** Whether every value of `narrow` is one of `wide`, from the formats' own numbers. */
const FORMAT: Partial<Record<DType, { digits: number; max: number; least: number }>> = {
  f32: { digits: 24, max: 3.4028234663852886e38, least: 2 ** -149 },
  f16: { digits: 11, max: 65504, least: 2 ** -24 },
  bf16: { digits: 8, max: 3.3895313892515355e38, least: 2 ** -133 },
  f8e4m3: { digits: 4, max: 448, least: 2 ** -9 },
  f8e5m2: { digits: 3, max: 57344, least: 2 ** -16 },
};

Deno.test("simplify: a cast there and back folds exactly where the detour holds every value", () => {
  const floats = DTYPES.filter(isFloat);
  let folded = 0;
  for (const from of floats) {
    for (const via of floats) {
      for (const end of floats) {
        if (from === via || via === end) continue;
        const [n, w] = [FORMAT[from]!, FORMAT[via]!];
        const holds = w.digits >= n.digits && w.max >= n.max && w.least <= n.least;
        const x = input(from);
        const double = to(to(x, via), end);
        const after = simplified(double);
        if (!holds) {
          assertStrictEquals(after, double, `${from}→${via}→${end} must stay`);
          continue;
        }
        folded++;
        if (end === from) assertStrictEquals(after, x, `${from}→${via}→${end}`);
        else {assertEquals(
            [after.op, after.inputs[0], after.type.dtype],
            [castOp, x, end],
            `${from}→${via}→${end}`,
          );}
      }
    }
  }
  assert(folded >= 20);
});

Deno.test("simplify: f16→f32→f16 folds, f32→f16→f32 does not", () => {
  const half = input("f16"), full = input("f32");
  assertStrictEquals(simplified(to(to(half, "f32"), "f16")), half);
  assertUnchanged(to(to(full, "f16"), "f32"));
});

Deno.test("simplify: casts through integers and bools stay", () => {
  for (const via of ["i32", "u8", "bool"] as const) assertUnchanged(to(to(input("f32"), via), "f32"));
  assertUnchanged(to(to(input("i32"), "f32"), "i32"));
  assertUnchanged(to(to(input("bool"), "u8"), "bool"));
});

Deno.test("simplify: the cast of a constant is the constant that it rounds to", () => {
  for (
    const [value, from, dtype, want] of [
      [0.1, "f32", "f16", 0.0999755859375],
      [0.1, "f32", "bf16", 0.10009765625],
      [3, "i32", "f32", 3],
      [2 ** 24 + 1, "i32", "f32", 2 ** 24],
      // A constant is what its own dtype holds before it is cast.
      [0.1, "f16", "f32", 0.0999755859375],
      [0.1, "f32", "f32", 0.1],
    ] as const
  ) {
    const after = simplified(to(constNode(b, value, from), dtype));
    assertEquals([after.op.name, after.type.dtype], ["const", dtype]);
    assertEquals(after.attrs.value, want, `${value} ${from}→${dtype}`);
  }
});

Deno.test("simplify: the cast of a constant that overflows stays, for its overflow is part of the program", () => {
  for (const [value, dtype] of [[1e5, "f16"], [-65520, "f16"], [61440, "f8e5m2"], [NaN, "f16"]] as const) {
    assertUnchanged(to(constNode(b, value), dtype));
  }
  const graph = out(foundInf(b, [to(to(constNode(b, 1e5), "f16"), "f32")]));
  assertSameBits(graph, simplify.run(graph), 1);
});

Deno.test("simplify: casts of constants to integers stay", () =>
  assertUnchanged(to(constNode(b, 2.5), "i32")));

Deno.test("simplify: permutations compose, and the identity vanishes", () => {
  const x = input("f32", [2, 3, 4]);
  const permute = (n: Node, perm: number[]) => b.node(permuteOp, [n], { perm });
  assertStrictEquals(simplified(permute(x, [0, 1, 2])), x);
  assertStrictEquals(simplified(permute(permute(x, [1, 2, 0]), [2, 0, 1])), x);
  const twice = permute(permute(x, [1, 0, 2]), [2, 1, 0]);
  const after = simplified(twice);
  assertEquals([after.op, after.inputs[0], after.type], [permuteOp, x, twice.type]);
  assertSameBits(out(twice), out(after), 2);
  assertUnchanged(permute(x, [1, 0, 2]));
});

Deno.test("simplify: reshapes compose, and the identity vanishes", () => {
  const x = input("f32", [2, 6]);
  const reshape = (n: Node, shape: number[]) => b.node(reshapeOp, [n], { shape });
  assertStrictEquals(simplified(reshape(x, [2, 6])), x);
  assertStrictEquals(simplified(reshape(reshape(x, [3, 4]), [2, 6])), x);
  const after = simplified(reshape(reshape(x, [3, 4]), [12]));
  assertEquals([after.op, after.inputs[0], after.type.shape], [reshapeOp, x, [12]]);
  assertUnchanged(reshape(x, [3, 4]));
  // A permutation between them keeps both.
  const between = reshape(b.node(permuteOp, [reshape(x, [3, 4])], { perm: [1, 0] }), [2, 6]);
  assertUnchanged(between);
});

Deno.test("simplify: an expansion to the same shape vanishes, another stays", () => {
  const x = input("f32", [1, 3]);
  assertStrictEquals(simplified(b.node(expandOp, [x], { shape: [1, 3] })), x);
  assertUnchanged(b.node(expandOp, [x], { shape: [2, 3] }));
});

Deno.test("simplify: units of multiplication and division vanish", () => {
  const x = input(), one = constant(1);
  assertStrictEquals(simplified(b.node(mulOp, [x, one])), x);
  assertStrictEquals(simplified(b.node(mulOp, [one, x])), x);
  assertStrictEquals(simplified(b.node(divOp, [x, one])), x);
  for (
    const node of [
      b.node(divOp, [one, x]),
      b.node(mulOp, [x, constant(2)]),
      b.node(mulOp, [x, constant(1 + 2 ** -23)]),
      b.node(mulOp, [x, constant(-1)]),
      b.node(divOp, [x, constant(0.5)]),
      b.node(divOp, [x, input("f32", [2, 3], "y")]),
    ]
  ) assertUnchanged(node);
});

Deno.test("simplify: zeros of addition and subtraction vanish, 0·x and 0 − x stay", () => {
  const x = input(), zero = constant(0);
  assertStrictEquals(simplified(b.node(addOp, [x, zero])), x);
  assertStrictEquals(simplified(b.node(addOp, [zero, x])), x);
  assertStrictEquals(simplified(b.node(subOp, [x, zero])), x);
  for (
    const node of [
      b.node(subOp, [zero, x]),
      // 0·∞ is NaN.
      b.node(mulOp, [x, zero]),
      b.node(addOp, [x, constant(1e-30)]),
      b.node(subOp, [x, x]),
      b.node(divOp, [zero, x]),
    ]
  ) assertUnchanged(node);
});

Deno.test("simplify: a double negation vanishes, a single one stays", () => {
  const x = input(), neg = (n: Node) => b.node(negOp, [n]);
  assertStrictEquals(simplified(neg(neg(x))), x);
  assertUnchanged(neg(x));
  assertStrictEquals(simplified(neg(neg(neg(x)))).op, negOp);
});

Deno.test("simplify: what replaces a node keeps its type", () => {
  for (const dtype of ["f32", "f16", "i32", "u32"] as const) {
    const x = input(dtype);
    for (const op of [mulOp, addOp]) {
      const node = b.node(op, [x, constant(op === mulOp ? 1 : 0, [2, 3], dtype)]);
      assertStrictEquals(simplified(node), x);
    }
  }
});

for (const seed of seeds(40)) {
  Deno.test(`simplify, cse: random graph ${seed} and its gradients keep every bit`, () => {
    const graph = decompose.run(autodiff.run(casts.run(randomLoss(new Random(seed)))));
    for (const pass of [simplify, cse]) {
      const after = pass.run(graph);
      assertEquals(verify(after, { explicit: true }), []);
      assertSameBits(graph, after, seed);
      assert(nodesOf(after).length <= nodesOf(graph).length);
      // Once is enough.
      assertEquals(nodesOf(pass.run(after)).length, nodesOf(after).length, `${pass.name} has more to do`);
    }
  });
}

Deno.test("cse: equal nodes become one, the first one's origin stays", () => {
  const first = b.at({ why: "first" }), second = b.at({ why: "second" });
  const x = input(), same = input();
  const after = cse.run(out(first.node(negOp, [x]), second.node(negOp, [same])));
  assertStrictEquals(after.outputs[0].node, after.outputs[1].node);
  assertEquals(after.outputs[0].node.origin.why, "first");
  // Users of the second follow.
  const deep = cse.run(out(b.node(addOp, [first.node(negOp, [x]), second.node(negOp, [same])])));
  const [l, r] = deep.outputs[0].node.inputs;
  assertStrictEquals(l, r);
});

Deno.test("cse: nodes that differ in op, operand, order, attribute or dtype stay apart", () => {
  const x = input(), y = input("f32", [2, 3], "y");
  const draw = { seed: input("u32", [2], "seed"), step: input("u32", [], "step") };
  const pairs: [Node, Node][] = [
    [b.node(addOp, [x, y]), b.node(mulOp, [x, y])],
    [b.node(subOp, [x, y]), b.node(subOp, [y, x])],
    [b.node(negOp, [x]), b.node(negOp, [y])],
    [to(x, "f16"), to(x, "bf16")],
    [constNode(b, 1), constNode(b, 1, "i32")],
    [b.node(reshapeOp, [x], { shape: [6] }), b.node(reshapeOp, [x], { shape: [3, 2] })],
    [
      b.node(permuteOp, [input("f32", [2, 2, 2])], { perm: [0, 2, 1] }),
      b.node(permuteOp, [input("f32", [2, 2, 2])], {
        perm: [1, 0, 2],
      }),
    ],
    [uniform(b, { ...draw, site: 1 }, [4]), uniform(b, { ...draw, site: 2 }, [4])],
    [uniform(b, { ...draw, site: 1 }, [4]), normal(b, { ...draw, site: 1 }, [4])],
  ];
  const values = [0, -0, 1, 2, Infinity, -Infinity, NaN, 1e-45, 0.1];
  values.forEach((v, i) =>
    values.slice(i + 1).forEach((w) => pairs.push([constNode(b, v), constNode(b, w)]))
  );
  for (const [p, q] of pairs) {
    const after = cse.run(out(p, q));
    assertNotStrictEquals(after.outputs[0].node, after.outputs[1].node);
    assertEquals(after.outputs.map((o) => o.node.op), [p.op, q.op]);
  }
});

Deno.test("cse: the MLP's step reads each leaf once", () => {
  const graph = cse.run(autodiff.run(casts.run(mlp())));
  const leaves = nodesOf(graph).filter((n) => n.op.kind === "leaf" && n.op.name !== "const");
  assertEquals(new Set(leaves.map((n) => n.attrs.slot ?? n.attrs.name)).size, leaves.length);
});
