/** Graphs for tests, made with the builder and the library as the checker makes them, and values to feed them. */
import type { DType } from "../../../compiler/core/dtype.ts";
import { isFloat } from "../../../compiler/core/dtype.ts";
import { round } from "../../../compiler/core/round.ts";
import { bound } from "../../../compiler/core/shape.ts";
import { Builder } from "../../../compiler/ir/builder.ts";
import type { Graph, Node, Region } from "../../../compiler/ir/graph.ts";
import { nodesOf } from "../../../compiler/ir/graph.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { LIBRARY, OPS } from "../../../compiler/ops/index.ts";
import { inputNode, paramNode } from "../../../compiler/ops/leaf.ts";
import type { Args, ArgValue } from "../../../compiler/ops/library.ts";
import type { Feeds } from "../../../compiler/reference/evaluate.ts";
import type { Random } from "./random.ts";

/** A region of precision: what the checker gives nodes under `precision { compute: … }`. */
export function region(compute: DType, at?: { start: number; end: number }): Region {
  const span = at && { file: "test.mpt", ...at };
  return { compute, accum: "f32", why: `policy of Test, compute ${compute}`, ...(span ? { span } : {}) };
}

/** A library function, its missing arguments filled in from its signature. */
export function call(b: Builder, name: string, args: Record<string, ArgValue>): Node {
  const f = LIBRARY.get(name);
  if (!f) throw new Error(`the library has no ${name}`);
  for (const key of Object.keys(args)) {
    if (!f.params.some((p) => p.name === key)) throw new Error(`${name} has no argument ${key}`);
  }
  const complete: Args = Object.fromEntries(f.params.map((p) => [p.name, args[p.name] ?? p.default]));
  const out = f.build(b, complete);
  return Array.isArray(out) ? out[0] : out as Node;
}

/** y = x·wᵀ + bias with parameters `path.weight` and `path.bias`. */
export function linear(b: Builder, x: Node, path: string, out: number): Node {
  const k = x.type.shape.at(-1)!;
  const w = paramNode(b, `${path}.weight`, "f32", [out, k]);
  return b.node(OPS.get("linear")!, [x, w, paramNode(b, `${path}.bias`, "f32", [out])]);
}

/** What an MLP test varies. */
export interface MlpOptions {
  readonly rows?: number;
  readonly inputs?: number;
  readonly hidden?: number;
  readonly classes?: number;
  /** Compute dtype of the first layer, and of the second. */
  readonly compute?: readonly [DType, DType];
}

/** `loss` and `accuracy` of x ▷ fc1 ▷ relu ▷ fc2 under cross entropy; u8 images, as in the MNIST example. */
export function mlp(options: MlpOptions = {}): Graph {
  const { rows = 4, inputs = 6, hidden = 5, classes = 3, compute = ["f16", "f32"] } = options;
  const origin = { why: "forward", span: { file: "test.mpt", start: 40, end: 70 } };
  const first = new Builder(origin, region(compute[0], { start: 10, end: 19 }));
  const second = first.within(region(compute[1], { start: 20, end: 26 }));
  const image = inputNode(first, "image", "u8", [rows, inputs]);
  const label = inputNode(first, "label", "i32", [rows]);
  const x = call(first, "div", { x: call(first, "cast", { x: image, to: compute[0] }), y: 255 });
  const logits = linear(second, call(first, "relu", { x: linear(first, x, "fc1", hidden) }), "fc2", classes);
  const loss = call(second, "cross_entropy", { logits, target: label });
  const hit = call(second, "eq", { x: call(second, "argmax", { x: logits, axis: -1 }), y: label });
  return {
    outputs: [
      { kind: "result", name: "loss", node: loss },
      { kind: "result", name: "accuracy", node: call(second, "mean", { x: hit }) },
    ],
  };
}

const SMOOTH_UNARY = ["tanh", "sigmoid", "silu", "gelu", "softplus", "sin", "neg"];
const UNARY = [...SMOOTH_UNARY, "relu", "abs"];
const SMOOTH_BINARY = ["add", "sub", "mul"];
const BINARY = [...SMOOTH_BINARY, "max", "min"];

/**
 * A random graph over an input `x` and parameters `p0`, `p1`, …, in random regions, whose values
 * are used several times; its `loss` is a scalar of which every parameter has a share.
 */
