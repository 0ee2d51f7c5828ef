import type { Shape } from "../core/shape.ts";
import { bound, showShape } from "../core/shape.ts";
import { OpError } from "../ir/op.ts";
import type { Args, Param } from "../ops/library.ts";
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

export const INITIALISERS: ReadonlyMap<string, Initialiser> = new Map(LIST.map((i) => [i.name, i]));
