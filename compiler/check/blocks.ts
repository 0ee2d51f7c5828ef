import { why } from "./policy.ts";
import type { Choice } from "./policy.ts";
import type { DType } from "../core/dtype.ts";
import type { Edit } from "../core/diagnostic.ts";
import type { Dim } from "../core/shape.ts";
import { showShape } from "../core/shape.ts";
import { showType } from "../ir/op.ts";
import { cast } from "../ops/cast.ts";
import { constNode } from "../ops/leaf.ts";
import type { Block, Expr, Pattern, Type } from "../syntax/ast.ts";
import { dimOf, numberOf } from "./arguments.ts";
import type { Checker, Env } from "./context.ts";
import { builderAt, isGeneric, mayEqual } from "./context.ts";
import { count, label, wrap } from "./report.ts";
import { bind, inner } from "./scope.ts";
import { unboundSymbol } from "./library.ts";
import { evaluateDim, hostDType, isOfKind, kindNamed, symbolOf } from "./types.ts";
import type { Value } from "./values.ts";
import { describe, float, int, nodeOf, POISON, showOpen, tensor } from "./values.ts";

/** Whose result it is. */
export interface Returns {
  readonly name: string;
  /** What a `float[…]` result is cast to: at the outermost model only. */
  readonly output?: Choice;
}

/** A body's value, as its declared type takes it. `env.scope` has the inputs and symbols. */
export function block(ck: Checker, env: Env, body: Block, result: Type, returns: Returns): Value {
  const own = { ...env, scope: inner(env.scope) };
  for (const l of body.lets) {
    destructure(ck, own, l.pattern, ck.evaluate(l.value, own), l.value);
  }
  const value = ck.evaluate(body.result, own);
  // The type speaks of inputs and symbols, which a `let` of the same name does not change.
  return settle(ck, env, result, value, body.result, returns);
}

/** Binds the names of a pattern. */
export function destructure(ck: Checker, env: Env, pattern: Pattern, value: Value, from: Expr): void {
  if (pattern.kind === "name") {
    bind(env.scope, pattern.name.text, value, pattern.name.span);
    return;
  }
  const items = value.kind === "tuple" || value.kind === "list" ? value.items : undefined;
  if (items?.length === pattern.items.length) {
    pattern.items.forEach((p, i) => destructure(ck, env, p, items[i], from));
    return;
  }
  if (value.kind !== "poison") {
    ck.report.error("MPT0218", {
      message: items
        ? `${count(pattern.items.length, "name")} for ${count(items.length, "value")}`
        : "only a tuple can be taken apart",
      labels: [
        label(pattern.span, count(pattern.items.length, "name")),
        label(from.span, items ? count(items.length, "value") : `this is ${describe(value)}`),
      ],
      expected: `a tuple of ${pattern.items.length}`,
      found: describe(value),
      help: nodeOf(value) ? `split(x, ${pattern.items.length}) cuts a tensor into equal parts` : undefined,
    });
  }
  for (const p of pattern.items) destructure(ck, env, p, POISON, from);
}

