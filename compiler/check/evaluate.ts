import { DEFAULT_POLICY, regionOf } from "./policy.ts";
import type { Span } from "../core/span.ts";
import type { Arg, Expr } from "../syntax/ast.ts";
import type { CallArg, Checker, Env } from "./context.ts";
import { newSession, within } from "./context.ts";
import { index } from "./indexing.ts";
import { libraryValue, unknownName } from "./library.ts";
import { LimitReached, LIMITS } from "./limits.ts";
import { members } from "./members.ts";
import { resolveUnread } from "./names.ts";
import { binary, convert, unary } from "./operators.ts";
import { resolvePrecision } from "./precision.ts";
import { label } from "./report.ts";
import { inner, lookup } from "./scope.ts";
import type { ConstEntry, Value } from "./values.ts";
import { describe, float, int, nodeOf, POISON } from "./values.ts";

/** What an expression is worth. Reports what is wrong with it and then gives poison. */
export function evaluate(ck: Checker, e: Expr, env: Env): Value {
  // Chains (pipes, sums, calls of calls) lean left without bound; they are walked, not recursed into.
  const chain: Expr[] = [];
  let first = e;
  for (let left = leftOf(first); left; left = leftOf(first)) {
    chain.push(first);
    first = left;
  }
  ck.budget.depth++;
  try {
    if (ck.budget.depth > LIMITS.depth) {
      throw new LimitReached("MPT0501", `expressions and calls go more than ${LIMITS.depth} deep`, e.span);
    }
    let value = leaf(ck, first, env);
    while (chain.length > 0) value = link(ck, chain.pop()!, value, env);
    return value;
  } finally {
    ck.budget.depth--;
  }
}

/** What a chain goes on from. */
function leftOf(e: Expr): Expr | undefined {
  switch (e.kind) {
    case "binary":
      return e.left;
    case "call":
      return e.callee;
    case "pipe":
    case "index":
    case "member":
    case "as":
      return e.value;
    default:
      return undefined;
  }
}

function leaf(ck: Checker, e: Expr, env: Env): Value {
  ck.budget.step(e.span);
  switch (e.kind) {
    case "number":
      if (e.isInt && Number.isSafeInteger(e.value)) return int(e.value);
      if (!e.isInt && Number.isFinite(e.value)) return float(e.value);
      ck.report.error("MPT0504", {
        message: e.isInt ? "this integer is beyond 2^53" : "this number is too large",
        labels: [label(e.span, "cannot be held exactly")],
        help: e.isInt ? "with a point or an exponent it is a float" : undefined,
      });
      return POISON;
    case "string":
    case "bool":
      return e as Value & Expr;
    case "name":
      return named(ck, e.name, e.span, env);
    case "list":
    case "tuple":
      return { kind: e.kind, items: e.items.map((x) => ck.evaluate(x, env)) };
    case "unary":
      return unary(ck, env, e, ck.evaluate(e.operand, env));
    case "in": {
      const by = `in ${e.precision.text}`;
      const o = resolvePrecision({ report: ck.report, scope: env.scope }, e.precision, by);
      return ck.evaluate(e.value, within(env, o));
    }
    case "if":
      return conditional(ck, e, env);
    default:
      return POISON;
  }
}

/** One step of a chain, given what stands left of it. */
function link(ck: Checker, e: Expr, left: Value, env: Env): Value {
  ck.budget.step(e.span);
  switch (e.kind) {
    case "binary":
      return binary(ck, env, e, left, ck.evaluate(e.right, env));
    case "call": {
      const args = evaluateArgs(ck, e.args, env);
      return ck.apply(left, args, { span: e.span, callee: e.callee.span }, env);
    }
    case "pipe": {
      const callee = ck.evaluate(e.callee, env);
      const piped: CallArg = { value: left, expr: e.value, span: e.callee.span, piped: true };
      const args = [piped, ...evaluateArgs(ck, e.args ?? [], env)];
      return ck.apply(callee, args, { span: e.span, callee: e.callee.span }, env);
    }
    case "index":
      return index(ck, env, e, left);
    case "member":
      return members(ck, env, e, left);
    case "as":
      return convert(ck, env, e, left);
    default:
      return POISON;
  }
}

export function evaluateArgs(ck: Checker, args: readonly Arg[], env: Env): CallArg[] {
  return args.map((a) => ({
    name: a.name,
    value: ck.evaluate(a.value, env),
    expr: a.value,
    span: a.value.span,
  }));
}

function named(ck: Checker, name: string, span: Span, env: Env): Value {
  const entry = lookup(env.scope, name);
  if (entry?.kind === "value") return entry.value;
  if (entry?.kind === "const") return readConst(ck, entry);
  if (entry?.kind === "policy") {
    ck.report.error("MPT0233", {
      message: `${name} is a policy, not a value`,
      labels: [label(span, "a policy")],
      help: `a policy stands after in, or in a model's precision: precision ${name}`,
    });
    return POISON;
  }
  const library = libraryValue(name);
  if (library) return library;
  if (entry?.kind === "below") {
    ck.report.error("MPT0237", {
      message: `${name} is declared further down`,
      labels: [label(span, "not made yet"), label(entry.span, "declared here")],
      help: `move layer ${name} above this one`,
    });
    return POISON;
  }
  unknownName(ck.report, env, name, span);
  return POISON;
}

/** A const's value, found when it is first named. */
export function readConst(ck: Checker, entry: ConstEntry): Value {
  if (entry.state === "reading") {
    ck.report.error("MPT0236", {
      message: `the const ${entry.decl.name.text} is defined by itself`,
      labels: [label(entry.decl.name.span, "needs its own value")],
      help: "give one of the consts in the circle a number",
    });
    return entry.state = POISON;
  }
  if (entry.state !== "unread") return entry.state;
  entry.state = "reading";
  let value: Value = POISON;
  try {
    value = ck.evaluate(entry.decl.value, moduleEnv(entry.module));
  } catch (error) {
    entry.state = POISON;
    throw error;
  }
  const known = nodeOf(value) === undefined;
  if (!known) {
    ck.report.error("MPT0236", {
      message: "a const is known when compiling",
      labels: [label(entry.decl.value.span, `this is ${describe(value)}`)],
      help: "numbers, bools, strings, dtypes and lists of them can be consts",
    });
  }
  return entry.state = known && (entry.state as unknown) === "reading" ? value : POISON;
}

/** Where a file's own expressions stand. */
export function moduleEnv(module: Env["module"], session = newSession()): Env {
  return {
    module,
    scope: inner(module.scope),
    session,
    policy: DEFAULT_POLICY,
    region: regionOf(DEFAULT_POLICY),
    ins: new Map(),
    calls: 0,
  };
}

/** Only the branch that is taken has a value; of the other one only the names are looked up. */
function conditional(ck: Checker, e: Extract<Expr, { kind: "if" }>, env: Env): Value {
  const cond = ck.evaluate(e.cond, env);
  if (cond.kind === "bool") {
    resolveUnread(ck, cond.value ? e.else : e.then, env);
    return ck.evaluate(cond.value ? e.then : e.else, env);
  }
  if (cond.kind !== "poison") {
    const node = nodeOf(cond);
    ck.report.error("MPT0219", {
      message: "a condition is a bool known when compiling",
      labels: [label(e.cond.span, `this is ${describe(cond)}`)],
      expected: "true or false",
      found: describe(cond),
      help: node ? "where(condition, a, b) chooses element by element when the program runs" : undefined,
    });
  }
  resolveUnread(ck, e.then, env);
  resolveUnread(ck, e.else, env);
  return POISON;
}
