import { regionOf } from "./policy.ts";
import { closest } from "../core/closest.ts";
import type { Edit } from "../core/diagnostic.ts";
import { isFloat } from "../core/dtype.ts";
import type { Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import { topological } from "../ir/graph.ts";
import { cast } from "../ops/cast.ts";
import { constNode } from "../ops/leaf.ts";
import type { Expr, Field, FieldName, Name, TrainDecl } from "../syntax/ast.ts";
import { childrenOf } from "../syntax/children.ts";
import { numberOf } from "./arguments.ts";
import { destructure } from "./blocks.ts";
import type { Checker, Env, Session, Symbols } from "./context.ts";
import { builderAt } from "./context.ts";
import type { Masters } from "./parameters.ts";
import { pathsOfParams } from "./parameters.ts";
import { hostInputs } from "./inputs.ts";
import { later } from "./later.ts";
import { policyOf } from "./precision.ts";
import { insert, label, replace, wrap } from "./report.ts";
import { bind, inner } from "./scope.ts";
import { setting } from "./settings.ts";
import { LATER_FIELDS } from "./settings_table.ts";
import type { Setting, TypedTrain } from "./typed.ts";
import type { ModelInstance, Module, Value } from "./values.ts";
import { describe, nodeOf, POISON, showOpen } from "./values.ts";

/** What a train block makes; undefined where something in it is wrong, which has been reported. */
export function checkTrain(
  ck: Checker,
  decl: TrainDecl,
  module: Module,
  trained: ModelInstance,
  masters: Masters,
  calls: { first?: Value },
): TypedTrain | undefined {
  const session: Session = { symbols: new Map(), generic: new Set(), trained };
  const policy = policyOf(ck.budget, trained, new Map());
  const env: Env = {
    module,
    scope: inner(module.scope),
    session,
    policy,
    region: regionOf(policy),
    ins: new Map(),
    calls: 0,
  };
  bind(env.scope, decl.model.text, { kind: "instance", instance: trained }, decl.model.span);
  const symbols: Symbols = new Map();
  const batch = hostInputs(ck, env, decl.batch, symbols);
  const fields = once(ck, decl.fields);
  const values: Partial<Record<FieldName, Setting>> = {};
  const metrics: { name: string; node: Node }[] = [];
  const paths = masters.incomplete ? [] : pathsOfParams(masters);
  let loss: Node | undefined;
  let accumulate: number | undefined = 1;
  for (const field of fields) {
    if (field.kind === "let") {
      destructure(ck, env, field.pattern, ck.evaluate(field.value, env), field.value);
    } else if (field.kind === "metric") {
      const node = scalar(ck, env, field.value, `the metric ${field.name.text}`, "MPT0411");
      if (REPORTED.has(field.name.text)) nameIsTaken(ck, field.name);
      else if (node) metrics.push({ name: field.name.text, node });
    } else if (field.name.text === "loss") {
      loss = scalar(ck, env, field.value, "the loss", "MPT0404");
      bind(env.scope, "loss", loss ? { kind: "tensor", node: loss } : POISON, field.name.span);
    } else if (LATER_FIELDS.has(field.name.text)) {
      later(ck.report, field.name.text, field.name.span, "leave the field out until then");
    } else if (field.name.text === "accumulate") {
      accumulate = micro(ck, env, field.value);
    } else {
      values[field.name.text] = setting(ck, env, field.name.text, field.value, paths);
    }
  }
  if (!module.broken) requireFields(ck, decl);
  if (loss && (!calls.first || (masters.params.length > 0 && !reachesParams(loss)))) {
    neverCalled(ck, decl, fields, calls.first !== undefined);
  }
  checkScaleBounds(ck, values.loss_scale);
  if (!loss || !values.optimizer || accumulate === undefined) return undefined;
  const call = calls.first && flat(calls.first);
  if (!call) return undefined;
  return {
    span: decl.span,
    batch,
    loss,
    metrics,
    call,
    optimizer: values.optimizer,
    schedule: values.schedule,
    lossScale: values.loss_scale,
    clip: values.clip,
    accumulate,
    others: {},
  };
}

/** The tensors of a value, tuples taken apart; undefined where it has others. */
export function flat(value: Value): Node[] | undefined {
  const node = nodeOf(value);
  if (node) return [node];
  if (value.kind !== "tuple" && value.kind !== "list") return undefined;
  const parts = value.items.map(flat);
  return parts.every((p): p is Node[] => p !== undefined) ? parts.flat() : undefined;
}

/** The fields, each at most once. */
function once(ck: Checker, fields: readonly Field[]): Field[] {
  const first = new Map<string, Span>();
  return fields.filter((f) => {
    if (f.kind === "let") return true;
    const key = f.kind === "metric" ? `metric ${f.name.text}` : f.name.text;
    const before = first.get(key);
    if (!before) {
      first.set(key, f.name.span);
      return true;
    }
    ck.report.error("MPT0401", {
      message: `${key} is given twice`,
      labels: [label(f.name.span, "again"), label(before, "first")],
      help: "keep one of the two",
    });
    return false;
  });
}

function requireFields(ck: Checker, decl: TrainDecl): void {
  const has = (name: FieldName) => decl.fields.some((f) => f.kind === "field" && f.name.text === name);
  for (
    const [name, code, suggestion] of [
      ["loss", "MPT0402", undefined],
      ["optimizer", "MPT0403", "  optimizer = AdamW(lr: 1e-3)\n"],
    ] as const
  ) {
    if (has(name)) continue;
    const near = decl.fields.flatMap((f) =>
      f.kind === "metric" && closest(f.name.text, [name]) ? [f] : []
    )[0];
    ck.report.error(code, {
      message: `this train block has no ${name}`,
      labels: [
        label(decl.model.span, `what is ${decl.model.text} trained ${name === "loss" ? "for" : "with"}?`),
        ...(near ? [label(near.name.span, "a metric, which trains nothing")] : []),
      ],
      help: name === "loss" ? `as in loss = cross_entropy(${decl.model.text}(x), label)` : undefined,
      edit: suggestion &&
        insert("add one: optimizer = AdamW(lr: 1e-3)", decl.span.file, decl.span.end - 1, suggestion),
    });
  }
}

/** A loss or a metric: a tensor of rank 0 in f32. */
function scalar(ck: Checker, env: Env, e: Expr, what: string, code: "MPT0404" | "MPT0411"): Node | undefined {
  const value = ck.evaluate(e, env);
  if (value.kind === "poison") return undefined;
  const known = value.kind === "number"
    ? constNode(builderAt(ck, env, e.span, "a number"), numberOf(value), "f32")
    : undefined;
  const node = nodeOf(value) ?? known;
  if (!node || node.type.shape.length > 0) {
    ck.report.error(code, {
      message: `${what} is one number`,
      labels: [label(e.span, node ? `this is ${showOpen(node.type)}` : `this is ${describe(value)}`)],
      expected: "a tensor without axes",
      found: node ? showOpen(node.type) : describe(value),
      edit: node && wrap("take its mean", env.module.source, e.span, "mean(", ")"),
    });
    return undefined;
  }
  if (code === "MPT0404" && !isFloat(node.type.dtype)) {
    ck.report.error("MPT0404", {
      message: "the loss is a float",
      labels: [label(e.span, `this is ${node.type.dtype}`)],
      expected: "float",
      found: node.type.dtype,
      help: "integers have no gradient",
    });
    return undefined;
  }
  const why = code === "MPT0404" ? "losses are f32" : "metrics are f32";
  return cast(builderAt(ck, env, e.span, why), node, "f32");
}

function micro(ck: Checker, env: Env, e: Expr): number | undefined {
  const v = ck.evaluate(e, env);
  if (v.kind === "poison") return undefined;
  if (v.kind === "number" && v.value !== undefined && Number.isInteger(v.value) && v.value >= 1) {
    return v.value;
  }
  ck.report.error("MPT0412", {
    message: "accumulate is a whole number, 1 or more",
    labels: [label(e.span, `this is ${describe(v)}`)],
    expected: "1 or more",
    found: describe(v),
    edit: replace("write 1", e.span, "1"),
  });
  return undefined;
}

/** Whether a parameter stands among what a loss is computed from. */
function reachesParams(loss: Node): boolean {
  return topological([loss]).some((n) => n.op.name === "state" && String(n.attrs.slot).startsWith("param/"));
}

function neverCalled(ck: Checker, decl: TrainDecl, fields: readonly Field[], called: boolean): void {
  const loss = fields.find((f) => f.kind === "field" && f.name.text === "loss")!;
  const { text, span } = decl.model;
  ck.report.error("MPT0410", {
    message: called ? "the loss depends on no parameter" : `the train block never calls ${text}`,
    labels: [label(loss.value.span, "nothing to learn from"), label(span, "the model that is to be trained")],
    help: `compute it from what the model gives, as in cross_entropy(${text}(x), label)`,
  });
}

function checkScaleBounds(ck: Checker, scale: Setting | undefined): void {
  if (scale?.name !== "dynamic") return;
  const { min, max, init } = scale.args as Record<string, number>;
  if (min <= init && init <= max) return;
  ck.report.error("MPT0406", {
    message: "init of dynamic is not between its min and max",
    labels: [label(scale.span, `init ${init}, min ${min}, max ${max}`)],
    expected: `${min} to ${max}`,
    found: `${init}`,
  });
}

/** Another name for the trained model, in the block's fields too. */
export function renameTrained(decl: TrainDecl, name: string): Edit {
  const spans = [decl.model.span];
  const waiting: Expr[] = decl.fields.map((f) => f.value);
  for (let e = waiting.pop(); e; e = waiting.pop()) {
    if (e.kind === "name" && e.name === decl.model.text) spans.push(e.span);
    waiting.push(...childrenOf(e));
  }
  return { help: `train ${name}`, replacements: spans.map((span) => ({ span, text: name })) };
}

/** What every step reports by itself. */
const REPORTED: ReadonlySet<string> = new Set(["loss", "scale", "skipped", "scaled_loss"]);

function nameIsTaken(ck: Checker, { text, span }: Name): void {
  const what = text === "loss" ? "the loss is reported as loss" : `a step reports ${text} by itself`;
  ck.report.error("MPT0401", {
    message: `${what}, and a metric needs another name`,
    labels: [label(span, text === "loss" ? "taken by the loss" : "taken")],
    edit: replace(`call it ${text}_metric`, span, `${text}_metric`),
  });
}
