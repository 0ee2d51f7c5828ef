import type { DType } from "../core/dtype.ts";
import type { Dim, Shape } from "../core/shape.ts";
import { showDim, showShape } from "../core/shape.ts";
import type { Source, Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import type { TensorType } from "../ir/op.ts";
import { showType } from "../ir/op.ts";
import type { Init, Layer } from "../layers/layer.ts";
import type { Args, LibraryFunction } from "../ops/library.ts";
import type {
  ConstDecl,
  Expr,
  FnDecl,
  LayerItem,
  ModelDecl,
  Name,
  PolicyDecl,
  TrainDecl,
} from "../syntax/ast.ts";
import type { GlobRule, Override } from "./policy.ts";

/** What an expression is worth while compiling. `poison` stands for something already reported, and spreads silently. */
export type Value =
  | { readonly kind: "poison" }
  | NumberValue
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "dtype"; readonly value: DType }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Value[] }
  | { readonly kind: "tensor"; readonly node: Node }
  | { readonly kind: "param"; readonly param: Parameter }
  | { readonly kind: "instance"; readonly instance: Instance }
  | StackValue
  /** Weights of a layer that share the first words of their names: `attn.out_proj`. */
  | { readonly kind: "part"; readonly instance: LayerInstance; readonly prefix: string }
  | { readonly kind: "fn"; readonly decl: FnDecl; readonly module: Module }
  | { readonly kind: "model"; readonly decl: ModelDecl; readonly module: Module }
  | { readonly kind: "layer"; readonly layer: Layer }
  | { readonly kind: "function"; readonly function: LibraryFunction }
  /** A name of the library that a later version brings. */
  | { readonly kind: "later"; readonly name: string };

/**
 * A number known when compiling. `int / int` is a float that remembers its exact quotient, so that `D / 2` serves as a
 * dim wherever it stands. One of `value` and `exact` is always there; `value` is absent while symbols are unbound.
 */
export interface NumberValue {
  readonly kind: "number";
  readonly int: boolean;
  readonly value?: number;
  readonly exact?: Dim;
}

export interface StackValue {
  readonly kind: "stack";
  readonly name: string;
  readonly members: readonly Instance[];
}

/** A trainable tensor: one master, however often it is used. */
export interface Parameter {
  readonly path: readonly string[];
  readonly dtype: DType;
  readonly shape: Shape;
  readonly init: Init;
  readonly span: Span;
  /** What reading it gives: the state, cast where a path rule names this parameter. */
  readonly node: Node;
}

interface InstanceBase {
  /** From the trained model's own name, which it omits: `["blocks", "0", "up"]`. */
  readonly path: readonly string[];
  readonly parent?: ModelInstance;
  /** As the program names it. */
  readonly name: string;
  /** The declaration that made it; a stack's members share one. */
  readonly item?: LayerItem;
  /** What the declaration's `in` says. */
  readonly within?: Override;
}

export interface ModelInstance extends InstanceBase {
  readonly is: "model";
  readonly decl: ModelDecl;
  readonly module: Module;
  readonly formals: ReadonlyMap<string, Value>;
  /** Layers, stacks and bare parameters, as they are declared. */
  readonly members: Map<string, Value>;
  /** What the model's `precision` item says. */
  precision?: Override;
  rules: readonly GlobRule[];
}

export interface LayerInstance extends InstanceBase {
  readonly is: "layer";
  readonly layer: Layer;
  readonly args: Args;
  /** Where each argument stands, for labels and edits. */
  readonly written: ReadonlyMap<string, Expr>;
  readonly weights: ReadonlyMap<string, Parameter>;
}

export type Instance = ModelInstance | LayerInstance;

/** One file: its declarations by name, and the scope that they and its imports make. */
export interface Module {
  readonly source: Source;
  readonly scope: Scope;
  readonly models: readonly ModelDecl[];
  readonly fns: readonly FnDecl[];
  readonly consts: readonly ConstDecl[];
  readonly policies: readonly PolicyDecl[];
  readonly trains: readonly TrainDecl[];
  /** Its own names, without what it imports. */
  readonly exports: ReadonlySet<string>;
  /** The parser found faults in it. */
  readonly broken: boolean;
}

