import { isFloat } from "../core/dtype.ts";
import type { DType } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, input, operands, prim, rebuild } from "../core/expr.ts";
import { eqShape } from "../core/shape.ts";
import type { Attrs, MapOp, OpBaseFields, PrecisionClass, Sample, TensorType } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { differentiate } from "./differentiate.ts";

/** What an elementwise op is, but for its expression: everything else about it is derived. */
interface ElementwiseBase {
  readonly name: string;
  readonly class: PrecisionClass;
  readonly arity: number;
  /** Operand dtypes that make sense; all dtypes but bool unless given. */
  readonly accepts?: (dtype: DType) => boolean;
  /** The result's dtype; the operands' unless given. */
  readonly result?: (dtype: DType) => DType;
  /** Results are always among the operands' values. */
  readonly exact?: boolean;
  /** The gradient in graph ops, where it reads better than a derived one. */
  readonly grad?: OpBaseFields["grad"];
  /** Where the op is smooth and worth testing: a range for each operand, in order; see SampleInput. */
  readonly domain?: readonly (readonly [number, number] | undefined)[];
}

/** One line of an elementwise op. */
export interface ElementwiseDef extends ElementwiseBase {
  /** The value from the operands' values, in registers. Every op computes in f32 and rounds once. */
  readonly expr: (...x: Expr[]) => Expr;
  /** ∂expr/∂xᵢ where the derived one is not wanted (a subgradient's choice). `null`: no gradient at all. */
  readonly derivative?: ((i: number, ...x: Expr[]) => Expr) | null;
}

/** An elementwise op with compile-time numbers among its attrs (a slope, a threshold). */
export interface ParametricDef extends ElementwiseBase {
  /** Attrs to try it with. */
  readonly attrs: Attrs;
  readonly expr: (attrs: Attrs) => (...x: Expr[]) => Expr;
  readonly derivative?: (attrs: Attrs) => (i: number, ...x: Expr[]) => Expr;
}

/** Operands have equal types; broadcasting is an explicit `expand`. */
export function sameTypes(name: string, inputs: readonly TensorType[], arity: number): TensorType {
  if (inputs.length !== arity) throw new OpError(`${name} takes ${arity} operands, not ${inputs.length}`);
  for (let i = 1; i < inputs.length; i++) {
    if (inputs[i].dtype !== inputs[0].dtype || !eqShape(inputs[i].shape, inputs[0].shape)) {
      throw new OpError(`the operands of ${name} differ`, {
        expected: showType(inputs[0]),
        found: showType(inputs[i]),
        input: i,
      });
    }
  }
  return inputs[0];
}

/** Gradient ops made by `elementwise`, for parsing and for the tests that enrol every op. */
export const derivedOps = new Map<string, MapOp>();

/** An elementwise op from its expression; its gradient ops are `NAME.grad0`, `NAME.grad1`, …. */
export function elementwise(def: ElementwiseDef): MapOp {
  return define(def, {}, () => def.expr, def.derivative === null ? null : slopesOf(def));
}

/** An elementwise op whose expression depends on its attrs; its gradient ops carry the same attrs. */
export function parametric(def: ParametricDef): MapOp {
  const slope = (i: number, attrs: Attrs, xs: readonly Expr[]) =>
    def.derivative ? def.derivative(attrs)(i, ...xs) : differentiate(def.expr(attrs)(...xs), i);
  return define(def, def.attrs, def.expr, slope);
}

/** ∂expr/∂xᵢ as an expression of `xs`, for the attrs at hand. */
type Slope = (i: number, attrs: Attrs, xs: readonly Expr[]) => Expr;

function slopesOf(def: ElementwiseDef): Slope {
  return (i, _, xs) => def.derivative ? def.derivative(i, ...xs) : differentiate(def.expr(...xs), i);
}

