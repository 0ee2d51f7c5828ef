import { closest } from "../core/closest.ts";
import type { Expr, FieldName } from "../syntax/ast.ts";
import { match } from "./arguments.ts";
import type { CallArg, Checker, Env } from "./context.ts";
import { evaluateArgs } from "./evaluate.ts";
import type { Path } from "./globs.ts";
import { covers, parseGlob } from "./globs.ts";
import { later } from "./later.ts";
import { label, replace } from "./report.ts";
import type { Head, SettingParam } from "./settings_table.ts";
import { HEADS, LATER_HEADS } from "./settings_table.ts";
import type { Setting, SettingValue } from "./typed.ts";
import type { Value } from "./values.ts";
import { describe, isPoisoned } from "./values.ts";

/** A field of a train block, its head found among the field's own, its arguments complete. */
export function setting(
  ck: Checker,
  env: Env,
  field: FieldName,
  e: Expr,
  paths: readonly Path[],
): Setting | undefined {
  if (e.kind === "error") return undefined;
  const heads = HEADS[field]!;
  const head = e.kind === "call" ? e.callee : e;
  if (head.kind !== "name") {
    ck.report.error("MPT0405", {
      message: `${field} takes one of ${heads.map((h) => h.name).join(", ")}`,
      labels: [label(e.span, "not one of them")],
      help: `as in ${field} = ${example(heads[0])}`,
    });
    return undefined;
  }
  const known = heads.find((h) => h.name === head.name);
  if (!known) {
    unknownHead(ck, field, heads, head.name, e, head.span);
    return undefined;
  }
  const given = evaluateArgs(ck, e.kind === "call" ? e.args : [], env);
  const formals = known.params.map((p) => ({ name: p.name, required: p.default === undefined }));
  const matched = match(ck, known.name, head.span, formals, given);
  if (!matched) return undefined;
  const args: Record<string, SettingValue> = {};
  let sound = true;
  for (const p of known.params) {
    const arg = matched.get(p.name);
    const value = arg ? settingValue(ck, known, p, arg, paths) : p.default;
    if (value === undefined) sound = false;
    else args[p.name] = value;
  }
  if (!sound || (known.name === "SGD" && !nesterovFits(ck, args, matched))) return undefined;
  return { name: known.name, args, span: e.span };
}

/** Nesterov's momentum is defined of a momentum and without dampening; PyTorch refuses the rest too. */
function nesterovFits(
  ck: Checker,
  { nesterov, momentum, dampening }: Readonly<Record<string, SettingValue>>,
  given: ReadonlyMap<string, CallArg>,
): boolean {
  if (!nesterov || (momentum !== 0 && dampening === 0)) return true;
  const still = momentum === 0;
  const other = given.get(still ? "momentum" : "dampening");
  ck.report.error("MPT0414", {
    message: still ? "nesterov of SGD needs a momentum" : "nesterov of SGD takes no dampening",
    labels: [
      label(given.get("nesterov")!.span, still ? "looks ahead along the momentum" : "with dampening"),
      ...(other ? [label(other.span, still ? "there is none" : "leave it out")] : []),
    ],
    expected: still ? "momentum, more than 0" : "dampening 0",
    found: still ? "momentum 0" : `dampening ${dampening}`,
    help: "as in SGD(lr: 0.1, momentum: 0.9, nesterov: true)",
  });
  return false;
}

function example(head: Head): string {
  const needed = head.params.filter((p) => p.default === undefined).map((p) => `${p.name}: …`);
  return head.name === "SGD"
    ? "AdamW(lr: 1e-3)"
    : needed.length > 0
    ? `${head.name}(${needed.join(", ")})`
    : head.name;
}

function unknownHead(
  ck: Checker,
  field: FieldName,
  heads: readonly Head[],
  name: string,
  e: Expr,
  span: Expr["span"],
): void {
  if (LATER_HEADS[field]?.includes(name)) {
    later(ck.report, name, span, `until then ${field} can be ${heads.map((h) => h.name).join(", ")}`);
    return;
  }
  const near = closest(name, heads.map((h) => h.name));
  ck.report.error("MPT0405", {
    message: `${field} cannot be ${name}`,
    labels: [label(span, near ? `did you mean ${near}?` : "not one of its forms")],
    expected: heads.map((h) => h.name).join(", "),
    edit: near ? replace(`use ${near}`, span, near) : undefined,
    help: near || e.kind === "call" ? undefined : `as in ${field} = ${example(heads[0])}`,
  });
}

