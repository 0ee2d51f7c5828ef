import type { DType } from "../core/dtype.ts";
import { isFloat } from "../core/dtype.ts";
import type { Edit } from "../core/diagnostic.ts";
import type { Dim } from "../core/shape.ts";
import { DimError, showDim, showShape, sizeOf, symbol } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import { showType } from "../ir/op.ts";
import { cast } from "../ops/cast.ts";
import { constNode, inputNode } from "../ops/leaf.ts";
import type { Type, Typed } from "../syntax/ast.ts";
import { dimOf, numberOf } from "./arguments.ts";
import type { CallArg, Checker, Env, Symbols } from "./context.ts";
import { builderAt, isGeneric, mayEqual } from "./context.ts";
import { LIMITS } from "./limits.ts";
import { label, wrap } from "./report.ts";
import { bind } from "./scope.ts";
import { describeFit } from "./provenance.ts";
import type { TypedInput } from "./typed.ts";
import type { KindName } from "./types.ts";
import { bindSymbols, evaluateDim, hostDType, isOfKind, kindNamed, same, symbolOf, unify } from "./types.ts";
import type { Value } from "./values.ts";
import { describe, float, int, nodeOf, POISON, showOpen, tensor } from "./values.ts";

type TensorTypeAst = Extract<Type, { kind: "tensor" }>;

/**
 * Binds the inputs of a fn or a forward to what a call gives: first the symbols, which are whole dims, then every other
 * dim is evaluated and compared. `env.scope` is the callee's own, into which names and symbols go. False where
 * something does not fit, which has been reported.
 */
export function bindInputs(
  ck: Checker,
  env: Env,
  callee: string,
  params: readonly Typed[],
  args: ReadonlyMap<string, CallArg>,
  symbols: Symbols,
): boolean {
  bindSymbols(env, symbols);
  let sound = true;
  // Bare numbers first: the dims of other inputs may name them.
  for (const p of params) {
    if (p.type.kind === "tensor" && !p.type.dims) {
      const value = bareInput(ck, env, callee, p, p.type, args.get(p.name.text)!);
      bind(env.scope, p.name.text, value, p.name.span);
      sound &&= value.kind !== "poison";
    }
  }
  const tensors: { type: TensorTypeAst; node: Node; arg: CallArg; name: string }[] = [];
  for (const p of params) {
    const arg = args.get(p.name.text)!;
    sound = flatten(ck, callee, p.name.text, p.type, arg.value, arg, tensors) && sound;
  }
  const whole = tensors.filter((t) => bindWhole(ck, env, callee, symbols, t));
  bindSymbols(env, symbols);
  sound &&= whole.length === tensors.length;
  for (const t of whole) sound = compare(ck, env, callee, t) && sound;
  if (!sound) return false;
  for (const p of params) {
    if (p.type.kind === "tensor" && !p.type.dims) continue;
    bind(
      env.scope,
      p.name.text,
      taken(ck, env, callee, p.type, args.get(p.name.text)!.value, args.get(p.name.text)!),
      p.name.span,
    );
  }
  return true;
}

/** The tensors of an argument beside their types; tuples are taken apart. */
function flatten(
  ck: Checker,
  callee: string,
  name: string,
  type: Type,
  value: Value,
  arg: CallArg,
  out: { type: TensorTypeAst; node: Node; arg: CallArg; name: string }[],
): boolean {
  if (value.kind === "poison") return false;
  if (type.kind === "tuple") {
    if ((value.kind === "tuple" || value.kind === "list") && value.items.length === type.items.length) {
      return type.items.map((t, i) => flatten(ck, callee, `${name}.${i}`, t, value.items[i], arg, out)).every(
        Boolean,
      );
    }
    ck.report.error("MPT0209", {
      message: `${name} of ${callee} is a tuple of ${type.items.length}`,
      labels: [label(arg.span, `given ${describe(value)}`), label(type.span, "declared here")],
      expected: `a tuple of ${type.items.length}`,
      found: describe(value),
    });
    return false;
  }
  if (!type.dims) return true;
  const node = nodeOf(value);
  if (node) {
    out.push({ type, node, arg, name });
    return true;
  }
  ck.report.error("MPT0209", {
    message: `${name} of ${callee} is a tensor`,
    labels: [label(arg.span, `given ${describe(value)}`), label(type.span, "declared here")],
    expected: "a tensor",
    found: describe(value),
    help: value.kind === "number" ? "full(shape, value) makes a tensor of one number" : undefined,
  });
  return false;
}

