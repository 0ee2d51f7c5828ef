import { assert, assertEquals, assertStrictEquals, assertThrows } from "../../tests/assert.ts";
import { region } from "../../tests/numeric/suite/graphs.ts";
import type { DType } from "../core/dtype.ts";
import { DTYPES, isFloat } from "../core/dtype.ts";
import { LIBRARY, OPS } from "../ops/index.ts";
import { inputNode } from "../ops/leaf.ts";
import { Builder } from "./builder.ts";
import { operandDTypes, OpError } from "./op.ts";

/** The dtype that an op of each class takes floats x and y in, written from the language's contract. */
const EXPECTED: Record<string, (x: DType, y: DType, compute: DType) => DType> = {
  compute: (_x, _y, compute) => compute,
  full: () => "f32",
  follow: (x, y) => x === y ? x : WIDER[x].includes(y) ? x : WIDER[y].includes(x) ? y : "f32",
};

/** The floats whose every value each float holds. */
const WIDER: Readonly<Record<string, readonly DType[]>> = {
  f32: ["f32", "f16", "bf16", "f8e4m3", "f8e5m2"],
  f16: ["f16", "f8e4m3", "f8e5m2"],
  bf16: ["bf16", "f8e4m3", "f8e5m2"],
  f8e4m3: ["f8e4m3"],
  f8e5m2: ["f8e5m2"],
};

const FLOATS = DTYPES.filter(isFloat);

for (const precision of ["compute", "full", "follow"] as const) {
  Deno.test(`classes: ${precision} takes every pair of floats as the contract says`, () => {
    const op = [...OPS.values()].find((o) => o.class === precision)!;
    for (const compute of FLOATS) {
      for (const x of FLOATS) {
        for (const y of FLOATS) {
          const types = [x, y].map((dtype) => ({ dtype, shape: [2] }));
          const got = operandDTypes(op, types, region(compute));
          let want = EXPECTED[precision](x, y, compute);
          // Two f8 formats meet in f16, which holds both.
          if (precision === "follow" && x !== y && /f8/.test(x) && /f8/.test(y)) want = "f16";
          assertEquals([...got], [want, want], `${op.name} of ${x} and ${y} under ${compute}`);
        }
      }
    }
  });
}

Deno.test("classes: integers and bools are never cast, and nothing is without a region", () => {
  const add = OPS.get("add")!, linear = OPS.get("linear")!;
  const types = (["i32", "f16", "bool", "u8"] as const).map((dtype) => ({ dtype, shape: [] }));
  assertEquals([...operandDTypes(linear, types, region("bf16"))], ["i32", "bf16", "bool", "u8"]);
  assertEquals([...operandDTypes(linear, types, undefined)], ["i32", "f16", "bool", "u8"]);
  const ints = (["i32", "u8"] as const).map((dtype) => ({ dtype, shape: [] }));
  assertEquals([...operandDTypes(add, ints, region("f16"))], ["i32", "u8"]);
});

/** The contract's list of the full class, and PyTorch autocast's, as far as the library has the names. */
const FULL =
  "softmax log_softmax logsumexp exp log pow rsqrt softplus sum mean var cumsum layer_norm rms_norm group_norm " +
  "cross_entropy nll bce bce_with_logits mse l1 smooth_l1 huber kl_div hinge cosine_embedding";
const COMPUTE = "matmul linear conv1d conv2d";

Deno.test("classes: the library's classes are the contract's", () => {
  let checked = 0;
  for (const f of LIBRARY.values()) {
    if (f.class === "composition" || f.class === "fixed") continue;
    const want = FULL.split(" ").includes(f.name)
      ? "full"
      : COMPUTE.split(" ").includes(f.name)
      ? "compute"
      : "follow";
    if (f.name === "attention") continue;
    assertEquals(f.class, want, f.name);
    checked++;
  }
  assert(checked > 30, `${checked}`);
});

Deno.test("builder: types come from the rule after the region's casts", () => {
  const half = new Builder({ why: "" }, region("f16"));
  const x = inputNode(half, "x", "f32", [2, 3]), w = inputNode(half, "w", "bf16", [3, 4]);
  assertEquals(half.node(OPS.get("matmul")!, [x, w]).type, { dtype: "f16", shape: [2, 4] });
  assertEquals(half.node(OPS.get("exp")!, [w]).type.dtype, "f32");
  assertEquals(half.node(OPS.get("add")!, [x, inputNode(half, "v", "f16", [2, 3])]).type.dtype, "f32");
  assertThrows(() => new Builder().node(OPS.get("matmul")!, [x, w]), OpError, "one float dtype");
  assertThrows(() => half.node(OPS.get("matmul")!, [x, x]), OpError);
});

Deno.test("builder: at and within change one thing each, and leaves have no region", () => {
  const origin = { why: "o" }, r = region("f16");
  const b = new Builder(origin, r);
  assertStrictEquals(b.at({ why: "p" }).region, r);
  assertStrictEquals(b.within(undefined).origin, origin);
  const x = inputNode(b, "x", "f32", [2]);
  assertEquals(x.region, undefined);
  assertStrictEquals(b.node(OPS.get("neg")!, [x]).region, r);
});
