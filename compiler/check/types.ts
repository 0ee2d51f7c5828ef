import type { DType } from "../core/dtype.ts";
import { DTYPES, isDType, isFloat, kindOf } from "../core/dtype.ts";
import { closest } from "../core/closest.ts";
import type { Dim } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Expr, Name } from "../syntax/ast.ts";
import type { Binding, Checker, Env, Symbols } from "./context.ts";
import { mayEqual } from "./context.ts";
import { LIMITS } from "./limits.ts";
import { label, replace } from "./report.ts";
import { libraryValue, unboundSymbol } from "./library.ts";
import { bind, lookup, namesOf } from "./scope.ts";
import { describe, int, isSymbolName } from "./values.ts";

/** What a type's first word says: one dtype, or a family of them, or a compile-time kind. */
export type KindName = DType | "float" | "int" | "bool" | "string" | "dtype";

const KIND_NAMES: readonly string[] = [...DTYPES, "float", "int", "string", "dtype"];

/** What other languages call these types. */
const TYPE_ALIASES: ReadonlyMap<string, string> = new Map(Object.entries({
  float32: "f32",
  float16: "f16",
  half: "f16",
  fp32: "f32",
  fp16: "f16",
  bfloat16: "bf16",
  double: "f32",
  f64: "f32",
  float64: "f32",
  int8: "i8",
  uint8: "u8",
  byte: "u8",
  int32: "i32",
  uint32: "u32",
  int64: "i32",
  i64: "i32",
  long: "i32",
  uint: "u32",
  boolean: "bool",
}));

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
  const near = TYPE_ALIASES.get(name.text) ?? closest(name.text, candidates);
  ck.report.error("MPT0231", {
    message: `there is no type ${name.text}`,
    labels: [label(name.span, near ? `did you mean ${near}?` : "not a type")],
    expected,
    edit: near ? replace(`use ${near}`, name.span, near) : undefined,
  });
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

/** Binds a symbol, or compares it with what it was bound to: true, or that binding where they differ. */
export function unify(env: Env, symbols: Symbols, name: string, dim: Dim, at: Span): true | Binding {
  const known = symbols.get(name);
  if (!known) symbols.set(name, { dim, span: at });
  return !known || mayEqual(env, known.dim, dim) || known;
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
    unboundSymbol(ck.report, free, e.span);
    return undefined;
  }
  if (e.kind === "name" && lowercaseSymbol(ck, env, e.name, e.span)) return undefined;
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
    help: v.kind === "model" || v.kind === "fn" || v.kind === "layer"
      ? "a name that is declared is no symbol; call the size otherwise"
      : undefined,
  });
  return undefined;
}

/** Reports a lowercase name that nothing binds where a symbol could stand. */
function lowercaseSymbol(ck: Checker, env: Env, name: string, span: Span): boolean {
  if (isSymbolName(name) || lookup(env.scope, name) || libraryValue(name)) return false;
  const near = closest(name, namesOf(env.scope));
  if (near !== undefined && near.toLowerCase() !== name.toLowerCase()) return false;
  const symbol = name[0].toUpperCase() + name.slice(1);
  const taken = lookup(env.scope, symbol);
  if (!/^[a-z]/.test(name) || (taken && !(taken.kind === "value" && taken.value.kind === "number"))) {
    return false;
  }
  ck.report.error("MPT0210", {
    message: `there is no size ${name}`,
    labels: [label(span, "neither a formal nor a const")],
    help: "a symbol, which an input binds, begins with a capital",
    edit: replace(`write ${symbol}`, span, symbol),
  });
  return true;
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