function settle(ck: Checker, env: Env, type: Type, value: Value, at: Expr, returns: Returns): Value {
  if (value.kind === "poison") {
    checkDims(ck, env, type);
    return POISON;
  }
  if (type.kind === "tuple") {
    const items = value.kind === "tuple" || value.kind === "list" ? value.items : undefined;
    if (items?.length === type.items.length) {
      return { kind: "tuple", items: items.map((v, i) => settle(ck, env, type.items[i], v, at, returns)) };
    }
    mismatch(ck, env, type, value, at, returns, `a tuple of ${type.items.length}`);
    return POISON;
  }
  const kind = kindNamed(ck, env, type.kindName);
  if (!kind) return POISON;
  const node = nodeOf(value) ?? scalar();
  if (!node) {
    if (!type.dims && kind === value.kind) return value;
    if (!type.dims && kind === "int" && value.kind === "number" && dimOf(value) !== undefined) {
      return int(dimOf(value)!);
    }
    if (!type.dims && kind === "float" && value.kind === "number") {
      return value.value !== undefined ? float(value.value) : { ...value, int: false };
    }
    if (isGeneric(env, value)) return POISON;
    mismatch(ck, env, type, value, at, returns, type.dims ? `a tensor of ${kind}` : `${kind}`);
    return POISON;
  }
  const shape = (type.dims ?? []).map((d) => evaluateDim(ck, env, d));
  if (!shape.every((d): d is Dim => d !== undefined)) return POISON;
  const found = node.type.shape;
  const fits = shape.length === found.length &&
    shape.every((d, i) => mayEqual(env, d, found[i]));
  if (!fits) {
    mismatch(ck, env, type, tensor(node), at, returns, kind + (type.dims ? showShape(shape) : ""));
    return POISON;
  }
  if (kind === "float" && isOfKind(node.type.dtype, "float")) {
    if (!returns.output) return tensor(node);
    const b = builderAt(ck, env, type.span, why("output", returns.output));
    return tensor(
      cast(
        returns.output.span ? b.at({ why: why("output", returns.output), span: returns.output.span }) : b,
        node,
        returns.output.dtype,
      ),
    );
  }
  if (isOfKind(node.type.dtype, kind)) return tensor(node);
  if (kind === "float" || kind === "int") {
    ck.report.error("MPT0205", {
      message: `${returns.name} returns ${kind}, and this is ${node.type.dtype}`,
      labels: [label(at.span, `this is ${showType(node.type)}`), label(type.span, "declared here")],
      expected: kind + showShape(shape),
      found: showType(node.type),
      edit: insertCast(env, at, kind),
    });
    return POISON;
  }
  if (kind === "string" || kind === "dtype") {
    mismatch(ck, env, type, tensor(node), at, returns, `a ${kind}`);
    return POISON;
  }
  return tensor(cast(builderAt(ck, env, type.span, `${returns.name} returns ${kind}`), node, kind as DType));

  /** A number where a tensor of rank 0 is declared. */
  function scalar() {
    const host = hostDType(kind!);
    if (value.kind !== "number" || type.kind !== "tensor" || type.dims || !host) return undefined;
    // A bare float or int stays a number; at the outermost model a result is a tensor.
    if ((kind === "float" || kind === "int") && !returns.output) return undefined;
    return constNode(builderAt(ck, env, at.span, "a number"), numberOf(value) as number, host);
  }
}

/** Unbound symbols of a result type show even where the value is not known. */
function checkDims(ck: Checker, env: Env, type: Type): void {
  if (type.kind === "tuple") {
    for (const t of type.items) checkDims(ck, env, t);
    return;
  }
  kindNamed(ck, env, type.kindName);
  for (const d of type.dims ?? []) {
    const free = symbolOf(d, env);
    if (free !== undefined) unboundSymbol(ck.report, free, d.span);
  }
}

function insertCast(env: Env, at: Expr, kind: string): Edit {
  const simple = at.kind === "name" || at.kind === "call" || at.kind === "member" || at.kind === "index";
  return wrap(
    `convert it with as ${kind}`,
    env.module.source,
    at.span,
    simple ? "" : "(",
    `${simple ? "" : ")"} as ${kind}`,
  );
}

function mismatch(
  ck: Checker,
  env: Env,
  type: Type,
  value: Value,
  at: Expr,
  returns: Returns,
  expected: string,
): void {
  if (isGeneric(env, value)) return;
  const node = nodeOf(value);
  const found = node ? showOpen(node.type) : describe(value);
  ck.report.error("MPT0212", {
    message: `${returns.name} does not return what it declares`,
    labels: [label(at.span, `this is ${found}`), label(type.span, `declared ${expected}`)],
    expected,
    found,
  });
}
