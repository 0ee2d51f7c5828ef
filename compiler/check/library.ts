import { isDType } from "../core/dtype.ts";
import { closest } from "../core/closest.ts";
import type { Span } from "../core/span.ts";
import { LAYERS } from "../layers/index.ts";
import { LIBRARY } from "../ops/index.ts";
import { LATER } from "../ops/later.ts";
import type { BinaryOp } from "../syntax/ast.ts";
import type { Reporter } from "./report.ts";
import { label, replace } from "./report.ts";
import type { Env } from "./context.ts";
import { lookup, namesOf } from "./scope.ts";
import type { Entry, Value } from "./values.ts";

/** The library function behind each operator. */
export const OPERATORS: Readonly<Record<BinaryOp | "neg", string>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "rem",
  "@": "matmul",
  "**": "pow",
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
  neg: "neg",
};

/** Functions that only operators stand for, and `as`. */
const HIDDEN: ReadonlySet<string> = new Set([
  ...Object.values(OPERATORS).filter((n) => n !== "matmul" && n !== "pow"),
  "cast",
]);

/** What the language's own library means by a name. */
export function libraryValue(name: string): Value | undefined {
  const layer = LAYERS.get(name);
  if (layer) return { kind: "layer", layer };
  const fn = HIDDEN.has(name) ? undefined : LIBRARY.get(name);
  if (fn) return { kind: "function", function: fn };
  if (isDType(name)) return { kind: "dtype", value: name };
  return LATER.has(name) ? { kind: "later", name } : undefined;
}

export function libraryNames(): string[] {
  return [...LAYERS.keys(), ...[...LIBRARY.keys()].filter((n) => !HIDDEN.has(n))];
}

/** What people call things elsewhere. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map(Object.entries({
  Dense: "Linear",
  BatchNorm: "BatchNorm2d",
  Conv: "Conv2d",
  MultiheadAttention: "MultiHeadAttention",
  swish: "silu",
  concatenate: "concat",
  cat: "concat",
  view: "reshape",
  maximum: "max",
  minimum: "min",
  softmax_cross_entropy: "cross_entropy",
  scaled_dot_product_attention: "attention",
  detach: "stop_gradient",
  one_hot_encode: "one_hot",
  layernorm: "layer_norm",
  conv: "conv2d",
  max_pool: "max_pool2d",
  avg_pool: "avg_pool2d",
  nll_loss: "nll",
  mse_loss: "mse",
  l1_loss: "l1",
  binary_cross_entropy: "bce_with_logits",
}));

export function unboundSymbol(report: Reporter, name: string, span: Span): void {
  report.error("MPT0210", {
    message: `no input binds ${name}`,
    labels: [label(span, `${name} has no value`)],
    help: `a symbol gets its value where it is a whole dim of an input, as in x: float[${name}, 784]; ` +
      "a size that the caller chooses is a formal or a const",
  });
}

/** Reports a name that nothing binds; `as` says what kind of thing is looked for. */
export function unknownName(report: Reporter, env: Env, name: string, span: Span, as?: "layer"): void {
  if (name === "" || report.full || lostInRecovery(env, name)) return;
  const known = as === "layer" ? [...LAYERS.keys()] : libraryNames();
  const own = namesOf(env.scope).filter((n) => as !== "layer" || makesLayers(lookup(env.scope, n)));
  const theirs = ELSEWHERE.get(name);
  const near = theirs !== undefined && known.includes(theirs) ? theirs : closest(name, [...own, ...known]);
  if (as !== "layer" && !near && /^[A-Z][A-Z0-9]?$/.test(name)) {
    unboundSymbol(report, name, span);
    return;
  }
  report.error("MPT0201", {
    message: `there is no ${name} here`,
    labels: [label(span, near ? `did you mean ${near}?` : "nothing has this name")],
    edit: near ? replace(`use ${near}`, span, near) : undefined,
  });
}

function makesLayers(entry: Entry | undefined): boolean {
  return entry?.kind === "value" && (entry.value.kind === "model" || entry.value.kind === "layer");
}

/** Where the parser has reported faults, a declaration may be missing from the tree; its name is then not unknown. */
function lostInRecovery({ module }: Env, name: string): boolean {
  if (!module.broken) return false;
  const declared = new RegExp(`\\b(?:fn|model|const|policy|layer|param|let)\\s+${name}\\b`);
  return declared.test(module.source.text) ||
    new RegExp(`[({,]\\s*${name}\\s*[:},)]`).test(module.source.text);
}
