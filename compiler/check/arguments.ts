import { closest } from "../core/closest.ts";
import type { Dim } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import type { ArgValue, Param, ParamType } from "../ops/library.ts";
import type { CallArg, Checker, Env } from "./context.ts";
import { isGeneric } from "./context.ts";
import { LIMITS } from "./limits.ts";
import { count, label, oneOf, replace } from "./report.ts";
import type { NumberValue, Value } from "./values.ts";
import { describe, isPoisoned, nodeOf } from "./values.ts";

/** What a call may be given. */
export interface Formal {
  readonly name: string;
  readonly required: boolean;
  /** Where it is declared, in a program. */
  readonly span?: Span;
}

/** Arguments by name, or undefined where they do not fit, which has been reported. */
export function match(
  ck: Checker,
  callee: string,
  at: Span,
  formals: readonly Formal[],
  args: readonly CallArg[],
): Map<string, CallArg> | undefined {
  const given = new Map<string, CallArg>();
  let sound = true;
  const takes = () =>
    formals.length === 0
      ? `${callee} takes no arguments`
      : `${callee} takes ${formals.map((f) => f.name).join(", ")}`;
  args.forEach((arg, i) => {
    if (!arg.name) {
      if (i < formals.length) {
        given.set(formals[i].name, arg);
        return;
      }
      sound = false;
      // One sentence for all that are too many.
      if (i > formals.length) return;
      ck.report.error("MPT0208", {
        message: `${callee} takes ${count(formals.length, "argument")}, and ${args.length} are given`,
        labels: [label(arg.expr.span, "one too many")],
        help: takes(),
      });
      return;
    }
    const name = arg.name.text;
    const formal = formals.find((f) => f.name === name);
    const first = given.get(name);
    if (!formal) {
      sound = false;
      const near = closest(name, formals.map((f) => f.name).filter((n) => !given.has(n)));
      ck.report.error("MPT0207", {
        message: `${callee} has no argument ${name}`,
        labels: [label(arg.name.span, near ? `did you mean ${near}?` : "not an argument")],
        help: near ? undefined : takes(),
        edit: near ? replace(`use ${near}`, arg.name.span, near) : undefined,
      });
    } else if (first) {
      sound = false;
      ck.report.error("MPT0208", {
        message: `${name} is given twice`,
        labels: [label(arg.name.span, "again"), label(first.expr.span, "first, by position or by name")],
        help: takes(),
      });
    } else given.set(name, arg);
  });
  const missing = formals.filter((f) => f.required && !given.has(f.name));
  if (missing.length > 0 && sound) {
    ck.report.error("MPT0206", {
      message: `${callee} needs ${oneOf(missing.map((f) => f.name)).replace(" or ", " and ")}`,
      labels: [
        label(at, `${count(missing.length, "argument")} missing`),
        ...missing.flatMap((f) => f.span ? [label(f.span, "declared here, without a default")] : []),
      ],
      help: takes(),
    });
    return undefined;
  }
  return sound ? given : undefined;
}

const WANTED: Readonly<Record<ParamType, string>> = {
  tensor: "a tensor",
  tensors: "a list of tensors",
  int: "an int",
  float: "a float",
  bool: "true or false",
  string: "a string",
  dtype: "a dtype",
  axis: "an int known when compiling",
  axes: "an axis or a list of axes",
  dims: "a list of dims",
  sizes: "an int or a list of ints",
  function: "a layer or a fn",
};

/** Marks what has no value, reported or not known: the call gives nothing, silently. */
export const UNKNOWN = Symbol("unknown");

/** The argument as the library takes it; UNKNOWN where it does not fit, which has been reported. */
export function coerce(
  ck: Checker,
  env: Env,
  callee: string,
  param: Param,
  arg: CallArg,
): ArgValue | typeof UNKNOWN {
  const v = arg.value;
  if (isPoisoned(v)) return UNKNOWN;
  const made = convert(param.type, v);
  if (made !== undefined) return made;
  if (isGeneric(env, v)) return UNKNOWN;
  wrongKind(ck, `${param.name} of ${callee}`, WANTED[param.type], arg);
  return UNKNOWN;
}

