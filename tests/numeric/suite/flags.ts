import type { DType } from "../../../compiler/core/dtype.ts";
import { Builder } from "../../../compiler/ir/builder.ts";
import type { Graph, Node } from "../../../compiler/ir/graph.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { reduceSum } from "../../../compiler/ops/broadcast.ts";
import { cast } from "../../../compiler/ops/cast.ts";
import { foundInf } from "../../../compiler/ops/flag.ts";
import { OPS } from "../../../compiler/ops/index.ts";
import { inputNode } from "../../../compiler/ops/leaf.ts";
import { matmul } from "../../../compiler/ops/matmul.ts";
import { slice, transpose } from "../../../compiler/ops/view.ts";
import { decompose } from "../../../compiler/passes/decompose.ts";
import { assertEquals } from "../../assert.ts";
import { compareOutputs, tensor } from "../../support/compare_graph.ts";
import type { Rig, SuiteDevice } from "./on_device.ts";
import { deviceTest } from "./on_device.ts";
import { runOnDevice } from "./run_on_device.ts";

/** The step's overflow flag: which roundings and values raise it, fused or not, wherever the overflow happens. */

interface Flagged {
  readonly name: string;
  /** What is computed of `x`, an f32[SIZE], and given to the check as f32. */
  build(b: Builder, x: Node): Node;
  /** The element that is put among small ones, and whether it raises the flag. */
  readonly cases: readonly (readonly [number, boolean])[];
}

const ROWS = 4, COLUMNS = 6, SIZE = ROWS * COLUMNS;

/** Where the nearest f16 and the nearest f8e5m2 would be infinite, and the f32 below. */
const F16 = 65520, BELOW_F16 = 65519.996, F8 = 61440, BELOW_F8 = 61439.996;
const BOTH = [[BELOW_F16, false], [F16, true], [-F16, true], [1e30, true]] as const;

const op = (name: string) => OPS.get(name)!;
const through = (b: Builder, x: Node, dtype: DType) => cast(b, cast(b, x, dtype), "f32");
const matrix = (b: Builder, x: Node) => b.node(op("reshape"), [x], { shape: [ROWS, COLUMNS] });

const FLAGGED: readonly Flagged[] = [
  { name: "a cast to f16", build: (b, x) => through(b, x, "f16"), cases: BOTH },
  {
    name: "a cast whose infinity relu hides",
    build: (b, x) => b.node(op("relu"), [b.node(op("neg"), [through(b, x, "f16")])]),
    cases: [[BELOW_F16, false], [F16, true], [1e30, true]],
  },
  {
    name: "an element that nobody reads",
    build: (b, x) => slice(b, through(b, x, "f16"), 0, 0, 2),
    cases: BOTH,
  },
  {
    name: "the end of a sum",
    build: (b, x) => through(b, reduceSum(b, matrix(b, x), [1]), "f16"),
    cases: [[65000, false], [66000, true], [-1e30, true]],
  },
  {
    name: "the front of a sum",
    build: (b, x) => reduceSum(b, through(b, b.node(op("mul"), [x, x]), "f16"), [0]),
    cases: [[255, false], [256, true], [-1e15, true]],
  },
  {
    name: "a product in f16",
    build(b, x) {
      const half = cast(b, matrix(b, x), "f16");
      return cast(b, matmul(b, half, transpose(b, half), "f16"), "f32");
    },
    cases: [[250, false], [257, true], [-2000, true]],
  },
  {
    name: "a product's operand",
    build(b, x) {
      const half = cast(b, cast(b, matrix(b, x), "f16"), "f32");
      return matmul(b, half, transpose(b, half), "f32");
    },
    cases: [[65000, false], [66000, true]],
  },
  {
    name: "a cast to f8e5m2",
    build: (b, x) => through(b, x, "f8e5m2"),
    cases: [[BELOW_F8, false], [F8, true], [-F8, true]],
  },
  {
    name: "a cast to bf16, whose range is f32's",
    build: (b, x) => through(b, x, "bf16"),
    cases: [[1e30, false], [-3e38, false]],
  },
  {
    name: "f32 throughout",
    build: (b, x) => b.node(op("mul"), [x, x]),
    cases: [[1e15, false], [1e-30, false], [Infinity, true], [-Infinity, true], [NaN, true]],
  },
];

async function check(rig: Rig, { name, build, cases }: Flagged): Promise<void> {
  const b = new Builder({ why: "test" });
  const y = build(b, inputNode(b, "x", "f32", [SIZE]));
  const graph: Graph = { outputs: [{ kind: "result", name: "found", node: foundInf(b, [y]) }] };
  const place = Math.floor(SIZE * Math.random());
  for (const [value, raised] of cases) {
    const data = Array.from({ length: SIZE }, (_, i) => i === place ? value : 1 + Math.random());
    const feeds = new Map<string, RefTensor>([
      ["x", tensor("f32", [SIZE], data)],
      ["found_inf", tensor("u32", [1], [0])],
    ]);
    for (const fuse of [true, false]) {
      const ran = await runOnDevice(rig, decompose.run(graph), feeds, { fuse });
      const outputs = compareOutputs(graph, feeds, ran, {});
      const message = `${name}: ${value} at ${place}, ${fuse ? "fused" : "not fused"}`;
      assertEquals(outputs.get("result/found")!.data[0], raised ? 1 : 0, message);
    }
  }
}

export function flagSuite(on: SuiteDevice): void {
  for (const flagged of FLAGGED) {
    deviceTest(on, `flag: ${flagged.name}`, (rig) => check(rig, flagged));
  }
}
