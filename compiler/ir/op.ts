import type { DType } from "../core/dtype.ts";
import { isFloat, widest } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import type { Combine } from "../core/kernel.ts";
import type { Poly, Shape } from "../core/shape.ts";
import { showShape } from "../core/shape.ts";
import type { Span } from "../core/span.ts";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export function showType(t: TensorType): string {
  return t.shape.length ? t.dtype + showShape(t.shape) : t.dtype;
}

/** Plain data, so that a graph prints and parses back. Dims among them may be symbolic until dims are bound. */
export type Attr = number | string | boolean | Poly | readonly Attr[];
export type Attrs = Readonly<Record<string, Attr>>;

/**
 * - `compute`: float operands are cast to the region's compute dtype, which the result has too.
 * - `full`: float operands are cast to f32.
 * - `follow`: float operands are cast to the widest among them.
 * - `fixed`: operands are taken as they are.
 */
export type PrecisionClass = "compute" | "full" | "follow" | "fixed";

/** A type rule's refusal; whoever asked knows the source span. `input` says which operand is at fault. */
export class OpError extends Error {
  constructor(
    message: string,
    readonly detail: {
      readonly expected?: string;
      readonly found?: string;
      readonly input?: number;
      readonly help?: string;
    } = {},
  ) {
    super(message);
    this.name = "OpError";
  }
}

/** Why a node exists and the source that caused it. */
export interface Origin {
  readonly why: string;
  readonly span?: Span;
  /**
   * The checkpointed segment in which the node stands, within those around it: `2` is the program's second, `2.5` one
   * inside it. Of a gradient it is the segment whose gradient it is.
   */
  readonly segment?: string;
}

/** The precision in force where a node stands, until the casts pass has made it explicit. */
export interface Region extends Origin {
  readonly compute: DType;
  readonly accum: DType;
}

/** `(op, inputs, attrs)`; the type is derived. Nodes are immutable and compared by identity. */
export interface Node {
  readonly op: Op;
  readonly inputs: readonly Node[];
  readonly attrs: Attrs;
  readonly type: TensorType;
  readonly origin: Origin;
  readonly region?: Region;
}

/** What makes nodes; `Builder` is it. */
export interface NodeBuilder {
  readonly origin: Origin;
  readonly region?: Region;
  node(op: Op, inputs: readonly Node[], attrs?: Attrs): Node;
  at(origin: Origin): NodeBuilder;
  within(region: Region | undefined): NodeBuilder;
}

/**
 * The vector-Jacobian product: given the node and the gradient of its result (same type as the node), the gradient of
 * each input (same type as that input), or undefined where there is none. Uses ops that are in registers f32.
 */
export type Gradient = (b: NodeBuilder, node: Node, dy: Node) => readonly (Node | undefined)[];

export interface OpBaseFields {
  readonly name: string;
  readonly class: PrecisionClass;
  /** The one type rule. Throws OpError. Float operands arrive already cast as the class says. */
  type(inputs: readonly TensorType[], attrs: Attrs): TensorType;
  /** null: gradients stop here (integer results, `stop_gradient`). */
  readonly grad: Gradient | null;
  /** Calls on which tests try the op: the gradient check, the oracle against every executor. Only a leaf has none. */
  readonly samples: readonly Sample[];
}

/** One call of an op: its attrs and how its inputs are drawn. */
export interface Sample {
  readonly inputs: readonly SampleInput[];
  readonly attrs?: Attrs;
}

export interface SampleInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /**
   * Values are uniform between these, integers inclusive. Without one a float has a magnitude in [0.25, 2] and either
   * sign, which keeps it off the kinks at 0, and an integer is between 0 and 7.
   */
  readonly range?: readonly [number, number];
}

/** Has no inputs. `input`, `state`, `const`. */
export interface LeafOp extends OpBaseFields {
  readonly kind: "leaf";
}

export interface MapContext {
  /** Coordinates of the output element, one i32 expression an axis. */
  readonly coords: readonly Expr[];
  /** The node's and its inputs' types, bound. */
  readonly type: BoundType;
  readonly inputs: readonly BoundType[];
  readonly attrs: Attrs;
  /** The element of input `k` at `coords`; 0 where `guard` is false (then the coords may be out of range). */
  read(k: number, coords: readonly Expr[], guard?: Expr): Expr;
}

export interface BoundType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Every output element is an expression of input elements at computed coordinates: elementwise ops, views, gathers. */
export interface MapOp extends OpBaseFields {
  readonly kind: "map";
  /** Unrounded; the result is rounded to the node's dtype unless `exact`. */
  expr(context: MapContext): Expr;
  /** Results are among the inputs' values (views, max, select): nothing to round. */
  readonly exact: boolean;
  /** Only moves elements: one input, read once, unchanged. */
  readonly view: boolean;
  /** Inputs that are read at many places for each element: they must stand in memory. */
  readonly searches?: readonly number[];
}

/** Reduces the axes in attrs.axes (sorted, non-negative) away; the result has the input's dtype but for arg… and or. */
export interface ReduceOp extends OpBaseFields {
  readonly kind: "reduce";
  readonly combine: Combine;
}

/**
 * `matmul`: [batch…, m, k] × [batch…, k, n] → [batch…, m, n], equal batch shapes. Floats are accumulated in f32 and
 * rounded to attrs.out if given, else to the operands' dtype; i8 is accumulated in i32, u8 in u32, and stays so.
 */
export interface ContractOp extends OpBaseFields {
  readonly kind: "contract";
}

/** Has a closed-form gradient or a name worth reading, and expands into the other kinds before fusion. */
export interface CompositeOp extends OpBaseFields {
  readonly kind: "composite";
  /** The same value in simpler ops; types are bound. */
  decompose(b: NodeBuilder, node: Node): Node;
  /** f64 from f64, written from the definition and independent of `decompose`. Row-major, unpadded. */
  reference(inputs: readonly RefTensor[], attrs: Attrs, type: BoundType): Float64Array;
}

export interface RefTensor extends BoundType {
  readonly data: Float64Array;
}

/**
 * `found_inf`: u32[], 1 where an input has a non-finite element or a rounding among its ancestors overflowed
 * (f16, f8e5m2), or the flag slot is raised from a micro-batch before. Inputs: the f32 gradients, then whatever else must be finite.
 */
export interface FlagOp extends OpBaseFields {
  readonly kind: "flag";
}

export type Op = LeafOp | MapOp | ReduceOp | ContractOp | CompositeOp | FlagOp;

/** The type that the op's rule derives from its operands, taken as the region has them. Throws OpError and DimError. */
export function deriveType(
  op: Op,
  inputs: readonly TensorType[],
  attrs: Attrs,
  region: Region | undefined,
): TensorType {
  if (!region) return op.type(inputs, attrs);
  const dtypes = operandDTypes(op, inputs, region);
  return op.type(inputs.map((t, i) => ({ dtype: dtypes[i], shape: t.shape })), attrs);
}

/**
 * The dtype in which each operand is taken. Without a region operands are taken as they are: casts are already explicit.
 * This one function is what the checker, the builder and the casts pass go by.
 */
export function operandDTypes(
  op: Op,
  inputs: readonly TensorType[],
  region: Region | undefined,
): readonly DType[] {
  const own = inputs.map((t) => t.dtype);
  if (!region || op.class === "fixed") return own;
  const floats = own.filter(isFloat);
  if (floats.length === 0) return own;
  const target = op.class === "compute"
    ? region.compute
    : op.class === "full"
    ? "f32"
    : floats.reduce(widest);
  return own.map((d) => isFloat(d) ? target : d);
}