/** Binds the symbols of one input; false at the first that is bound to something else. */
function bindWhole(
  ck: Checker,
  env: Env,
  callee: string,
  symbols: Symbols,
  { type, node, arg }: { type: TensorTypeAst; node: Node; arg: CallArg },
): boolean {
  const dims = type.dims!;
  const { shape } = node.type;
  // A wrong rank is told by `compare`, with the whole type.
  if (dims.length !== shape.length) return true;
  return dims.every((d, i) => {
    const name = d.kind === "name" && symbols.has(d.name) ? d.name : symbolOf(d, env);
    if (name === undefined) return true;
    const bound = unify(env, symbols, name, shape[i], arg.span);
    if (bound === true) return true;
    const expected = dims.map((e, k) => {
      const known = e.kind === "name" ? symbols.get(e.name)?.dim : undefined;
      return known ?? shape[k];
    });
    ck.report.error("MPT0211", {
      message: `${name} of ${callee} is ${showDim(bound.dim)} and ${showDim(shape[i])} at once`,
      labels: [
        label(arg.span, `given ${showOpen(node.type)}`),
        ...(same(bound.span, arg.span) ? [] : [label(bound.span, `makes ${name} ${showDim(bound.dim)}`)]),
        label(d.span, `${name} stands for one size`),
      ],
      expected: showOpen(node.type, expected),
      found: showOpen(node.type),
      help: env.model && env.model.decl.name.text === callee
        ? "a symbol holds for all calls of one layer instance: declare a second layer for another size"
        : undefined,
    });
    return false;
  });
}

function compare(
  ck: Checker,
  env: Env,
  callee: string,
  { type, node, arg, name }: { type: TensorTypeAst; node: Node; arg: CallArg; name: string },
): boolean {
  const dims = type.dims!;
  const kind = kindNamed(ck, env, type.kindName);
  if (!kind) return false;
  const found = node.type;
  const shape: (Dim | undefined)[] = [];
  for (const [i, d] of dims.entries()) {
    const free = symbolOf(d, env);
    // With a wrong rank no symbol was bound; it stands for itself in the message.
    if (free !== undefined && dims.length !== found.shape.length) shape.push(symbol(free));
    else shape.push(evaluateDim(ck, env, d));
    if (shape[i] === undefined) return false;
  }
  const fits = shape.length === found.shape.length &&
    shape.every((d, i) => mayEqual(env, d!, found.shape[i]));
  if (!fits) {
    describeFit(ck, callee, {
      name,
      arg,
      node,
      expected: kind + showShape(shape as Dim[]),
      declared: type.span,
      whole: shape.length === found.shape.length,
    });
    return false;
  }
  return fitsKind(ck, env, callee, kind, name, arg, node, type.span);
}

/** Floats go where floats go, integers widen; anything else is converted by the program. */
function fitsKind(
  ck: Checker,
  env: Env,
  callee: string,
  kind: KindName,
  name: string,
  arg: CallArg,
  node: Node,
  declared: Span,
): boolean {
  const from = node.type.dtype;
  if (isOfKind(from, kind) || (kind !== "float" && kind !== "int" && widens(from, kind as DType))) {
    return true;
  }
  const shown = showType({ dtype: kind as DType, shape: node.type.shape });
  ck.report.error("MPT0205", {
    message: `${name} of ${callee} is ${kind}, and this is ${from}`,
    labels: [label(arg.span, `given ${showType(node.type)}`), label(declared, `takes ${kind}`)],
    expected: shown,
    found: showType(node.type),
    edit: kind === "string" || kind === "dtype" ? undefined : castArg(env, arg, kind),
  });
  return false;
}

/** The argument converted; the left of a pipe is put into parentheses unless it is a name. */
function castArg(env: Env, arg: CallArg, kind: string): Edit {
  const { kind: form } = arg.expr;
  const simple = form === "name" || form === "call" || form === "member" || form === "index";
  const source = env.caller ?? env.module.source;
  return wrap(
    `convert it with as ${kind}`,
    source,
    arg.expr.span,
    simple ? "" : "(",
    `${simple ? "" : ")"} as ${kind}`,
  );
}

function widens(from: DType, to: DType): boolean {
  if (isFloat(from) && isFloat(to)) return true;
  if (from === to) return true;
  return (to === "i32" && (from === "u8" || from === "i8")) || (to === "u32" && from === "u8");
}

/** The value as the body sees it: cast where the type names a dtype that differs. */
function taken(ck: Checker, env: Env, callee: string, type: Type, value: Value, arg: CallArg): Value {
  if (type.kind === "tuple") {
    const items = value.kind === "tuple" || value.kind === "list" ? value.items : [];
    return { kind: "tuple", items: items.map((v, i) => taken(ck, env, callee, type.items[i], v, arg)) };
  }
  const node = nodeOf(value);
  if (!node) return value;
  const kind = kindNamed(ck, env, type.kindName)!;
  if (isOfKind(node.type.dtype, kind)) return tensor(node);
  return tensor(cast(builderAt(ck, env, type.span, `an input of ${callee} is ${kind}`), node, kind as DType));
}

