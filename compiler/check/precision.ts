import type { DType } from "../core/dtype.ts";
import { isDType, isFloat } from "../core/dtype.ts";
import { closest } from "../core/closest.ts";
import type { Span } from "../core/span.ts";
import type { Name, Rule } from "../syntax/ast.ts";
import { parseGlob, winner } from "./globs.ts";
import type { Budget } from "./limits.ts";
import { LIMITS } from "./limits.ts";
import type { Choice, GlobRule, Key, Override, Policy } from "./policy.ts";
import { DEFAULT_POLICY, KEYS, override, presetKeys, PRESETS } from "./policy.ts";
import type { Reporter } from "./report.ts";
import { label, oneOf, replace } from "./report.ts";
import { lookup, namesOf } from "./scope.ts";
import type { Instance, ModelInstance, Scope } from "./values.ts";

/** What precision names a later version brings, and what to write until then. */
const LATER: ReadonlyMap<string, string> = new Map([
  ["f8", "bf16"],
  ["mixed_f8", "mixed_bf16"],
  ["f8e4m3", "bf16"],
  ["f8e5m2", "bf16"],
  ["auto", "f16"],
]);

/** A bare dtype sets compute and output; f32 sets params, too. */
function bare(dtype: DType, by: string, span: Span): Override {
  const choice = { dtype, by, span };
  return {
    keys: { compute: choice, output: choice, ...(dtype === "f32" ? { params: choice } : {}) },
    rules: [],
  };
}

/** Where precision names are looked up. */
export interface PrecisionContext {
  readonly report: Reporter;
  readonly scope: Scope;
  /** Named policies that are being resolved, against circles. */
  readonly within?: readonly string[];
  /** The rules are only looked at, and not given to anything. */
  readonly unused?: boolean;
}

const NOTHING: Override = { keys: {}, rules: [] };

/** What `name` says in a precision position; `by` tells where it stands. Reports and changes nothing where it is none. */
export function resolvePrecision(c: PrecisionContext, name: Name, by: string): Override {
  const text = name.text;
  const known = lookup(c.scope, text);
  if (known?.kind === "policy") {
    const within = c.within ?? [];
    if (within.includes(text)) {
      c.report.error("MPT0307", {
        message: `the policy ${text} is defined by itself`,
        labels: [label(name.span, within.length > 1 ? `through ${within.join(", ")}` : "here")],
        help: "write the dtypes in one of them",
      });
      return NOTHING;
    }
    const inner = { ...c, scope: known.module.scope, within: [...within, text] };
    return resolveRules(inner, known.decl.rules, `policy ${text}, ${by}`, text);
  }
  if (known?.kind === "value" && known.value.kind === "dtype") return bareOf(c, known.value.value, name, by);
  if (known?.kind === "value" && known.value.kind === "poison") return NOTHING;
  if (LATER.has(text)) return later(c, name);
  if (isDType(text)) return bareOf(c, text, name, by);
  if (Object.hasOwn(PRESETS, text)) return { keys: presetKeys(text, `${text}, ${by}`, name.span), rules: [] };
  unknownPrecision(c, name);
  return NOTHING;
}

function bareOf(c: PrecisionContext, dtype: DType, name: Name, by: string): Override {
  if (LATER.has(dtype)) return later(c, name);
  if (isFloat(dtype)) return bare(dtype, by, name.span);
  notFloat(c, name, dtype);
  return NOTHING;
}

function later(c: PrecisionContext, name: Name): Override {
  const instead = LATER.get(name.text) ?? "bf16";
  c.report.error("MPT0390", {
    message: `precision ${name.text} arrives with a later version`,
    labels: [label(name.span, "not in this version")],
    edit: replace(`use ${instead}`, name.span, instead),
  });
  return NOTHING;
}

function notFloat(c: PrecisionContext, name: Name, dtype: DType): void {
  c.report.error("MPT0302", {
    message: `${dtype} is no precision to compute in`,
    labels: [label(name.span, "an integer type")],
    expected: "f32, f16, bf16 or a policy",
    found: name.text,
    help: "to convert a value to integers, write `value as i32`",
  });
}

/** What Keras and PyTorch call these precisions. */
const PRECISION_ALIASES: ReadonlyMap<string, string> = new Map(Object.entries({
  float32: "f32",
  float16: "f16",
  half: "f16",
  fp16: "f16",
  fp32: "f32",
  bfloat16: "bf16",
  mixed_float16: "mixed_f16",
  mixed_bfloat16: "mixed_bf16",
  float: "f32",
}));

function unknownPrecision(c: PrecisionContext, name: Name): void {
  const candidates = ["f32", "f16", "bf16", ...Object.keys(PRESETS), ...namesOf(c.scope, "policy")];
  const near = PRECISION_ALIASES.get(name.text) ?? closest(name.text, candidates);
  c.report.error("MPT0301", {
    message: `there is no precision called ${name.text}`,
    labels: [label(name.span, near ? `did you mean ${near}?` : "neither a dtype nor a policy")],
    expected: `a float dtype, or one of ${oneOf(Object.keys(PRESETS).filter((p) => p !== "f32"))}`,
    ...(near ? { edit: replace(`use ${near}`, name.span, near) } : {}),
  });
}