function settingValue(
  ck: Checker,
  head: Head,
  p: SettingParam,
  arg: CallArg,
  paths: readonly Path[],
): SettingValue | undefined {
  const v = arg.value;
  if (isPoisoned(v)) return undefined;
  switch (p.type) {
    case "number":
    case "count":
      return numberIn(ck, head, p, v, arg);
    case "bool":
      if (v.kind === "bool") return v.value;
      break;
    case "pair": {
      const items = v.kind === "list" || v.kind === "tuple" ? v.items : [];
      if (items.length !== 2) break;
      const [a, b] = items.map((x) => numberIn(ck, head, p, x, arg));
      return a === undefined || b === undefined ? undefined : [a, b];
    }
    case "globs":
      return globsIn(ck, v, arg, paths);
    case "groups":
      return groupsIn(ck, v, arg, paths);
  }
  const wanted = p.type === "bool" ? "true or false" : "two numbers: [0.9, 0.99]";
  wrong(ck, `${p.name} of ${head.name} is ${wanted}`, arg, wanted);
  return undefined;
}

function wrong(ck: Checker, message: string, arg: CallArg, expected: string): void {
  ck.report.error("MPT0406", {
    message,
    labels: [label(arg.span, `given ${describe(arg.value)}`)],
    expected,
    found: describe(arg.value),
  });
}

const WANTED: Partial<Record<SettingParam["type"], string>> = {
  count: "a whole number",
  pair: "two numbers",
};

function numberIn(ck: Checker, head: Head, p: SettingParam, v: Value, arg: CallArg): number | undefined {
  const { min = -Infinity, max = Infinity, open } = p;
  const range = max === Infinity
    ? open ? `more than ${min}` : `${min} or more`
    : open === "max"
    ? `from ${min} to less than ${max}`
    : open
    ? `between ${min} and ${max}, without them`
    : `from ${min} to ${max}`;
  const wanted = `${WANTED[p.type] ?? "a number"}, ${range}`;
  const n = v.kind === "number" ? v.value : undefined;
  const fits = n !== undefined && (open === true ? n > min : n >= min) && (open ? n < max : n <= max) &&
    (p.type !== "count" || Number.isInteger(n));
  if (fits) return n;
  wrong(ck, `${p.name} of ${head.name} ${p.type === "pair" ? "are" : "is"} ${wanted}`, arg, wanted);
  return undefined;
}

/** Path globs, each of which matches a parameter. */
function globsIn(ck: Checker, v: Value, arg: CallArg, paths: readonly Path[]): string[] | undefined {
  const items = v.kind === "string" ? [v] : v.kind === "list" || v.kind === "tuple" ? v.items : undefined;
  if (!items?.every((x) => x.kind === "string" || x.kind === "poison")) {
    wrong(ck, "path globs are strings", arg, '["**.bias"]');
    return undefined;
  }
  const spans = arg.expr.kind === "list" ? arg.expr.items.map((x) => x.span) : items.map(() => arg.expr.span);
  const out: string[] = [];
  for (const [i, item] of items.entries()) {
    if (item.kind !== "string") return undefined;
    const glob = parseGlob(item.value);
    const at = spans[i] ?? arg.expr.span;
    if (typeof glob === "string") {
      ck.report.error("MPT0306", {
        message: `"${item.value}" is no path`,
        labels: [label(at, glob)],
        help: 'a path reads like "blocks.*.ln*" or "**.bias"',
      });
      return undefined;
    }
    if (!paths.some((path) => covers(glob, path))) noMatch(ck, item.value, at, paths);
    out.push(item.value);
  }
  return out;
}

function noMatch(ck: Checker, glob: string, at: Expr["span"], paths: readonly Path[]): void {
  if (paths.length === 0) return;
  const names = paths.map((p) => p.join("."));
  const near = closest(glob, names);
  ck.report.error("MPT0408", {
    message: `"${glob}" matches no parameter`,
    labels: [label(at, near ? `did you mean "${near}"?` : "matches nothing")],
    help: `the parameters are ${names.slice(0, 6).join(", ")}${names.length > 6 ? ", …" : ""}`,
    edit: near ? replace(`use "${near}"`, at, JSON.stringify(near)) : undefined,
  });
}

/** `[("head.**", 1e-4), …]`: the learning rate of the parameters that a glob covers. */
function groupsIn(ck: Checker, v: Value, arg: CallArg, paths: readonly Path[]): SettingValue | undefined {
  const items = v.kind === "list" || v.kind === "tuple" ? v.items : undefined;
  const out: SettingValue[] = [];
  for (const item of items ?? []) {
    const parts = item.kind === "tuple" || item.kind === "list" ? item.items : [];
    const [glob, lr] = parts;
    const sound = parts.length === 2 && glob.kind === "string" && lr.kind === "number" &&
      lr.value !== undefined;
    if (!sound) return wrongGroups();
    const globs = globsIn(ck, glob, arg, paths);
    if (!globs) return undefined;
    out.push({ path: globs[0], lr: lr.value! });
  }
  return items ? out : wrongGroups();

  function wrongGroups() {
    wrong(ck, "groups pair a path with a learning rate", arg, '[("head.**", 1e-4)]');
    return undefined;
  }
}
