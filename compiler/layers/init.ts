import type { Shape } from "../core/shape.ts";
import { bound, showShape } from "../core/shape.ts";
import { OpError } from "../ir/op.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { apply } from "../ops/apply.ts";
import { add, div, mul } from "../ops/arithmetic.ts";
import { expand, reduceSum } from "../ops/broadcast.ts";
import { constNode } from "../ops/leaf.ts";
import type { Args, Param } from "../ops/library.ts";
import { matmul } from "../ops/matmul.ts";
import { initialDraw, normal as drawNormal, uniform as drawUniform } from "../ops/random.ts";
import { sqrt } from "../ops/transcendental.ts";
import { reshape, transpose } from "../ops/view.ts";
import type { Init } from "./layer.ts";

/** An initialiser that a program names: `constant(1.0)`, `kaiming_uniform`. Formulas are torch.nn.init's. */
export interface Initialiser {
  readonly name: string;
  readonly doc: string;
  readonly params: readonly Param[];
  /** Throws OpError where the shape has no fans, or an argument makes no sense. */
  make(args: Args, shape: Shape): Init;
}

const number = (name: string, value?: number): Param =>
  value === undefined ? { name, type: "float" } : { name, type: "float", default: value };

/** Inputs and outputs of one unit: axis 1 and axis 0, times the receptive field. */
export function fans(shape: Shape): { in: number; out: number } {
  if (shape.length < 2) {
    throw new OpError("an initialiser by fan needs at least two axes", {
      found: showShape(shape),
      help: "name uniform, normal or constant for this one",
    });
  }
  const [out, input, ...field] = bound(shape);
  const receptive = field.reduce((a, d) => a * d, 1);
  return { in: input * receptive, out: out * receptive };
}

export const uniform = (low: number, high: number): Init => ({ kind: "uniform", low, high });
export const normal = (mean: number, std: number): Init => ({ kind: "normal", mean, std });
export const fill = (value: number): Init => ({ kind: "constant", value });

/** √(2/(1+a²)) for a leaky rectifier of negative slope `a`, over the root of the fan. */
function kaiming(args: Args, shape: Shape): number {
  if (args.mode !== "fan_in" && args.mode !== "fan_out") {
    throw new OpError("a kaiming initialiser's mode is fan_in or fan_out", {
      found: String(args.mode),
      input: 1,
    });
  }
  const fan = args.mode === "fan_in" ? fans(shape).in : fans(shape).out;
  return Math.sqrt(2 / (1 + (args.a as number) ** 2) / fan);
}

/** gain·√(2/(in+out)). */
function xavier(args: Args, shape: Shape): number {
  const fan = fans(shape);
  return args.gain as number * Math.sqrt(2 / (fan.in + fan.out));
}

/** The half-width of a uniform distribution of this deviation. */
const around = (std: number) => uniform(-Math.sqrt(3) * std, Math.sqrt(3) * std);

const KAIMING: readonly Param[] = [number("a", 0), { name: "mode", type: "string", default: "fan_in" }];
const XAVIER: readonly Param[] = [number("gain", 1)];

const LIST: readonly Initialiser[] = [
  { name: "zeros", doc: "0", params: [], make: () => fill(0) },
  { name: "ones", doc: "1", params: [], make: () => fill(1) },
  { name: "constant", doc: "x", params: [number("x")], make: (args) => fill(args.x as number) },
  {
    name: "uniform",
    doc: "Uniform in [a, b)",
    params: [number("a", 0), number("b", 1)],
    make: (args) => uniform(args.a as number, args.b as number),
  },
  {
    name: "normal",
    doc: "Normal with this mean and deviation",
    params: [number("mean", 0), number("std", 1)],
    make: (args) => normal(args.mean as number, args.std as number),
  },
  {
    name: "kaiming_uniform",
    doc: "Uniform with deviation √(2/(1+a²)/fan)",
    params: KAIMING,
    make: (args, shape) => around(kaiming(args, shape)),
  },
  {
    name: "kaiming_normal",
    doc: "Normal with deviation √(2/(1+a²)/fan)",
    params: KAIMING,
    make: (args, shape) => normal(0, kaiming(args, shape)),
  },
  {
    name: "xavier_uniform",
    doc: "Uniform with deviation gain·√(2/(in+out))",
    params: XAVIER,
    make: (args, shape) => around(xavier(args, shape)),
  },
  {
    name: "xavier_normal",
    doc: "Normal with deviation gain·√(2/(in+out))",
    params: XAVIER,
    make: (args, shape) => normal(0, xavier(args, shape)),
  },
  {
    name: "orthogonal",
    doc: "gain times a random matrix [axis 0, the rest] with orthonormal rows or columns",
    params: XAVIER,
    make(args, shape) {
      if (shape.length < 2) {
        throw new OpError("orthogonal needs at least two axes", { found: showShape(shape) });
      }
      return { kind: "orthogonal", gain: args.gain as number };
    },
  },
];

/**
 * A first value, f32, as a node of the `init` graph: random ones are keyed by the seed and by `site`, the tensor's place
 * in the program.
 */
export function initialValue(b: Builder, init: Init, shape: Shape, site: number): Node {
  switch (init.kind) {
    case "constant":
      return expand(b, constNode(b, init.value), shape);
    case "uniform":
      return drawUniform(b, initialDraw(b, site), shape, init.low, init.high);
    case "normal":
      return drawNormal(b, initialDraw(b, site), shape, init.mean, init.std);
    case "orthogonal":
      return orthogonal(b, drawNormal(b, initialDraw(b, site), shape), init.gain);
  }
}

/**
 * `gain` times the orthogonal factor of x as a matrix [axis 0, the rest], which for a normal x is uniform among such
 * matrices. X ← X(15 − 10·XᵀX + 3·(XᵀX)²)/8 takes every singular value in (0, 1] to 1: by 15/8 a turn while it is
 * small, and by its cube of the distance near 1.
 */
function orthogonal(b: Builder, x: Node, gain: number): Node {
  const [rows, ...rest] = bound(x.type.shape);
  const columns = rest.reduce((a, d) => a * d, 1);
  const wide = reshape(b, x, [rows, columns]);
  let m = rows < columns ? transpose(b, wide) : wide;
  m = div(b, m, apply(b, sqrt.op, [reduceSum(b, mul(b, m, m), [0, 1])]));
  for (let turn = 0; turn < ORTHOGONAL_TURNS; turn++) {
    const gram = matmul(b, transpose(b, m), m);
    const bent = add(b, mul(b, gram, -10 / 8), mul(b, matmul(b, gram, gram), 3 / 8));
    m = add(b, mul(b, m, 15 / 8), matmul(b, m, bent));
  }
  return mul(b, reshape(b, rows < columns ? transpose(b, m) : m, x.type.shape), gain);
}

/** Enough for a singular value of 1e-6 of the norm: (15/8)²² is 1e6, and four more turns reach f32's precision. */
const ORTHOGONAL_TURNS = 26;

export const INITIALISERS: ReadonlyMap<string, Initialiser> = new Map(LIST.map((i) => [i.name, i]));