/** The keys and path rules of `precision { … }` or of a policy, whose name is then given. */
export function resolveRules(
  c: PrecisionContext,
  rules: readonly Rule[],
  by: string,
  policy?: string,
): Override {
  const keys: Partial<Record<Key, Choice>> = {};
  const globs: GlobRule[] = [];
  const seen = new Map<string, Rule>();
  const surplus = rules.filter((r) => r.glob)[LIMITS.rules];
  if (surplus) {
    c.report.error("MPT0502", {
      message: `a policy has at most ${LIMITS.rules} path rules`,
      labels: [label(surplus.span, "one too many")],
      help: "* and ** stand for many paths at once",
    });
    return NOTHING;
  }
  for (const rule of rules) {
    const key = rule.key.text;
    const first = seen.get(`${rule.glob} ${key}`);
    if (first) {
      c.report.error("MPT0305", {
        message: `${rule.glob ? `"${key}"` : key} is set twice`,
        labels: [label(rule.key.span, "again"), label(first.key.span, "first")],
        help: "keep one of the two",
      });
      continue;
    }
    seen.set(`${rule.glob} ${key}`, rule);
    if (rule.glob) {
      const glob = parseGlob(key);
      if (typeof glob === "string") {
        c.report.error("MPT0306", {
          message: `"${key}" is no path rule`,
          labels: [label(rule.key.span, glob)],
          help: 'a rule reads like "blocks.*.ln*" or "**.bias"',
        });
        continue;
      }
      const of = resolvePrecision(c, rule.precision, `rule "${key}" of ${by.replace(/^precision of /, "")}`);
      globs.push({
        glob,
        override: of,
        span: rule.key.span,
        policy,
        use: c.unused ? { matched: true } : useOf(rule),
      });
    } else if ((KEYS as readonly string[]).includes(key)) {
      const choice = resolveKey(c, key as Key, rule.precision, by);
      if (choice) keys[key as Key] = choice;
    }
    // The parser has reported a key that is none.
  }
  return { keys, rules: globs };
}

const uses = new WeakMap<Rule, { matched: boolean }>();

/** One record a rule of the source, whichever instance asks. */
function useOf(rule: Rule): { matched: boolean } {
  let use = uses.get(rule);
  if (!use) uses.set(rule, use = { matched: false });
  return use;
}

function resolveKey(c: PrecisionContext, key: Key, name: Name, by: string): Choice | undefined {
  const known = lookup(c.scope, name.text);
  const dtype = known?.kind === "value" && known.value.kind === "dtype" ? known.value.value : name.text;
  if (known?.kind === "value" && known.value.kind === "poison") return undefined;
  if (known?.kind === "policy" || (Object.hasOwn(PRESETS, name.text) && !isDType(name.text))) {
    c.report.error("MPT0302", {
      message: `${key} takes a dtype, and ${name.text} is a policy`,
      labels: [label(name.span, "a whole policy")],
      expected: "f32, f16 or bf16",
      found: name.text,
      help: `a policy stands on its own: precision ${name.text}`,
    });
    return undefined;
  }
  if (LATER.has(dtype)) {
    later(c, name);
    return undefined;
  }
  if (!isDType(dtype)) {
    unknownPrecision(c, name);
    return undefined;
  }
  if (!isFloat(dtype)) {
    notFloat(c, name, dtype);
    return undefined;
  }
  if (key === "accum" && dtype !== "f32") {
    c.report.warn("MPT0310", {
      message: `products are accumulated in f32 in this version, not in ${dtype}`,
      labels: [label(name.span, "taken as f32")],
      edit: replace("write f32", name.span, "f32"),
    });
    return { dtype: "f32", by, span: name.span };
  }
  return { dtype, by, span: name.span };
}

/** Annotations in force around a call, from `in` of expressions; by the instance in whose forward they stand. */
export type Ins = ReadonlyMap<ModelInstance | undefined, readonly Override[]>;

/**
 * The policy in which `instance`, or its parameter `weight`, stands. Each model around it says what it says about the
 * path, from the outermost in: its `precision`, then the path rule that wins, then the layer's `in`, then the `in` of
 * expressions around the call.
 */
export function policyOf(budget: Budget, instance: Instance, ins: Ins, weight?: string): Policy {
  const chain: Instance[] = [];
  for (let i: Instance | undefined = instance; i; i = i.parent) chain.unshift(i);
  const path = weight === undefined ? instance.path : [...instance.path, ...weight.split(".")];
  let p = DEFAULT_POLICY;
  for (const o of ins.get(undefined) ?? []) p = override(p, o);
  chain.forEach((level, i) => {
    if (level.is !== "model") return;
    p = override(p, level.precision);
    p = ruled(budget, p, level.rules, path.slice(level.path.length));
    const child = chain[i + 1];
    if (child?.within) {
      p = override(p, child.within);
      p = ruled(budget, p, child.within.rules, path.slice(child.path.length));
    }
    for (const o of ins.get(level) ?? []) p = override(p, o);
  });
  return p;
}

function ruled(budget: Budget, p: Policy, rules: readonly GlobRule[], path: readonly string[]): Policy {
  if (path.length === 0 || rules.length === 0) return p;
  budget.match(rules.length, rules[0].span);
  return override(p, winner(rules, path)?.override);
}

/** Whether a path rule matched anything; undefined where nothing made the model that has it. */
export function ruleUse(rule: Rule): { readonly matched: boolean } | undefined {
  return uses.get(rule);
}
