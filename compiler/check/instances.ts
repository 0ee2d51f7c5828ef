import type { Dim, Shape } from "../core/shape.ts";
import { DimError, eqShape, showShape } from "../core/shape.ts";
import type { DType } from "../core/dtype.ts";
import { isFloat } from "../core/dtype.ts";
import type { Span } from "../core/span.ts";
import type { Layer, Weight } from "../layers/layer.ts";
import { OpError } from "../ir/op.ts";
import { cast } from "../ops/cast.ts";
import type { Args, ArgValue } from "../ops/library.ts";
import { paramNode } from "../ops/leaf.ts";
import type { LayerItem, ModelDecl, ParamItem } from "../syntax/ast.ts";
import { coerce, match, UNKNOWN } from "./arguments.ts";
import type { CallArg, Checker, Env } from "./context.ts";
import { builderAt, isGeneric, refusal } from "./context.ts";
import { evaluateArgs } from "./evaluate.ts";
import { bindFormals } from "./formals.ts";
import { winner } from "./globs.ts";
import { initialiser } from "./initialiser.ts";
import { checkSize } from "./inputs.ts";
import { later } from "./later.ts";
import { libraryNames, libraryValue, unknownName } from "./library.ts";
import { LimitReached, LIMITS } from "./limits.ts";
import type { Module } from "./modules.ts";
import type { GlobRule, Override } from "./precision.ts";
import { policyOf, resolvePrecision, resolveRules, why } from "./precision.ts";
import { label } from "./report.ts";
import { bind, inner, lookup } from "./scope.ts";
import type { Instance, LayerInstance, ModelInstance, Parameter, Value } from "./values.ts";
import { describe, nodeOf, POISON } from "./values.ts";
import { evaluateDim, kindNamed } from "./types.ts";

/** What one program's instances share: the masters in declaration order. */
export interface Masters {
  readonly params: Parameter[];
}

interface Place {
  readonly path: readonly string[];
  readonly name: string;
  readonly parent?: ModelInstance;
  readonly item?: LayerItem;
  readonly within?: Override;
}

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
    instance.members.set(name, value);
    bind(scope, name, value, item.name.span);
  }
  markRules(instance);
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
  const entry = lookup(env.scope, item.callee.text);
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
      labels: [label(item.callee.span, callee ? `this is ${describe(callee)}` : `a ${entry!.kind}`)],
      help: fn
        ? "a function needs no declaration: call it in forward"
        : `a layer is one of a model or of ${libraryNames().filter((n) => /^[A-Z]/.test(n)).join(" ")}`,
    });
    return undefined;
  }
  unknownName(ck.report, env.scope, item.callee.text, item.callee.span);
  return undefined;
}

/** An argument of a weight's name ties that weight; the others are the layer's own. */
function libraryLayer(
  ck: Checker,
  env: Env,
  layer: Layer,
  given: readonly CallArg[],
  masters: Masters,
  place: Place,
): LayerInstance | undefined {
  const at = place.item!.callee.span;
  ck.budget.instance(place.item!.span);
  const own = new Set(layer.params.map((p) => p.name));
  const isTie = (a: CallArg) =>
    a.name !== undefined &&
    (a.value.kind === "param" || (!own.has(a.name.text) && nodeOf(a.value) !== undefined));
  const ties = given.filter(isTie);
  const formals = layer.params.map((p) => ({
    name: p.name,
    required: p.default === undefined && !p.optional,
  }));
  const matched = match(ck, layer.name, at, formals, given.filter((a) => !isTie(a)));
  if (!matched) return undefined;
  const args: Record<string, ArgValue> = {};
  for (const p of layer.params) {
    const arg = matched.get(p.name);
    const value = arg ? coerce(ck, env, layer.name, p, arg) : p.default;
    if (value === UNKNOWN) return undefined;
    args[p.name] = value;
  }
  const weights = weightsOf(ck, env, layer, args, matched, at);
  if (!weights) return undefined;
  const written = new Map([...matched].map(([name, a]) => [name, a.expr]));
  const made = new Map<string, Parameter>();
  const instance: LayerInstance = { is: "layer", ...place, layer, args, written, weights: made };
  for (const w of weights) {
    const tie = ties.find((t) => t.name!.text === w.name);
    const param = tie ? tied(ck, env, instance, w, tie) : master(ck, env, instance, w, masters);
    if (!param) return undefined;
    made.set(w.name, param);
  }
  const stray = ties.find((t) => !made.has(t.name!.text));
  if (!stray) return instance;
  ck.report.error("MPT0226", {
    message: `${layer.name} has no weight ${stray.name!.text} to tie`,
    labels: [label(stray.name!.span, "not a weight of this layer")],
    help: made.size > 0 ? `its weights are ${[...made.keys()].join(", ")}` : "it has no weights",
  });
  return undefined;
}

function weightsOf(
  ck: Checker,
  env: Env,
  layer: Layer,
  args: Args,
  matched: ReadonlyMap<string, CallArg>,
  at: Span,
): readonly Weight[] | undefined {
  try {
    return layer.weights(args);
  } catch (error) {
    if ([...matched.values()].some((a) => isGeneric(env, a.value))) return undefined;
    if (error instanceof DimError) {
      ck.report.error("MPT0209", {
        message: `the arguments of ${layer.name} must be known when compiling`,
        labels: [label(at, error.message)],
      });
      return undefined;
    }
    const refused: OpError = refusal(error);
    const blamed = refused.detail.input === undefined
      ? undefined
      : matched.get(layer.params[refused.detail.input]?.name);
    ck.report.error("MPT0224", {
      message: refused.message,
      labels: [
        blamed
          ? label(blamed.span, `given ${describe(blamed.value)}`)
          : label(at, `these arguments make no ${layer.name}`),
      ],
      expected: refused.detail.expected,
      found: refused.detail.found,
      help: refused.detail.help,
    });
    return undefined;
  }
}

