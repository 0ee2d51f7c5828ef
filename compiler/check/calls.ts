import { regionOf } from "./policy.ts";
import type { Span } from "../core/span.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Args, ArgValue, LibraryFunction, Param } from "../ops/library.ts";
import type { FnDecl, ForwardItem } from "../syntax/ast.ts";
import { constNode } from "../ops/leaf.ts";
import { coerce, match, numberOf, UNKNOWN, wrongKind } from "./arguments.ts";
import { block } from "./blocks.ts";
import type { CallArg, Checker, Env, Site, Symbols } from "./context.ts";
import { builderAt, isGeneric, refusal } from "./context.ts";
import { bindInputs } from "./inputs.ts";
import { LimitReached, LIMITS } from "./limits.ts";
import { couldFit } from "./generic_calls.ts";
import { later } from "./later.ts";
import { bceOnProbabilities, refused } from "./refusals.ts";
import { FOLDS, INTEGER_FOLDS } from "./numbers.ts";
import { policyOf } from "./precision.ts";
import { refuseFeatures } from "./provenance.ts";
import { label } from "./report.ts";
import { inner } from "./scope.ts";
import type { Instance, LayerInstance, ModelInstance, Module, StackValue, Value } from "./values.ts";
import { describe, float, int, nodeOf, POISON, results, showOpen } from "./values.ts";
import { eqShape } from "../core/shape.ts";

/** What calling a value gives. */
export function apply(ck: Checker, callee: Value, args: readonly CallArg[], site: Site, env: Env): Value {
  switch (callee.kind) {
    case "poison":
      return POISON;
    case "function":
      return callFunction(ck, callee.function, args, site, env);
    case "fn":
      return callFn(ck, callee.decl, callee.module, args, site, env);
    case "instance":
      return callInstance(ck, callee.instance, args, site, env);
    case "stack":
      return callStack(ck, callee, args, site, env);
    case "later":
      later(ck.report, callee.name, site.callee);
      return POISON;
    case "model":
    case "layer":
      uncallable(ck, env, callee, site);
      return POISON;
    default:
      ck.report.error("MPT0215", {
        message: "this cannot be called",
        labels: [label(site.callee, `this is ${describe(callee)}`)],
        help: "functions, fns and declared layers can be called",
      });
      return POISON;
  }
}

function uncallable(
  ck: Checker,
  env: Env,
  callee: Extract<Value, { kind: "model" | "layer" }>,
  site: Site,
): void {
  const name = callee.kind === "model" ? callee.decl.name.text : callee.layer.name;
  // Both names are missing, and the parser has said so.
  if (name === "") return;
  if (env.session.trained && !env.model && callee.kind === "model") {
    ck.report.error("MPT0407", {
      message: `a train block calls only the model that it trains, and ${name} is another`,
      labels: [label(site.callee, "not the trained model")],
      help: `to train both, make ${name} a layer of ${env.session.trained.decl.name.text}`,
    });
    return;
  }
  const layer = name[0].toLowerCase() + name.slice(1);
  ck.report.error("MPT0235", {
    message: `${name} makes layers, and a layer is declared before it is called`,
    labels: [label(site.callee, callee.kind === "model" ? "a model" : "a layer of the library")],
    help: `write \`layer ${layer} = ${name}(…)\` above forward, then call ${layer}(x)`,
  });
}

/** Arguments in the order of the signature; undefined where one does not fit, or is unknown. */
function libraryArgs(
  ck: Checker,
  env: Env,
  callee: string,
  at: Span,
  params: readonly Param[],
  args: readonly CallArg[],
): { args: Args; given: Map<string, CallArg> } | undefined {
  const formals = params.map((p) => ({ name: p.name, required: p.default === undefined && !p.optional }));
  const given = match(ck, callee, at, formals, args);
  if (!given) return undefined;
  const out: Record<string, ArgValue> = {};
  let sound = true;
  for (const p of params) {
    const arg = given.get(p.name);
    const value = arg ? coerce(ck, env, callee, p, arg) : p.default;
    if (value === UNKNOWN) sound = false;
    else out[p.name] = value;
  }
  return sound ? { args: out, given } : undefined;
}

function callFunction(
  ck: Checker,
  fn: LibraryFunction,
  args: readonly CallArg[],
  site: Site,
  env: Env,
): Value {
  if (args.some((a) => a.value.kind === "poison")) return POISON;
  const folded = fold(fn.name, args);
  if (folded) return folded;
  if (fn.params[0]?.type === "function") return callThrough(ck, fn, args, site, env);
  const bound = libraryArgs(ck, env, fn.name, site.callee, fn.params, args);
  if (!bound || tooManyParts(ck, fn, bound.args, site)) return POISON;
  try {
    return results(fn.build(builderAt(ck, env, site.span, fn.name), bound.args));
  } catch (error) {
    const reason = refusal(error);
    if (!couldFit(env, [bound.args], (b, [args]) => fn.build(b, args))) {
      if (fn.name === "bce" && reason.detail.input === 0) bceOnProbabilities(ck, env, bound.given, site);
      else refused(ck, fn.name, fn.params, bound.given, site, reason);
    }
    return POISON;
  }
}

