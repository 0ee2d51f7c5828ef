import { closest } from "../core/closest.ts";
import type { Shape } from "../core/shape.ts";
import type { Init } from "../layers/layer.ts";
import { INITIALISERS } from "../layers/index.ts";
import type { Args, ArgValue } from "../ops/library.ts";
import type { Expr } from "../syntax/ast.ts";
import { coerce, match, UNKNOWN } from "./arguments.ts";
import type { Checker, Env } from "./context.ts";
import { mentions, refusal } from "./context.ts";
import { evaluateArgs } from "./evaluate.ts";
import { label, replace } from "./report.ts";
import { describe } from "./values.ts";

/** `constant(1.0)` after a param: its head is one of the initialisers. Undefined where it is none, which is reported. */
export function initialiser(ck: Checker, env: Env, e: Expr, shape: Shape): Init | undefined {
  if (e.kind === "error") return undefined;
  const head = e.kind === "call" ? e.callee : e;
  if (head.kind !== "name") {
    const value = ck.evaluate(e, env);
    if (value.kind === "poison") return undefined;
    const plain = value.kind === "number" && value.value !== undefined;
    ck.report.error("MPT0228", {
      message: "a param starts from an initialiser",
      labels: [label(e.span, `this is ${describe(value)}`)],
      expected: [...INITIALISERS.keys()].join(", "),
      edit: plain
        ? replace(`start from constant(${value.value})`, e.span, `constant(${value.value})`)
        : undefined,
    });
    return undefined;
  }
  const initial = INITIALISERS.get(head.name);
  if (!initial) {
    const near = closest(head.name, INITIALISERS.keys());
    ck.report.error("MPT0228", {
      message: `there is no initialiser ${head.name}`,
      labels: [label(head.span, near ? `did you mean ${near}?` : "not an initialiser")],
      expected: [...INITIALISERS.keys()].join(", "),
      edit: near ? replace(`use ${near}`, head.span, near) : undefined,
    });
    return undefined;
  }
  const given = evaluateArgs(ck, e.kind === "call" ? e.args : [], env);
  const formals = initial.params.map((p) => ({
    name: p.name,
    required: p.default === undefined && !p.optional,
  }));
  const matched = match(ck, head.name, head.span, formals, given);
  if (!matched) return undefined;
  const args: Record<string, ArgValue> = {};
  for (const p of initial.params) {
    const arg = matched.get(p.name);
    const value = arg ? coerce(ck, env, head.name, p, arg) : p.default;
    if (value === UNKNOWN) return undefined;
    args[p.name] = value;
  }
  return made(ck, env, e, head.name, args, shape);
}

function made(ck: Checker, env: Env, e: Expr, name: string, args: Args, shape: Shape): Init | undefined {
  try {
    return INITIALISERS.get(name)!.make(args, shape);
  } catch (error) {
    const refused = refusal(error);
    if (shape.some((d) => mentions(d, env.session.generic))) return { kind: "constant", value: 0 };
    ck.report.error("MPT0228", {
      message: refused.message,
      labels: [label(e.span, "this initialiser")],
      expected: refused.detail.expected,
      found: refused.detail.found,
      help: refused.detail.help,
    });
    return undefined;
  }
}