/** A type without dims: a number, a bool, a string, a dtype, or a tensor of rank 0. */
function bareInput(
  ck: Checker,
  env: Env,
  callee: string,
  p: Typed,
  type: TensorTypeAst,
  arg: CallArg,
): Value {
  const kind = kindNamed(ck, env, type.kindName);
  const v = arg.value;
  if (!kind || v.kind === "poison") return POISON;
  const node = nodeOf(v);
  if (node && node.type.shape.length === 0) {
    if (kind === "string" || kind === "dtype") return refuse();
    return fitsKind(ck, env, callee, kind, p.name.text, arg, node, type.span)
      ? taken(ck, env, callee, type, v, arg)
      : POISON;
  }
  if (kind === "int" && v.kind === "number" && dimOf(v) !== undefined) return int(dimOf(v)!);
  if (kind === "float" && v.kind === "number") {
    return v.value !== undefined ? float(v.value) : { ...v, int: false };
  }
  if (kind === v.kind) return v;
  const host = hostDType(kind);
  if (host && kind !== "int" && kind !== "float" && kind !== "bool" && v.kind === "number") {
    return tensor(
      constNode(builderAt(ck, env, arg.expr.span, `${p.name.text} is ${kind}`), numberOf(v) as number, host),
    );
  }
  if (isGeneric(env, v)) return POISON;
  return refuse();

  function refuse(): Value {
    const wanted = kind === "int" || kind === "float"
      ? `${kind === "int" ? "an int" : "a float"}, or a tensor of rank 0`
      : kind === "string" || kind === "bool" || kind === "dtype"
      ? `a ${kind}`
      : `${kind}: a tensor of rank 0`;
    ck.report.error("MPT0209", {
      message: `${p.name.text} of ${callee} is ${wanted}`,
      labels: [label(arg.span, `given ${describe(v)}`), label(type.span, "declared here")],
      expected: wanted,
      found: describe(v),
      help: node && kind !== "string" && kind !== "dtype" && kind !== "bool"
        ? `for a tensor with axes, declare them: ${p.name.text}: ${kind}[N]`
        : undefined,
    });
    return POISON;
  }
}

/**
 * The inputs of an entry point, which the host gives: their nodes go into scope, their symbols are free until lowering.
 */
export function hostInputs(ck: Checker, env: Env, params: readonly Typed[], symbols: Symbols): TypedInput[] {
  const inputs: TypedInput[] = [];
  const flat: { name: string; type: TensorTypeAst }[] = [];
  const leaves = (name: string, type: Type): void => {
    if (type.kind === "tuple") type.items.forEach((t, i) => leaves(`${name}.${i}`, t));
    else flat.push({ name, type });
  };
  for (const p of params) leaves(p.name.text, p.type);
  for (const { type } of flat) {
    for (const d of type.dims ?? []) {
      const name = symbolOf(d, env);
      if (name !== undefined && !symbols.has(name)) symbols.set(name, { dim: symbol(name), span: d.span });
    }
  }
  bindSymbols(env, symbols);
  const made = new Map<string, Value>();
  for (const { name, type } of flat) {
    const kind = kindNamed(ck, env, type.kindName);
    const shape = (type.dims ?? []).map((d) => evaluateDim(ck, env, d));
    made.set(name, POISON);
    if (!kind || !shape.every((d): d is Dim => d !== undefined)) continue;
    const dtype = hostDType(kind);
    if (!dtype) {
      ck.report.error("MPT0205", {
        message: `${name} is a ${kind}, which no batch can hold`,
        labels: [label(type.span, "not a tensor")],
        help: "give a compile-time value as a formal of the model",
      });
      continue;
    }
    if (!checkSize(ck, shape, type.span)) continue;
    const b = builderAt(ck, env, type.span, `the input ${name}`).within(undefined);
    made.set(name, tensor(inputNode(b, name, dtype, shape)));
    inputs.push({ name, dtype, shape, span: type.span });
  }
  const value = (name: string, type: Type): Value =>
    type.kind === "tensor"
      ? made.get(name)!
      : { kind: "tuple", items: type.items.map((t, i) => value(`${name}.${i}`, t)) };
  for (const p of params) bind(env.scope, p.name.text, value(p.name.text, p.type), p.name.span);
  return inputs;
}

/** The number of elements; undefined where it has too many terms. */
function sizeIfSimple(shape: readonly Dim[]): Dim | undefined {
  try {
    return sizeOf(shape);
  } catch (error) {
    if (error instanceof DimError) return undefined;
    throw error;
  }
}

/** A tensor's elements are counted in 31 bits. */
export function checkSize(ck: Checker, shape: readonly Dim[], span: Span): boolean {
  if (shape.some((d) => typeof d === "number" && d < 0)) {
    ck.report.error("MPT0213", {
      message: "a size is not negative",
      labels: [label(span, `makes ${showShape(shape)}`)],
      found: showShape(shape),
    });
    return false;
  }
  const size = shape.length <= LIMITS.rank ? sizeIfSimple(shape) : undefined;
  if (size !== undefined && !(typeof size === "number" && size > LIMITS.elements)) return true;
  ck.report.error("MPT0504", {
    message: shape.length > LIMITS.rank
      ? `a tensor has at most ${LIMITS.rank} axes`
      : size === undefined
      ? "this size is too complicated"
      : `this tensor has ${showDim(size)} elements, more than ${LIMITS.elements}`,
    labels: [label(span, shape.length > LIMITS.rank ? `${shape.length} axes` : showShape(shape))],
  });
  return false;
}