export function randomLoss(
  random: Random,
  options: {
    /** Compute dtypes of the regions. */
    readonly dtypes?: readonly DType[];
    /** No op has a kink, so that finite differences are good everywhere. */
    readonly smooth?: boolean;
  } = {},
): Graph {
  const { dtypes = ["f32", "f16", "bf16"], smooth = false } = options;
  const unary = smooth ? SMOOTH_UNARY : UNARY, binary = smooth ? SMOOTH_BINARY : BINARY;
  const rows = 2 + random.below(3), columns = 2 + random.below(3);
  const origin = { why: "random", span: { file: "test.mpt", start: 5, end: 9 } };
  const builder = () => new Builder(origin, region(random.pick(dtypes), { start: 1, end: 4 }));
  const b = builder();
  const pool: Node[] = [
    inputNode(b, "x", "f32", [rows, columns]),
    paramNode(b, "p0", "f32", [rows, columns]),
    paramNode(b, "p1", "f32", [columns]),
  ];
  const mask = inputNode(b, "mask", "bool", [rows, columns]);
  const full = (n: Node) => n.type.shape.length === 2;
  const steps = 6 + random.below(6);
  for (let i = 0; i < steps; i++) {
    const at = builder();
    const x = random.pick(pool), y = random.pick(pool);
    const matrix = random.pick(pool.filter(full));
    switch (random.below(8)) {
      case 0:
      case 1:
        pool.push(call(at, random.pick(unary), { x }));
        break;
      case 2:
      case 3:
        if (fit(x, y)) pool.push(call(at, random.pick(binary), { x, y }));
        break;
      case 4: {
        const out = 2 + random.below(3);
        const wide = linear(at, matrix, `l${i}`, out);
        pool.push(wide, call(at, "tanh", { x: wide }));
        break;
      }
      case 5:
        pool.push(
          call(at, random.pick(["softmax", "log_softmax"]), { x: matrix, axis: random.below(2) - 1 }),
        );
        break;
      case 6:
        pool.push(call(at, "transpose", { x: matrix }));
        break;
      case 7: {
        const like = pool.filter((n) => n.type.shape.join() === mask.type.shape.join());
        pool.push(call(at, "where", { condition: mask, x: random.pick(like), y: random.pick(like) }));
      }
    }
  }
  const end = new Builder(origin, region("f32"));
  const terms = pool.slice(1).map((x) => call(end, "mean", { x: call(end, "mul", { x, y: x }) }));
  const loss = terms.reduce((x, y) => call(end, "add", { x, y }));
  return {
    outputs: [
      { kind: "result", name: "loss", node: loss },
      { kind: "result", name: "last", node: pool[pool.length - 1] },
    ],
  };
}

/** Whether the shapes broadcast together. */
function fit(x: Node, y: Node): boolean {
  const [a, b] = [bound(x.type.shape).toReversed(), bound(y.type.shape).toReversed()];
  return a.every((d, i) => i >= b.length || d === b[i] || d === 1 || b[i] === 1);
}

/** Values for every input and state slot of a graph: floats of either sign away from 0, rounded to their dtype. */
export function feedsFor(graph: Graph, random: Random): Feeds & { state: Map<string, RefTensor> } {
  const inputs = new Map<string, RefTensor>(), state = new Map<string, RefTensor>();
  for (const { op, attrs, type } of nodesOf(graph)) {
    if (op.name !== "input" && op.name !== "state") continue;
    const name = String(attrs.name ?? attrs.slot);
    const to = op.name === "input" ? inputs : state;
    if (!to.has(name)) to.set(name, draw(type.dtype, bound(type.shape), random));
  }
  return { inputs, state };
}

/** A tensor of random values: floats as `Random.signed`, u8 up to 255, other integers 0 to 2, bools either. */
export function draw(dtype: DType, shape: readonly number[], random: Random): RefTensor {
  const one = () => {
    if (isFloat(dtype)) return round(random.signed(), dtype);
    return dtype === "bool" ? random.below(2) : random.below(dtype === "u8" ? 256 : 3);
  };
  return { dtype, shape, data: Float64Array.from({ length: shape.reduce((a, d) => a * d, 1) }, one) };
}

/** One value. */
export function scalar(dtype: DType, value: number, shape: readonly number[] = []): RefTensor {
  return { dtype, shape, data: Float64Array.of(value) };
}
