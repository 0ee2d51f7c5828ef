import { isFloat } from "../core/dtype.ts";
import type { DType } from "../core/dtype.ts";
import type { Expr, Prim } from "../core/expr.ts";
import { f32, input, operands, prim, rebuild } from "../core/expr.ts";
import { eqShape } from "../core/shape.ts";
import type { MapOp, OpBaseFields, PrecisionClass, TensorType } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { differentiate } from "./differentiate.ts";

/** One line of an elementwise op: everything else about it is derived. */
export interface ElementwiseDef {
  readonly name: string;
  readonly class: PrecisionClass;
  readonly arity: number;
  /** The value from the operands' values, in registers. Every op computes in f32 and rounds once. */
  readonly expr: (...x: Expr[]) => Expr;
  /** Operand dtypes that make sense; all dtypes but bool unless given. */
  readonly accepts?: (dtype: DType) => boolean;
  /** The result's dtype; the operands' unless given. */
  readonly result?: (dtype: DType) => DType;
  /** Results are always among the operands' values. */
  readonly exact?: boolean;
  /** ∂expr/∂xᵢ where the derived one is not wanted (a subgradient's choice). `null`: no gradient at all. */
  readonly derivative?: ((i: number, ...x: Expr[]) => Expr) | null;
  /** The gradient in graph ops, where it reads better than a derived one. */
  readonly grad?: OpBaseFields["grad"];
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

/** An elementwise op and, by name, the gradient ops that were derived from its expression. */
export function elementwise(def: ElementwiseDef): MapOp {
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
    expr: (m) => def.expr(...m.inputs.map((_, k) => m.read(k, m.coords))),
    grad: def.grad !== undefined ? def.grad : def.derivative === null ? null : derivedGradient(def),
  };
}

/** Gradient ops made by `elementwise`, for parsing and for the tests that enrol every op. */
export const derivedOps = new Map<string, MapOp>();

function derivedGradient(def: ElementwiseDef): OpBaseFields["grad"] {
  const xs = Array.from({ length: def.arity }, (_, i) => input(i));
  const rules = xs.map((_, i) => {
    const slope = def.derivative ? def.derivative(i, ...xs) : differentiate(def.expr(...xs), i);
    if (slope.e === "const") return { constant: slope.value };
    const used = xs.map((_, k) => k).filter((k) => mentions(slope, k));
    const op = vjpOp(`${def.name}.grad${i}`, slope, used);
    derivedOps.set(op.name, op);
    return { op, used };
  });
  return (b, node, dy) =>
    rules.map((rule, i) => {
      if (!isFloat(node.inputs[i].type.dtype)) return undefined;
      if ("op" in rule && rule.op) return b.node(rule.op, [dy, ...rule.used.map((k) => node.inputs[k])]);
      if (rule.constant === 0) return undefined;
      if (rule.constant === 1) return dy;
      return b.node(scaleOp(def.name, i, rule.constant!), [dy]);
    });
}

/** dy · slope, computed in registers and rounded once; input 0 is dy, then the operands that the slope mentions. */
function vjpOp(name: string, slope: Expr, used: readonly number[]): MapOp {
  const at = new Map(used.map((k, i) => [k, i + 1]));
  const body = prim("mul", input(0), rebuild(slope, (x) => x.e === "input" ? input(at.get(x.index)!) : x));
  return elementwise({
    name,
    class: "follow",
    arity: used.length + 1,
    accepts: isFloat,
    expr: (...x) => rebuild(body, (e) => e.e === "input" ? x[e.index] : e),
    derivative: null,
  });
}

function scaleOp(name: string, i: number, by: number): MapOp {
  const key = `${name}.grad${i}`;
  let op = derivedOps.get(key);
  if (!op) {
    op = elementwise({
      name: key,
      class: "follow",
      arity: 1,
      accepts: isFloat,
      expr: (dy) => prim("mul", dy, f32(by)),
      derivative: null,
    });
    derivedOps.set(key, op);
  }
  return op;
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

/** Shorthand for writing expressions. */
export const x = (fn: Prim) => (...args: Expr[]): Expr => prim(fn, ...args);