function define(
  def: ElementwiseBase,
  attrs: Attrs,
  expr: (attrs: Attrs) => (...x: Expr[]) => Expr,
  slope: Slope | null,
): MapOp {
  const accepts = def.accepts ?? ((d: DType) => d !== "bool");
  return {
    kind: "map",
    name: def.name,
    class: def.class,
    exact: def.exact ?? false,
    view: false,
    type(inputs) {
      const type = sameTypes(def.name, inputs, def.arity);
      if (!accepts(type.dtype)) {
        throw new OpError(`${def.name} does not take ${type.dtype}`, { found: showType(type), input: 0 });
      }
      return def.result ? { ...type, dtype: def.result(type.dtype) } : type;
    },
    expr: (m) => expr(m.attrs)(...m.inputs.map((_, k) => m.read(k, m.coords))),
    grad: def.grad !== undefined ? def.grad : slope && derivedGradient(def, attrs, slope),
    samples: samplesOf(def, attrs, accepts),
  };
}

function samplesOf(def: ElementwiseBase, attrs: Attrs, accepts: (d: DType) => boolean): Sample[] {
  const draw = (dtype: DType) => ({
    attrs,
    inputs: Array.from({ length: def.arity }, (_, k) => ({ dtype, shape: [2, 3], range: def.domain?.[k] })),
  });
  const dtypes = (["f32", "i32", "u32", "bool"] as const).filter(accepts);
  return dtypes.map((d) => d === "f32" ? draw(d) : { ...draw(d), inputs: draw(d).inputs.map(plain) });
}

/** Domains are about floats; integers and bools are drawn as they are by default. */
const plain = (i: { dtype: DType; shape: readonly number[] }) => ({ dtype: i.dtype, shape: i.shape });

function derivedGradient(def: ElementwiseBase, attrs: Attrs, slope: Slope): OpBaseFields["grad"] {
  const xs = Array.from({ length: def.arity }, (_, i) => input(i));
  const rules = xs.map((_, i) => {
    const sample = slope(i, attrs, xs);
    if (sample.e === "const" && sample.value === 0) return { zero: true } as const;
    if (sample.e === "const" && sample.value === 1) return { one: true } as const;
    const used = xs.map((_, k) => k).filter((k) => mentions(sample, k));
    const op = vjpOp(def, i, attrs, slope, xs, used);
    derivedOps.set(op.name, op);
    return { op, used } as const;
  });
  return (b, node, dy) =>
    rules.map((rule, i) => {
      if (!isFloat(node.inputs[i].type.dtype) || "zero" in rule) return undefined;
      if ("one" in rule) return dy;
      return b.node(rule.op, [dy, ...rule.used.map((k) => node.inputs[k])], node.attrs);
    });
}

/** dy · slope, computed in registers and rounded once; input 0 is dy, then the operands that the slope mentions. */
function vjpOp(
  def: ElementwiseBase,
  i: number,
  attrs: Attrs,
  slope: Slope,
  xs: readonly Expr[],
  used: readonly number[],
): MapOp {
  const at = new Map(used.map((k, n) => [k, n + 1]));
  return define(
    {
      name: `${def.name}.grad${i}`,
      class: "follow",
      arity: used.length + 1,
      accepts: isFloat,
      domain: [undefined, ...used.map((k) => def.domain?.[k])],
    },
    attrs,
    (attrs) => (...values) =>
      prim(
        "mul",
        values[0],
        rebuild(slope(i, attrs, xs), (e) => e.e === "input" ? values[at.get(e.index)!] : e),
      ),
    null,
  );
}

function mentions(x: Expr, index: number): boolean {
  const seen = new Set<Expr>();
  const visit = (e: Expr): boolean => {
    if (seen.has(e)) return false;
    seen.add(e);
    return (e.e === "input" && e.index === index) || operands(e).some(visit);
  };
  return visit(x);
}

/** A slope that is the same everywhere. */
export const constant = (value: number) => (): Expr => f32(value);
