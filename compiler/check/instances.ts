import type { LayerItem, ModelDecl } from "../syntax/ast.ts";
import type { Checker, Env } from "./context.ts";
import { evaluateArgs } from "./evaluate.ts";
import { bindFormals } from "./formals.ts";
import { covers } from "./globs.ts";
import { later } from "./later.ts";
import type { Place } from "./layers.ts";
import { libraryLayer } from "./layers.ts";
import { libraryNames, libraryValue, unknownName } from "./library.ts";
import { LimitReached, LIMITS } from "./limits.ts";
import type { Masters } from "./parameters.ts";
import { bareParam } from "./parameters.ts";
import type { GlobRule, Override } from "./policy.ts";
import { resolvePrecision, resolveRules } from "./precision.ts";
import { label } from "./report.ts";
import { bind, inner, lookup } from "./scope.ts";
import { evaluateDim } from "./types.ts";
import type { Instance, ModelInstance, Module, Value } from "./values.ts";
import { describe, POISON } from "./values.ts";

/** Makes a model's instance and everything in it. */
export function instantiate(
  ck: Checker,
  env: Env,
  decl: ModelDecl,
  module: Module,
  formals: ReadonlyMap<string, Value>,
  masters: Masters,
  place: Place,
): ModelInstance {
  ck.budget.instance(place.item?.span ?? decl.name.span);
  if (place.path.length > LIMITS.calls) {
    throw new LimitReached(
      "MPT0501",
      `models stand more than ${LIMITS.calls} deep in each other`,
      place.item?.callee.span ?? decl.name.span,
      `does ${decl.name.text} hold a layer of its own kind?`,
    );
  }
  const instance: ModelInstance = {
    is: "model",
    ...place,
    decl,
    module,
    formals,
    members: new Map(),
    rules: [],
  };
  const scope = inner(module.scope);
  for (const [name, value] of formals) bind(scope, name, value);
  const own: Env = { ...env, module, scope };
  for (const item of decl.items) {
    if (item.kind !== "layer" && item.kind !== "param") continue;
    if (!scope.names.has(item.name.text)) {
      scope.names.set(item.name.text, { kind: "below", span: item.name.span });
    }
  }
  for (const item of decl.items) {
    if (item.kind !== "precision") continue;
    const by = `precision of ${decl.name.text}`;
    const c = { report: ck.report, scope };
    const said = "text" in item.policy
      ? resolvePrecision(c, item.policy, by)
      : resolveRules(c, item.policy, by);
    instance.precision = said;
    instance.rules = said.rules;
  }
  for (const item of decl.items) {
    if (item.kind !== "layer" && item.kind !== "param") continue;
    const name = item.name.text;
    if (name === "" || instance.members.has(name)) continue;
    const value = item.kind === "layer"
      ? layerItem(ck, own, instance, item, masters)
      : bareParam(ck, own, instance, item, masters);
    if (value.kind === "poison") masters.incomplete = true;
    instance.members.set(name, value);
    bind(scope, name, value, item.name.span);
  }
  markRules(ck, instance, masters.incomplete);
  return instance;
}

function layerItem(ck: Checker, env: Env, parent: ModelInstance, item: LayerItem, masters: Masters): Value {
  const name = item.name.text;
  const within = item.precision &&
    resolvePrecision(
      { report: ck.report, scope: env.scope },
      item.precision,
      `in ${item.precision.text} on ${name}`,
    );
  const make = maker(ck, env, parent, item, within, masters);
  const count = item.count && evaluateDim(ck, env, item.count);
  if (item.count && count === undefined) return POISON;
  if (!make) return POISON;
  if (count === undefined) {
    const one = make([...parent.path, name], name);
    return one ? { kind: "instance", instance: one } : POISON;
  }
  if (typeof count === "number" && count > LIMITS.instances) {
    throw new LimitReached(
      "MPT0502",
      `a stack of ${count} is more than ${LIMITS.instances}`,
      item.count!.span,
    );
  }
  const members: Instance[] = [];
  // A depth without a value is stood for by one member.
  const depth = typeof count === "number" ? count : 1;
  for (let i = 0; i < depth; i++) {
    const member = make([...parent.path, name, String(i)], `${name}[${i}]`);
    if (!member) return POISON;
    members.push(member);
  }
  return { kind: "stack", name, members };
}

