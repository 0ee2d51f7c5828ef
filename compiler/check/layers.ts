import { DimError, eqShape, showShape } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Layer, Weight } from "../layers/layer.ts";
import type { OpError } from "../ir/op.ts";
import type { Args, ArgValue } from "../ops/library.ts";
import type { LayerItem } from "../syntax/ast.ts";
import { coerce, match, UNKNOWN } from "./arguments.ts";
import type { CallArg, Checker, Env } from "./context.ts";
import { refusal } from "./context.ts";
import { couldFit } from "./generic_calls.ts";
import type { Masters } from "./parameters.ts";
import { master } from "./parameters.ts";
import type { Override } from "./policy.ts";
import { label, replace } from "./report.ts";
import { closest } from "../core/closest.ts";
import type { LayerInstance, ModelInstance, Parameter } from "./values.ts";
import { describe, nodeOf } from "./values.ts";

/** Layers of the library: their arguments, their weights, and weights tied to others'. */

/** Where an instance stands. */
export interface Place {
  readonly path: readonly string[];
  readonly name: string;
  readonly parent?: ModelInstance;
  readonly item?: LayerItem;
  readonly within?: Override;
}

/** An argument of a weight's name ties that weight; the others are the layer's own. */
export function libraryLayer(
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
  // What should have been tied is not known, which has been reported.
  if (given.some((a) => a.name && !own.has(a.name.text) && a.value.kind === "poison")) return undefined;
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
  const near = closest(stray.name!.text, made.keys());
  ck.report.error("MPT0226", {
    message: `${layer.name} has no weight ${stray.name!.text} to tie`,
    labels: [label(stray.name!.span, near ? `did you mean ${near}?` : "not a weight of this layer")],
    help: made.size > 0 ? `its weights are ${[...made.keys()].join(", ")}` : "it has no weights",
    edit: near ? replace(`use ${near}`, stray.name!.span, near) : undefined,
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
    if (couldFit(env, [args], (_, [a]) => layer.weights(a))) return undefined;
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