/** Whether a split would make more tensors than a program can have. */
function tooManyParts(ck: Checker, fn: LibraryFunction, { parts }: Args, site: Site): boolean {
  if (fn.name !== "split" || typeof parts !== "number" || parts <= LIMITS.parts) return false;
  ck.report.error("MPT0504", {
    message: `split makes at most ${LIMITS.parts} parts`,
    labels: [label(site.callee, `${parts} parts`)],
    help: "a list gives the size of each part",
  });
  return true;
}

const CALLABLE: readonly Value["kind"][] = ["instance", "stack", "fn", "function"];

/** `checkpoint(f, x)`: f is applied to x here, and the function is given what comes of it. */
function callThrough(
  ck: Checker,
  fn: LibraryFunction,
  args: readonly CallArg[],
  site: Site,
  env: Env,
): Value {
  const formals = fn.params.map((p) => ({ name: p.name, required: true }));
  const given = match(ck, fn.name, site.callee, formals, args);
  if (!given) return POISON;
  const [f, x] = fn.params.map((p) => given.get(p.name)!);
  if (!CALLABLE.includes(f.value.kind)) {
    wrongKind(ck, `${fn.params[0].name} of ${fn.name}`, "a layer or a fn", f);
    return POISON;
  }
  const own = String(++ck.segments);
  const inside: Env = { ...env, segment: env.segment === undefined ? own : `${env.segment}.${own}` };
  const at: Site = { span: site.span, callee: f.expr.span };
  const value = ck.apply(f.value, [{ ...x, name: undefined }], at, inside);
  const node = nodeOf(value);
  if (value.kind === "poison") return POISON;
  if (node) return results(fn.build(builderAt(ck, env, site.span, fn.name), { [fn.params[1].name]: node }));
  ck.report.error("MPT0209", {
    message: `${fn.name} takes what gives one tensor`,
    labels: [label(f.expr.span, `this gives ${describe(value)}`)],
    expected: "a tensor",
    found: describe(value),
  });
  return POISON;
}

/** A function of numbers known when compiling is such a number. */
function fold(name: string, args: readonly CallArg[]): Value | undefined {
  if (!Object.hasOwn(FOLDS, name) || args.length !== FOLDS[name].length) {
    return undefined;
  }
  const numbers = args.map((a) => !a.name && a.value.kind === "number" ? a.value : undefined);
  if (!numbers.every((n) => n?.value !== undefined)) return undefined;
  const value = FOLDS[name](...numbers.map((n) => n!.value!));
  if (!Number.isFinite(value)) return undefined;
  return INTEGER_FOLDS.has(name) && numbers.every((n) => n!.int) ? int(value) : float(value);
}

/** One level deeper, or the end. */
function deeper(env: Env, name: string, at: Span): number {
  if (env.calls < LIMITS.calls) return env.calls + 1;
  throw new LimitReached(
    "MPT0501",
    `calls go more than ${LIMITS.calls} deep`,
    at,
    `does ${name} call itself? a fn may, under an \`if\` that ends it when compiling`,
  );
}

function callFn(
  ck: Checker,
  decl: FnDecl,
  module: Module,
  args: readonly CallArg[],
  site: Site,
  env: Env,
): Value {
  const name = decl.name.text;
  ck.seen.add(decl);
  const formals = decl.params.map((p) => ({ name: p.name.text, required: true, span: p.name.span }));
  const given = match(ck, name, site.callee, formals, args);
  if (!given) return POISON;
  const calls = deeper(env, name, site.callee);
  const own: Env = { ...env, module, caller: env.module.source, scope: inner(module.scope), calls };
  const symbols: Symbols = new Map();
  if (!bindInputs(ck, { ...own, model: undefined }, name, decl.params, given, symbols)) return POISON;
  return block(ck, own, decl.body, decl.result, { name, output: undefined });
}

export function callInstance(
  ck: Checker,
  instance: Instance,
  args: readonly CallArg[],
  site: Site,
  env: Env,
): Value {
  return instance.is === "layer"
    ? callLayer(ck, instance, args, site, env)
    : callModel(ck, instance, args, site, env);
}