type Make = (path: readonly string[], name: string) => Instance | undefined;

/** How to make one layer of an item; its arguments are evaluated once. */
function maker(
  ck: Checker,
  env: Env,
  parent: ModelInstance,
  item: LayerItem,
  within: Override | undefined,
  masters: Masters,
): Make | undefined {
  const found = lookup(env.scope, item.callee.text);
  // The name of a layer further down does not hide the library's.
  const entry = found?.kind === "below" ? lookup(env.module.scope, item.callee.text) : found;
  const callee = entry?.kind === "value" ? entry.value : entry ? undefined : libraryValue(item.callee.text);
  if (callee?.kind === "poison") return undefined;
  if (callee?.kind === "later") {
    later(ck.report, callee.name, item.callee.span);
    return undefined;
  }
  if (callee?.kind === "model") {
    const given = evaluateArgs(ck, item.args, env);
    const formals = bindFormals(ck, env, callee.decl, callee.module, given, item.callee.span);
    if (!formals) return undefined;
    return (path, name) =>
      instantiate(ck, env, callee.decl, callee.module, formals, masters, {
        path,
        name,
        parent,
        item,
        within,
      });
  }
  if (callee?.kind === "layer") {
    const given = evaluateArgs(ck, item.args, env);
    return (path, name) =>
      libraryLayer(ck, env, callee.layer, given, masters, { path, name, parent, item, within });
  }
  if (callee || entry) {
    const fn = callee?.kind === "function" || callee?.kind === "fn";
    ck.report.error("MPT0225", {
      message: `${item.callee.text} makes no layer`,
      labels: [label(item.callee.span, callee ? `this is ${describe(callee)}` : `this is a ${entry!.kind}`)],
      help: fn
        ? "a function needs no declaration: call it in forward"
        : `a layer is one of a model or of ${libraryNames().filter((n) => /^[A-Z]/.test(n)).join(" ")}`,
    });
    return undefined;
  }
  unknownName(ck.report, env, item.callee.text, item.callee.span, "layer");
  return undefined;
}

/** Marks the rules of a model that match a layer or a parameter under it: all of them, where paths are missing. */
function markRules(ck: Checker, instance: ModelInstance, incomplete: boolean): void {
  const open: { rule: GlobRule; under: number }[] = [];
  const wait = (rules: readonly GlobRule[], under: number) => {
    for (const rule of rules) {
      rule.use.matched ||= incomplete;
      if (!rule.use.matched) open.push({ rule, under });
    }
  };
  wait(instance.rules, instance.path.length);
  for (const value of instance.members.values()) {
    const child = value.kind === "instance"
      ? value.instance
      : value.kind === "stack"
      ? value.members[0]
      : undefined;
    if (child?.within) wait(child.within.rules, child.path.length);
  }
  if (open.length === 0) return;
  for (const path of pathsUnder(instance)) {
    ck.budget.match(open.length, open[0].rule.span);
    for (const { rule, under } of open) rule.use.matched ||= covers(rule.glob, path.slice(under));
  }
}

/** Every layer's and parameter's path in an instance. */
export function* pathsUnder(instance: Instance): Generator<readonly string[]> {
  if (instance.is === "layer") {
    for (const name of instance.weights.keys()) yield [...instance.path, ...name.split(".")];
    return;
  }
  for (const [name, value] of instance.members) {
    if (value.kind === "param") yield [...instance.path, name];
    const inner = value.kind === "instance" ? [value.instance] : value.kind === "stack" ? value.members : [];
    if (value.kind === "stack") yield [...instance.path, name];
    for (const i of inner) {
      yield i.path;
      yield* pathsUnder(i);
    }
  }
}
