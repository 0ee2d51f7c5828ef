import { closest } from "../core/closest.ts";
import type { Expr } from "../syntax/ast.ts";
import type { Checker, Env } from "./context.ts";
import { label, replace } from "./report.ts";
import type { Value } from "./values.ts";
import { describe, nodeOf, POISON } from "./values.ts";

/** `value.name`: a layer of a model, a parameter of a layer. */
export function members(ck: Checker, _env: Env, e: Extract<Expr, { kind: "member" }>, value: Value): Value {
  if (value.kind === "poison" || e.name.text === "") return POISON;
  const name = e.name.text;
  if (value.kind === "instance" || value.kind === "part") return partOf(ck, e, value);
  if (value.kind === "stack") {
    ck.report.error("MPT0221", {
      message: `${value.name} is a stack, and its members are numbered`,
      labels: [label(e.name.span, "of which member?")],
      edit: replace(
        "name a member",
        { file: e.value.span.file, start: e.value.span.end, end: e.value.span.end },
        "[0]",
      ),
    });
    return POISON;
  }
  const help = nodeOf(value)
    ? name === "shape"
      ? "sizes have names: declare the input as x: float[N, D] and use N and D"
      : `functions are called, not reached through a dot: ${name}(x) or x |> ${name}`
    : undefined;
  ck.report.error("MPT0221", {
    message: `${describe(value)} has no parts`,
    labels: [label(e.name.span, "nothing to reach with a dot")],
    help,
  });
  return POISON;
}

/** A layer, a parameter, or what leads to one. */
function partOf(
  ck: Checker,
  e: Extract<Expr, { kind: "member" }>,
  value: Extract<Value, { kind: "instance" | "part" }>,
): Value {
  const { instance } = value;
  const prefix = value.kind === "part" ? `${value.prefix}.` : "";
  const name = prefix + e.name.text;
  if (instance.is === "model") {
    const member = instance.members.get(name);
    if (member) return member;
  } else {
    const param = instance.weights.get(name);
    if (param) return { kind: "param", param };
    if ([...instance.weights.keys()].some((w) => w.startsWith(`${name}.`))) {
      return { kind: "part", instance, prefix: name };
    }
  }
  const parts = [...(instance.is === "model" ? instance.members : instance.weights).keys()];
  const names = parts.filter((n) => n.startsWith(prefix)).map((n) => n.slice(prefix.length).split(".")[0]);
  const near = closest(e.name.text, names);
  ck.report.error("MPT0221", {
    message: `${describe(value).replace(/^the layer /, "")} has no ${e.name.text}`,
    labels: [label(e.name.span, near ? `did you mean ${near}?` : "not a part of it")],
    help: names.length > 0 ? `it has ${[...new Set(names)].slice(0, 12).join(", ")}` : "it has no parts",
    edit: near ? replace(`use ${near}`, e.name.span, near) : undefined,
  });
  return POISON;
}