export function wrongKind(ck: Checker, what: string, wanted: string, arg: CallArg): void {
  const v = arg.value;
  if (wanted === WANTED.dims && isLong(v)) {
    ck.report.error("MPT0504", {
      message: `a tensor has at most ${LIMITS.rank} axes`,
      labels: [label(arg.span, `given ${describe(v)}`)],
    });
    return;
  }
  const part = fraction(v);
  if (part !== undefined && wanted !== WANTED.float) {
    ck.report.error("MPT0213", {
      message: `${what} is ${wanted}, and ${Number(part.toPrecision(6))} is not whole`,
      labels: [label(arg.span, `given ${describe(v)}`)],
      expected: wanted,
      found: describe(v),
      help: "division in dims is exact",
    });
    return;
  }
  const later = v.kind === "number" && v.value === undefined;
  ck.report.error("MPT0209", {
    message: later ? `${what} must be known when compiling` : `${what} is ${wanted}`,
    labels: [label(arg.span, `given ${describe(v)}`)],
    expected: wanted,
    found: describe(v),
    help: v.kind === "tensor" && wanted !== "a tensor"
      ? "a tensor's values are known only when the program runs"
      : undefined,
  });
}

/** The first number in a value that is not whole. */
function fraction(v: Value): number | undefined {
  if (v.kind === "number") return v.exact === undefined ? v.value : undefined;
  if (v.kind !== "list" && v.kind !== "tuple") return undefined;
  for (const x of v.items) {
    const part = x.kind === "number" ? fraction(x) : undefined;
    if (part !== undefined) return part;
  }
  return undefined;
}

/** The exact integer that a number is. */
export function dimOf(v: Value): Dim | undefined {
  return v.kind === "number" ? v.exact : undefined;
}

/** A number as the library takes it: exact where symbols are unbound. */
export function numberOf(v: NumberValue): Dim {
  return v.value ?? v.exact!;
}

function convert(type: ParamType, v: Value): ArgValue | undefined {
  switch (type) {
    case "tensor":
      return v.kind === "number" ? numberOf(v) : nodeOf(v);
    case "tensors": {
      if (v.kind !== "list" && v.kind !== "tuple") return undefined;
      const nodes = v.items.map(nodeOf);
      return nodes.every((n): n is Node => n !== undefined) ? nodes : undefined;
    }
    case "int":
      return dimOf(v);
    case "float":
      return v.kind === "number" ? v.value : undefined;
    case "bool":
      return v.kind === "bool" ? v.value : undefined;
    case "string":
      return v.kind === "string" ? v.value : undefined;
    case "dtype":
      return v.kind === "dtype" ? v.value : undefined;
    case "axis":
      return v.kind === "number" && typeof v.exact === "number" ? v.exact : undefined;
    case "axes":
      return convert("axis", v) ?? list(v, (x) => convert("axis", x) as number | undefined);
    case "dims": {
      const one = dimOf(v);
      return one !== undefined ? [one] : isLong(v) ? undefined : list(v, dimOf);
    }
    case "sizes":
      return dimOf(v) ?? list(v, dimOf);
    case "function":
      return undefined;
  }
}

/** More axes than a tensor has. */
function isLong(v: Value): boolean {
  return (v.kind === "list" || v.kind === "tuple") && v.items.length > LIMITS.rank;
}

function list<T extends Dim>(v: Value, f: (v: Value) => T | undefined): readonly T[] | undefined {
  if (v.kind !== "list" && v.kind !== "tuple") return undefined;
  const items = v.items.map(f);
  return items.every((x): x is NonNullable<typeof x> => x !== undefined) ? items as T[] : undefined;
}
