import type { DType } from "../core/dtype.ts";
import { isFloat } from "../core/dtype.ts";
import type { Dim, Shape } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Weight } from "../layers/layer.ts";
import { cast } from "../ops/cast.ts";
import { paramNode } from "../ops/leaf.ts";
import type { ParamItem } from "../syntax/ast.ts";
import type { Checker, Env } from "./context.ts";
import { builderAt } from "./context.ts";
import { winner } from "./globs.ts";
import { initialiser } from "./initialiser.ts";
import { checkSize } from "./inputs.ts";
import type { GlobRule } from "./policy.ts";
import { why } from "./policy.ts";
import { policyOf } from "./precision.ts";
import { label } from "./report.ts";
import { evaluateDim, kindNamed } from "./types.ts";
import type { Instance, LayerInstance, ModelInstance, Parameter, Value } from "./values.ts";
import { POISON } from "./values.ts";

/** The masters: trainable tensors, each stored once however often it is used. */

/** What one program's instances share. */
export interface Masters {
  /** In declaration order. */
  readonly params: Parameter[];
  /** A layer could not be made, so that paths are missing; set with the diagnostic that says so. */
  incomplete: boolean;
}

/** A layer's own weight: a new master. */
export function master(
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
  const path = [...owner.path, ...name.split(".")];
  const dtype = declared ?? policyOf(ck.budget, owner, new Map(), name).params.dtype;
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

/** `param name: type = initialiser`. */
export function bareParam(
  ck: Checker,
  env: Env,
  parent: ModelInstance,
  item: ParamItem,
  masters: Masters,
): Value {
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

/** The paths of all masters. */
export function pathsOfParams(masters: Masters): (readonly string[])[] {
  return masters.params.map((p) => p.path);
}
