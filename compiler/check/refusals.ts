import type { Edit } from "../core/diagnostic.ts";
import type { Source, Span } from "../core/span.ts";
import type { OpError } from "../ir/op.ts";
import type { Param } from "../ops/library.ts";
import type { Expr } from "../syntax/ast.ts";
import type { CallArg, Checker, Env, Site } from "./context.ts";
import { label, wrap } from "./report.ts";
import { describe, nodeOf, showOpen } from "./values.ts";

/** What type rules refuse, in the program's terms. */

/** Reports a refusal at the argument that it names. */
export function refused(
  ck: Checker,
  callee: string,
  params: readonly Param[],
  given: ReadonlyMap<string, CallArg>,
  site: Site,
  error: OpError,
): void {
  const at = error.detail.input;
  const blamed = at === undefined ? undefined : given.get(params[at]?.name);
  const others = [...given.values()].filter((a) => a !== blamed && nodeOf(a.value));
  const text = (a: CallArg) => nodeOf(a.value) ? showOpen(nodeOf(a.value)!.type) : describe(a.value);
  ck.report.error("MPT0232", {
    message: error.message,
    labels: [
      blamed ? label(blamed.span, `given ${text(blamed)}`) : label(site.callee, `in this call of ${callee}`),
      ...others.filter((a) => !blamed || a.expr.span.start !== blamed.span.start)
        .slice(0, 3).map((a) => label(a.expr.span, text(a))),
    ],
    expected: error.detail.expected,
    found: error.detail.found,
    help: error.detail.help,
  });
}

/** Reports bce on probabilities where f16 is in force, with what to write instead. */
export function bceOnProbabilities(
  ck: Checker,
  env: Env,
  given: ReadonlyMap<string, CallArg>,
  site: Site,
): void {
  const input = [...given.values()][0];
  const logits = sigmoidOf(input.expr);
  const source = env.module.source;
  const text = (e: Expr) => source.text.slice(e.span.start, e.span.end);
  ck.report.error("MPT0309", {
    message: "bce on probabilities is not safe in f16",
    labels: [
      label(site.callee, "the gradient of log p is 1/p, which f16 cannot hold"),
      label(input.expr.span, "probabilities"),
      ...(env.region.span ? [label(env.region.span, env.region.why)] : []),
    ],
    help: logits
      ? undefined
      : "better: leave the sigmoid out of the model and use bce_with_logits(logits, target)",
    edit: logits
      ? {
        help: "use the logits",
        replacements: [
          { span: site.callee, text: "bce_with_logits" },
          { span: input.expr.span, text: text(logits) },
        ],
      }
      : inF32(source, site.span, input),
  });
}

/** The call in f32, and its input too where that is narrower. */
function inF32(source: Source, span: Span, input: CallArg): Edit {
  const help = "compute it in f32";
  const outer = wrap(help, source, span, "(", " in f32)");
  if (nodeOf(input.value)?.type.dtype !== "f16") return outer;
  const [before, after] = wrap(help, source, input.expr.span, "((", ") as f32)").replacements;
  return { help, replacements: [outer.replacements[0], before, after, outer.replacements[1]] };
}

/** What stands inside a sigmoid. */
function sigmoidOf(e: Expr): Expr | undefined {
  const callee = e.kind === "call" || e.kind === "pipe" ? e.callee : undefined;
  if (callee?.kind !== "name" || callee.name !== "sigmoid") return undefined;
  return e.kind === "pipe" ? e.value : e.kind === "call" && e.args.length === 1 ? e.args[0].value : undefined;
}