function callLayer(
  ck: Checker,
  instance: LayerInstance,
  args: readonly CallArg[],
  site: Site,
  env: Env,
): Value {
  if (args.some((a) => a.value.kind === "poison")) return POISON;
  const layer = instance.layer;
  const bound = libraryArgs(ck, env, instance.name, site.callee, layer.inputs, args);
  if (!bound) return POISON;
  const first = bound.given.get(layer.inputs[0]?.name);
  const node = first && nodeOf(first.value);
  if (node && refuseFeatures(ck, env, instance, first, node)) return POISON;
  const region = regionOf(policyOf(ck.budget, instance, env.ins));
  const inputs = tensorsOf(builderAt(ck, env, site.span, "a number"), layer.inputs, bound);
  const weights = Object.fromEntries([...instance.weights].map(([name, p]) => [name, p.node]));
  try {
    const b = builderAt(ck, env, site.span, instance.path.join(".") || instance.name).within(region);
    const made = layer.build(b, instance.args, weights, inputs);
    for (const n of "op" in made ? [made] : made) ck.makers.set(n as Node, instance);
    return results(made);
  } catch (error) {
    const reason = refusal(error);
    const fits = couldFit(
      { ...env, region },
      [instance.args, weights, inputs],
      (b, [args, w, x]) => layer.build(b, args, w as Readonly<Record<string, Node>>, x),
    );
    if (!fits) refused(ck, instance.name, layer.inputs, bound.given, site, reason);
    return POISON;
  }
}

/** A layer takes tensors: a number is one of rank 0. */
function tensorsOf(
  b: Builder,
  params: readonly Param[],
  { args, given }: { args: Args; given: ReadonlyMap<string, CallArg> },
): Args {
  const out: Record<string, ArgValue> = { ...args };
  for (const { name, type } of params) {
    const value = given.get(name)?.value;
    if (type === "tensor" && value?.kind === "number") {
      out[name] = constNode(b, numberOf(value), value.int ? "i32" : "f32");
    }
  }
  return out;
}

function callModel(
  ck: Checker,
  instance: ModelInstance,
  args: readonly CallArg[],
  site: Site,
  env: Env,
): Value {
  const forward = instance.decl.items.find((i): i is ForwardItem => i.kind === "forward");
  if (!forward) return POISON;
  ck.seen.add(instance.decl);
  const name = instance.name;
  const formals = forward.params.map((p) => ({ name: p.name.text, required: true, span: p.name.span }));
  const given = match(ck, name, site.callee, formals, args);
  if (!given) return POISON;
  const own = forwardEnv(ck, instance, env, deeper(env, name, site.callee));
  const symbols = symbolsOf(env, instance);
  if (!bindInputs(ck, own, name, forward.params, given, symbols)) return POISON;
  const outermost = instance.parent === undefined;
  return block(ck, own, forward.body, forward.result, {
    name: instance.decl.name.text,
    output: outermost ? policyOf(ck.budget, instance, env.ins).output : undefined,
  });
}

export function symbolsOf(env: Env, instance: ModelInstance): Symbols {
  let symbols = env.session.symbols.get(instance);
  if (!symbols) env.session.symbols.set(instance, symbols = new Map());
  return symbols;
}

/** Where an instance's forward stands: its own names, in its own precision. */
export function forwardEnv(ck: Checker, instance: ModelInstance, env: Env, calls: number): Env {
  const scope = inner(instance.module.scope);
  for (const [n, value] of instance.formals) scope.names.set(n, { kind: "value", value });
  for (const [n, value] of instance.members) scope.names.set(n, { kind: "value", value });
  const policy = policyOf(ck.budget, instance, env.ins);
  const ins = new Map(env.ins);
  ins.delete(instance);
  return {
    ...env,
    caller: env.module.source,
    module: instance.module,
    scope: inner(scope),
    model: instance,
    policy,
    region: regionOf(policy),
    ins,
    calls,
  };
}

/** The members in order, each mapping a shape to itself. */
function callStack(ck: Checker, stack: StackValue, args: readonly CallArg[], site: Site, env: Env): Value {
  if (args.length !== 1) {
    ck.report.error("MPT0220", {
      message: `the stack ${stack.name} takes one tensor, and ${args.length} are given`,
      labels: [label(site.callee, "applied in order, each to what the one before gives")],
      help: `call its members with more: ${stack.name}[0](…)`,
    });
    return POISON;
  }
  let arg = args[0];
  for (const [i, member] of stack.members.entries()) {
    const before = nodeOf(arg.value);
    const value = callInstance(ck, member, [i === 0 ? arg : { ...arg, name: undefined }], site, env);
    const after = nodeOf(value);
    if (value.kind === "poison" || !before) return value;
    if (!after || !eqShape(before.type.shape, after.type.shape)) {
      if (isGeneric(env, arg.value) || isGeneric(env, value)) return POISON;
      ck.report.error("MPT0220", {
        message: `a member of the stack ${stack.name} does not give the shape that it takes`,
        labels: [
          label(site.callee, `given ${showOpen(before.type)}`),
          ...(member.item
            ? [label(member.item.callee.span, `gives ${after ? showOpen(after.type) : describe(value)}`)]
            : []),
        ],
        expected: showOpen(before.type),
        found: after ? showOpen(after.type) : describe(value),
        help: "every member is given what the one before it gives",
      });
      return POISON;
    }
    arg = { ...arg, value };
  }
  return arg.value;
}
