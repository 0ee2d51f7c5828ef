import type { Span } from "../core/span.ts";
import { symbol } from "../core/shape.ts";
import type { Formal, ModelDecl } from "../syntax/ast.ts";
import { dimOf, match, wrongKind } from "./arguments.ts";
import type { CallArg, Checker, Env } from "./context.ts";
import { isGeneric } from "./context.ts";
import { moduleEnv } from "./evaluate.ts";
import { bind } from "./scope.ts";
import type { Module, Value } from "./values.ts";
import { float, int, POISON } from "./values.ts";

const WANTED: Readonly<Record<string, string>> = {
  int: "an int",
  float: "a float",
  bool: "true or false",
  string: "a string",
  dtype: "a dtype",
};

/** The formals of a model with a call's arguments and the defaults of the rest; undefined where they do not fit. */
export function bindFormals(
  ck: Checker,
  env: Env,
  decl: ModelDecl,
  module: Module,
  args: readonly CallArg[],
  at: Span,
): Map<string, Value> | undefined {
  const declared = decl.formals.map((f) => ({ name: f.name.text, required: !f.default, span: f.name.span }));
  const given = match(ck, decl.name.text, at, declared, args);
  if (!given) return undefined;
  const out = new Map<string, Value>();
  // Defaults see the formals before them.
  const own = moduleEnv(module, env.session);
  let sound = true;
  for (const f of decl.formals) {
    const arg = given.get(f.name.text);
    const value = arg ? checked(ck, env, decl, f, arg) : defaultOf(ck, own, decl, f);
    sound &&= value.kind !== "poison";
    out.set(f.name.text, value);
    bind(own.scope, f.name.text, value, f.name.span);
  }
  return sound ? out : undefined;
}

function defaultOf(ck: Checker, env: Env, decl: ModelDecl, f: Formal): Value {
  const expr = f.default!;
  return checked(ck, env, decl, f, { value: ck.evaluate(expr, env), expr, span: expr.span });
}

function checked(ck: Checker, env: Env, decl: ModelDecl, f: Formal, arg: CallArg): Value {
  const v = arg.value;
  if (v.kind === "poison") return POISON;
  const kind = f.type.text;
  // The parser has reported a type that is none of these.
  if (!Object.hasOwn(WANTED, kind)) return POISON;
  if (kind === "int" && v.kind === "number" && dimOf(v) !== undefined) return int(dimOf(v)!);
  if (kind === "float" && v.kind === "number") {
    return v.value !== undefined ? float(v.value) : { ...v, int: false };
  }
  if (kind === v.kind) return v;
  if (!isGeneric(env, v)) wrongKind(ck, `${f.name.text} of ${decl.name.text}`, WANTED[kind], arg);
  return POISON;
}

/**
 * Stand-ins for the formals of a model that nothing makes: ints are symbols of their own name, and the rest are what
 * most programs would give. The names are those whose value is open.
 */
export function genericFormals(
  ck: Checker,
  decl: ModelDecl,
  module: Module,
): { formals: Map<string, Value>; open: Set<string> } {
  const open = new Set(decl.formals.filter((f) => f.type.text === "int").map((f) => f.name.text));
  const formals = new Map<string, Value>();
  const own = moduleEnv(module);
  for (const f of decl.formals) {
    const name = f.name.text;
    const given = f.default && f.type.text !== "int" ? defaultOf(ck, own, decl, f) : undefined;
    if (f.default && f.type.text === "int") defaultOf(ck, own, decl, f);
    const value = given ?? standIn(f);
    formals.set(name, value);
    bind(own.scope, name, value, f.name.span);
  }
  return { formals, open };
}

function standIn(f: Formal): Value {
  switch (f.type.text) {
    case "int":
      return int(symbol(f.name.text));
    case "float":
      return float(0.5);
    case "bool":
      return { kind: "bool", value: true };
    case "dtype":
      return { kind: "dtype", value: "f32" };
    case "string":
      return POISON;
    default:
      return POISON;
  }
}
