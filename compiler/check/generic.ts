import { symbol } from "../core/shape.ts";
import type { FnDecl, Rule, Typed } from "../syntax/ast.ts";
import { block } from "./blocks.ts";
import type { Checker, Env } from "./context.ts";
import { newSession } from "./context.ts";
import { moduleEnv } from "./evaluate.ts";
import { hostInputs } from "./inputs.ts";
import { ruleUse } from "./precision.ts";
import { label } from "./report.ts";
import { bind, inner } from "./scope.ts";
import type { Module, Value } from "./values.ts";
import { float, int } from "./values.ts";

/** Checks a fn that nothing calls: its tensors are inputs, its numbers have no value. */
export function checkGenericFn(ck: Checker, decl: FnDecl, module: Module): void {
  ck.seen.add(decl);
  const open = new Set<string>();
  const env: Env = { ...moduleEnv(module, newSession({ generic: open })), scope: inner(module.scope) };
  hostInputs(ck, env, bindStandIns(env, decl.params, open), new Map());
  block(ck, env, decl.body, decl.result, { name: decl.name.text });
}

/** Gives inputs without dims a stand-in, with the names of open numbers added to `open`; the other inputs are left. */
export function bindStandIns(env: Env, params: readonly Typed[], open: Set<string>): Typed[] {
  return params.filter((p) => {
    const value = p.type.kind === "tensor" && !p.type.dims
      ? standIn(p.type.kindName.text, p.name.text)
      : undefined;
    if (!value) return true;
    if (value.kind === "number" && value.int) open.add(p.name.text);
    bind(env.scope, p.name.text, value, p.name.span);
    return false;
  });
}

function standIn(kind: string, name: string): Value | undefined {
  switch (kind) {
    case "int":
      return int(symbol(name));
    case "float":
      return float(0.5);
    case "bool":
      return { kind: "bool", value: true };
    case "string":
      return { kind: "poison" };
    case "dtype":
      return { kind: "dtype", value: "f32" };
    default:
      return undefined;
  }
}

/** Path rules that matched nothing: an error where a model says so, a warning in a named policy. */
export function reportUnusedRules(ck: Checker, modules: readonly Module[]): void {
  const unused = (rules: readonly Rule[]) => rules.filter((r) => r.glob && ruleUse(r)?.matched === false);
  for (const m of modules) {
    for (const model of m.models) {
      for (const item of model.items) {
        if (item.kind !== "precision" || "text" in item.policy) continue;
        for (const rule of unused(item.policy)) {
          ck.report.error("MPT0303", {
            message: `"${rule.key.text}" matches no layer and no parameter of ${model.name.text}`,
            labels: [
              label(rule.key.span, "matches nothing"),
              label(model.name.span, "paths begin under this model"),
            ],
            help: layersOf(
              model.items.flatMap((i) => i.kind === "layer" || i.kind === "param" ? [i.name.text] : []),
            ),
          });
        }
      }
    }
    for (const policy of m.policies) {
      for (const rule of unused(policy.rules)) {
        ck.report.warn("MPT0308", {
          message: `"${rule.key.text}" matches nothing where ${policy.name.text} is used`,
          labels: [label(rule.key.span, "matches nothing")],
          help: "a path begins under the model or the layer that the policy is given to",
        });
      }
    }
  }
}

function layersOf(names: readonly string[]): string | undefined {
  return names.length > 0 ? `it begins with one of ${names.slice(0, 8).join(", ")}` : undefined;
}