/** What a name stands for. */
export type Entry =
  | { readonly kind: "value"; readonly value: Value; readonly span?: Span }
  | { readonly kind: "policy"; readonly decl: PolicyDecl; readonly module: Module; readonly span?: Span }
  /** A layer or param of the model at hand that is declared further down. */
  | { readonly kind: "below"; readonly span: Span }
  | ConstEntry;

/** Evaluated when it is first named. */
export interface ConstEntry {
  readonly kind: "const";
  readonly decl: ConstDecl;
  readonly module: Module;
  readonly span?: Span;
  state: "unread" | "reading" | Value;
}

/** Names, and the scope around them: a block in a forward in a model in a file. */
export interface Scope {
  readonly names: Map<string, Entry>;
  readonly outer?: Scope;
}

export const POISON: Value = { kind: "poison" };

export function tensor(node: Node): Value {
  return { kind: "tensor", node };
}

export function int(d: Dim): NumberValue {
  return typeof d === "number"
    ? { kind: "number", int: true, value: d, exact: d }
    : { kind: "number", int: true, exact: d };
}

export function float(value: number): NumberValue {
  return Number.isSafeInteger(value)
    ? { kind: "number", int: false, value, exact: value }
    : { kind: "number", int: false, value };
}

export function results(made: Node | readonly Node[]): Value {
  return "op" in made ? tensor(made) : { kind: "tuple", items: made.map(tensor) };
}

/** The tensor of a value that is one. */
export function nodeOf(v: Value): Node | undefined {
  return v.kind === "tensor" ? v.node : v.kind === "param" ? v.param.node : undefined;
}

/** Whether a part of a value is not known, which has been reported. */
export function isPoisoned(v: Value, depth = 0): boolean {
  if (v.kind !== "tuple" && v.kind !== "list") return v.kind === "poison";
  return depth < 4 && v.items.some((x) => isPoisoned(x, depth + 1));
}

/** A type as diagnostics show it: every float dtype reads `float` where the program leaves it open. */
export function showOpen(t: TensorType, shape: Shape = t.shape): string {
  const kind = t.dtype === "f32" || t.dtype === "f16" || t.dtype === "bf16" ? "float" : t.dtype;
  return shape.length ? kind + showShape(shape) : kind;
}

/** A value as diagnostics call it: `float[N, 10]`, `the int 3`, `the model Block`. */
export function describe(v: Value, depth = 0): string {
  switch (v.kind) {
    case "poison":
      return "something else";
    case "number":
      return `the ${v.int ? "int" : "float"} ${showNumber(v)}`;
    case "bool":
      return `${v.value}`;
    case "string":
      return `the string "${v.value.length > 40 ? v.value.slice(0, 40) + "…" : v.value}"`;
    case "dtype":
      return `the dtype ${v.value}`;
    case "list":
    case "tuple": {
      const shown = depth > 1 ? ["…"] : v.items.slice(0, 6).map((x) => brief(x, depth + 1));
      if (depth <= 1 && v.items.length > 6) shown.push("…");
      return v.kind === "list" ? `the list [${shown.join(", ")}]` : `(${shown.join(", ")})`;
    }
    case "tensor":
      return showType(v.node.type);
    case "param":
      return `the parameter ${v.param.path.join(".")}: ${v.param.dtype}${showShape(v.param.shape)}`;
    case "instance":
      return `the layer ${v.instance.name}`;
    case "stack":
      return `the stack ${v.name}`;
    case "part":
      return `${v.prefix} of ${v.instance.name}`;
    case "fn":
      return `the fn ${v.decl.name.text}`;
    case "model":
      return `the model ${v.decl.name.text}`;
    case "layer":
      return `the layer class ${v.layer.name}`;
    case "function":
      return `the function ${v.function.name}`;
    case "later":
      return v.name;
  }
}

/** An item of a list: a number or a string as it is written. */
function brief(v: Value, depth: number): string {
  if (v.kind === "number") return showNumber(v);
  if (v.kind === "string") return JSON.stringify(v.value.slice(0, 40));
  if (v.kind === "dtype") return v.value;
  return describe(v, depth).replace(/^the (list|int|float) /, "");
}

function showNumber(v: NumberValue): string {
  return v.value !== undefined && !v.int ? String(Number(v.value.toPrecision(6))) : showDim(v.exact!);
}

export function isSymbolName(name: Name | string): boolean {
  return /^[A-Z]/.test(typeof name === "string" ? name : name.text);
}
