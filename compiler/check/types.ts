import type { DType } from "../core/dtype.ts";
import { DTYPES, isDType, isFloat, kindOf } from "../core/dtype.ts";
import { closest } from "../core/closest.ts";
import type { Dim } from "../core/shape.ts";
import { eqDim, showDim } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Expr, Name, Type } from "../syntax/ast.ts";
import type { Checker, Env, Symbols } from "./context.ts";
import { mentions } from "./context.ts";
import { LIMITS } from "./limits.ts";
import { label, replace } from "./report.ts";
import { bind, lookup } from "./scope.ts";
import { describe, int, isSymbolName } from "./values.ts";

/** What a type's first word says: one dtype, or a family of them, or a compile-time kind. */
export type KindName = DType | "float" | "int" | "bool" | "string" | "dtype";

const KIND_NAMES: readonly string[] = [...DTYPES, "float", "int", "string", "dtype"];

/** The kind, or undefined where the word is none, which is reported. A formal of type dtype stands for its dtype. */
export function kindNamed(ck: Checker, env: Env, name: Name): KindName | undefined {
  if (name.text === "") return undefined;
  const known = lookup(env.scope, name.text);
  if (known?.kind === "value") {
    if (known.value.kind === "dtype") return known.value.value;
    if (known.value.kind === "poison") return undefined;
  }
  if (KIND_NAMES.includes(name.text)) return name.text as KindName;
  noType(ck, name, KIND_NAMES, `float, or one of ${DTYPES.join(" ")}`);
  return undefined;
}

function noType(ck: Checker, name: Name, candidates: readonly string[], expected: string): void {
  const near = closest(name.text, candidates);
  ck.report.error("MPT0231", {
    message: `there is no type ${name.text}`,
    labels: [label(name.span, near ? `did you mean ${near}?` : "not a type")],
    expected,
    edit: near ? replace(`use ${near}`, name.span, near) : undefined,
  });
}

/** Reports the type of a formal that is none. */
export function noFormalType(ck: Checker, name: Name): void {
  if (name.text !== "") {
    noType(ck, name, ["int", "float", "bool", "string", "dtype"], "int, float, bool, string or dtype");
  }
}

/** Whether a tensor of this dtype is of this kind as it is. */
export function isOfKind(dtype: DType, kind: KindName): boolean {
  if (kind === "float") return isFloat(dtype);
  if (kind === "int") return kindOf(dtype) === "i32" || kindOf(dtype) === "u32";
  return dtype === kind;
}

/** The dtype of an input that the host gives: a `float` one is f32. */
export function hostDType(kind: KindName): DType | undefined {
  if (kind === "float") return "f32";
  if (kind === "int") return "i32";
  return isDType(kind) ? kind : undefined;
}

/** The symbol that a dim names as a whole, where nothing else binds that name. */
export function symbolOf(e: Expr, env: Env): string | undefined {
  if (e.kind !== "name" || !isSymbolName(e.name)) return undefined;
  return lookup(env.scope, e.name) ? undefined : e.name;
}

/** Binds a symbol, or compares it with what it was bound to. False where they differ, which is reported. */
export function unify(
  ck: Checker,
  env: Env,
  symbols: Symbols,
  name: string,
  dim: Dim,
  at: Span,
  declared: Span,
): boolean {
  const known = symbols.get(name);
  if (!known) {
    symbols.set(name, { dim, span: at });
    return true;
  }
  if (
    eqDim(known.dim, dim) || mentions(dim, env.session.generic) || mentions(known.dim, env.session.generic)
  ) {
    return true;
  }
  ck.report.error("MPT0211", {
    message: `${name} is ${showDim(known.dim)} and ${showDim(dim)} at once`,
    labels: [
      label(at, `makes ${name} ${showDim(dim)}`),
      ...(same(known.span, at) ? [] : [label(known.span, `makes ${name} ${showDim(known.dim)}`)]),
      label(declared, `${name} stands for one size`),
    ],
    expected: `${name} = ${showDim(known.dim)}`,
    found: `${name} = ${showDim(dim)}`,
    help: env.model
      ? "a symbol holds for all calls of one layer instance; declare a second layer, or two symbols"
      : undefined,
  });
  return false;
}

export function same(a: Span, b: Span): boolean {
  return a.file === b.file && a.start === b.start && a.end === b.end;
}

/** Makes bound symbols names that expressions can use. */
export function bindSymbols(env: Env, symbols: Symbols): void {
  for (const [name, s] of symbols) bind(env.scope, name, int(s.dim), s.span);
}

/** The size that a dim is; undefined where it is none, which is reported. */
export function evaluateDim(ck: Checker, env: Env, e: Expr): Dim | undefined {
  const free = symbolOf(e, env);
  if (free !== undefined) {
    unboundSymbol(ck, free, e.span);
    return undefined;
  }
  const v = ck.evaluate(e, env);
  if (v.kind === "poison") return undefined;
  if (v.kind === "number" && v.exact !== undefined) return checkDim(ck, v.exact, e.span);
  if (v.kind === "number") {
    ck.report.error("MPT0213", {
      message: "a dim is a whole number",
      labels: [label(e.span, `this is ${v.value}`)],
      expected: "an int",
      found: `${v.value}`,
      help: "division in dims is exact",
    });
    return undefined;
  }
  ck.report.error("MPT0209", {
    message: "a dim is an int",
    labels: [label(e.span, `this is ${describe(v)}`)],
    expected: "an int: a number, a formal, a const or a symbol",
    found: describe(v),
  });
  return undefined;
}

/** A size between 0 and what a tensor can hold. */
export function checkDim(ck: Checker, d: Dim, span: Span): Dim | undefined {
  if (typeof d !== "number" || (d >= 0 && d <= LIMITS.elements)) return d;
  const text = d < 0 ? "a dim is not negative" : `a dim is at most ${LIMITS.elements}`;
  ck.report.error(d < 0 ? "MPT0213" : "MPT0504", {
    message: text,
    labels: [label(span, `this is ${d}`)],
    expected: d < 0 ? "0 or more" : `at most ${LIMITS.elements}`,
    found: `${d}`,
  });
  return undefined;
}

export function unboundSymbol(ck: Checker, name: string, span: Span): void {
  ck.report.error("MPT0210", {
    message: `no input binds ${name}`,
    labels: [label(span, `${name} has no value`)],
    help: `a symbol gets its value where it is a whole dim of an input, as in x: float[${name}, 784]; ` +
      "a size that the caller chooses is a formal or a const",
  });
}

/** A type as the program writes it. */
export function showWritten(t: Type, text: string): string {
  return text.slice(t.span.start, t.span.end).replace(/\s+/g, " ");
}