/** A layer's own weight: a new master. */
function master(
  ck: Checker,
  env: Env,
  layer: LayerInstance,
  w: Weight,
  masters: Masters,
): Parameter | undefined {
  const span = layer.item!.span;
  return parameter(ck, env, layer, w.name, w.shape, undefined, w.init, span, masters);
}

function parameter(
  ck: Checker,
  env: Env,
  owner: Instance,
  name: string,
  shape: Shape,
  declared: DType | undefined,
  init: Weight["init"],
  span: Span,
  masters: Masters,
): Parameter | undefined {
  if (!checkSize(ck, shape, span)) return undefined;
  const path = [...owner.path, name];
  const dtype = declared ?? policyOf(owner, new Map(), name).params.dtype;
  const text = path.join(".");
  const b = builderAt(ck, env, span, `the parameter ${text}`).within(undefined);
  const state = paramNode(b, text, dtype, shape);
  // A rule that names the parameter itself, not the layer around it, also says in what it is read.
  const rule = ruleOn(owner, path);
  const read = rule?.override.keys.compute;
  const node = read && isFloat(dtype)
    ? cast(b.at({ why: why("compute", read), span: rule.span }), state, read.dtype)
    : state;
  const param: Parameter = { path, dtype, shape, init, span, node };
  masters.params.push(param);
  return param;
}

/** The path rule in force on a parameter, where it does not cover the layer that has it. */
function ruleOn(owner: Instance, path: readonly string[]): GlobRule | undefined {
  for (let i: Instance | undefined = owner; i; i = i.parent) {
    if (i.is !== "model") continue;
    const rule = winner(i.rules, path.slice(i.path.length));
    if (!rule) continue;
    const outer = winner([rule], owner.path.slice(i.path.length));
    return outer ? undefined : rule;
  }
  return undefined;
}

function tied(ck: Checker, _env: Env, layer: LayerInstance, w: Weight, tie: CallArg): Parameter | undefined {
  if (tie.value.kind !== "param") {
    ck.report.error("MPT0226", {
      message: `${w.name} can only be tied to a parameter`,
      labels: [label(tie.span, `this is ${describe(tie.value)}`)],
      help: "name another layer's weight: weight: tok.weight",
    });
    return undefined;
  }
  const param = tie.value.param;
  if (eqShape(param.shape, w.shape)) return param;
  ck.report.error("MPT0226", {
    message: `the weight ${param.path.join(".")} does not fit ${layer.name}`,
    labels: [
      label(tie.span, `has the shape ${showShape(param.shape)}`),
      label(layer.item!.callee.span, `takes a ${w.name} of ${showShape(w.shape)}`),
      label(param.span, "declared here"),
    ],
    expected: showShape(w.shape),
    found: showShape(param.shape),
  });
  return undefined;
}

/** `param name: type = initialiser`. */
function bareParam(ck: Checker, env: Env, parent: ModelInstance, item: ParamItem, masters: Masters): Value {
  if (item.type.kind === "tuple") {
    ck.report.error("MPT0227", {
      message: "a param is one tensor",
      labels: [label(item.type.span, "a tuple")],
      help: "declare a param for each",
    });
    return POISON;
  }
  const kind = kindNamed(ck, env, item.type.kindName);
  if (!kind) return POISON;
  if (kind !== "float" && !(isFloat(kind as DType))) {
    ck.report.error("MPT0227", {
      message: `a param is trained, and ${kind} is no float`,
      labels: [label(item.type.span, "not a float dtype")],
      expected: "float, f32, f16 or bf16",
      found: kind,
    });
    return POISON;
  }
  const shape = (item.type.dims ?? []).map((d) => evaluateDim(ck, env, d));
  if (!shape.every((d): d is Dim => d !== undefined)) return POISON;
  const init = initialiser(ck, env, item.init, shape);
  if (!init) return POISON;
  const declared = kind === "float" ? undefined : kind as DType;
  const param = parameter(ck, env, parent, item.name.text, shape, declared, init, item.span, masters);
  return param ? { kind: "param", param } : POISON;
}

/** Marks the rules of a model that match a layer or a parameter under it. */
function markRules(instance: ModelInstance): void {
  const waiting = instance.rules.filter((r) => !r.use.matched);
  const also = [...instance.members.values()].flatMap((v) =>
    v.kind === "instance"
      ? v.instance.within?.rules ?? []
      : v.kind === "stack"
      ? v.members[0]?.within?.rules ?? []
      : []
  ).filter((r) => !r.use.matched);
  if (waiting.length === 0 && also.length === 0) return;
  for (const path of pathsUnder(instance)) {
    const relative = path.slice(instance.path.length);
    for (const r of waiting) r.use.matched ||= winner([r], relative) !== undefined;
    for (const r of also) r.use.matched ||= winner([r], relative.slice(1)) !== undefined;
  }
}

/** Every layer's and parameter's path in an instance. */
export function* pathsUnder(instance: Instance): Generator<readonly string[]> {
  if (instance.is === "layer") {
    for (const name of instance.weights.keys()) yield [...instance.path, name];
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

/** The paths of all masters. */
export function pathsOfParams(masters: Masters): (readonly string[])[] {
  return masters.params.map((p) => p.path);
}
