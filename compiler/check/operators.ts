import { why } from "./policy.ts";
import { isDType } from "../core/dtype.ts";
import { DimError } from "../core/shape.ts";
import type { Node } from "../ir/graph.ts";
import { showType } from "../ir/op.ts";
import { cast } from "../ops/cast.ts";
import { constNode } from "../ops/leaf.ts";
import type { BinaryOp, Expr } from "../syntax/ast.ts";
import { numberOf } from "./arguments.ts";
import type { Checker, Env } from "./context.ts";
import { builderAt, isGeneric, refusal } from "./context.ts";
import { couldFit } from "./generic_calls.ts";
import { OPERATORS } from "./library.ts";
import { LIBRARY } from "../ops/index.ts";
import { arithmetic, comparison, negate, NumberError } from "./numbers.ts";
import { label } from "./report.ts";
import { kindNamed } from "./types.ts";
import type { NumberValue, Value } from "./values.ts";
import { describe, float, int, nodeOf, POISON, results, showOpen, tensor } from "./values.ts";

const COMPARISONS: ReadonlySet<BinaryOp> = new Set(["==", "!=", "<", "<=", ">", ">="]);

/** `left op right`, of numbers known when compiling or of tensors. */
export function binary(
  ck: Checker,
  env: Env,
  e: Extract<Expr, { kind: "binary" }>,
  left: Value,
  right: Value,
): Value {
  if (left.kind === "poison" || right.kind === "poison") return POISON;
  // Recovery keeps a sign that is no operator, which the parser has reported.
  if (!Object.hasOwn(OPERATORS, e.op)) return POISON;
  try {
    if (COMPARISONS.has(e.op)) {
      const known = comparison(e.op, left, right);
      if (known !== undefined) return { kind: "bool", value: known };
    } else if (left.kind === "number" && right.kind === "number" && e.op !== "@") {
      const known = arithmetic(e.op, left, right);
      if (known) return known;
    }
  } catch (error) {
    if (error instanceof DimError) {
      ck.report.error("MPT0504", { message: error.message, labels: [label(e.span, "here")] });
      return POISON;
    }
    if (!(error instanceof NumberError)) throw error;
    if (!(error.code === "MPT0219" && (isGeneric(env, left) || isGeneric(env, right)))) {
      ck.report.error(error.code, {
        message: error.message,
        labels: [
          label(e.span, "here"),
          label(e.left.span, describe(left)),
          label(e.right.span, describe(right)),
        ],
        help: error.help,
      });
    }
    return POISON;
  }
  const a = operand(left);
  const b = operand(right);
  if (
    a === undefined || b === undefined || (left.kind === "number" && right.kind === "number" && e.op === "@")
  ) {
    noArithmetic(ck, e, left, right, a === undefined ? "left" : "right");
    return POISON;
  }
  try {
    const build = builderAt(ck, env, e.span, `${e.op}`);
    return results(LIBRARY.get(OPERATORS[e.op])!.build(build, { x: a, y: b }));
  } catch (error) {
    const refused = refusal(error);
    const fn = LIBRARY.get(OPERATORS[e.op])!;
    if (couldFit(env, [{ x: a, y: b }], (build, [args]) => fn.build(build, args))) return POISON;
    const sizes = nodeOf(left) && nodeOf(right) && e.op !== "@";
    ck.report.error(sizes ? "MPT0214" : "MPT0232", {
      message: sizes ? `the operands of ${e.op} do not fit each other` : refused.message,
      labels: [
        label(e.span, refused.message),
        label(e.left.span, operandText(left)),
        label(e.right.span, operandText(right)),
      ],
      expected: refused.detail.expected,
      found: refused.detail.found,
      help: refused.detail.help,
    });
    return POISON;
  }
}

function operand(v: Value): Node | ReturnType<typeof numberOf> | undefined {
  return v.kind === "number" ? numberOf(v) : nodeOf(v);
}

function operandText(v: Value): string {
  const node = nodeOf(v);
  return node ? showOpen(node.type) : describe(v);
}

function noArithmetic(
  ck: Checker,
  e: Extract<Expr, { kind: "binary" }>,
  left: Value,
  right: Value,
  side: "left" | "right",
): void {
  const v = side === "left" ? left : right;
  ck.report.error("MPT0233", {
    message: `${e.op} takes numbers and tensors`,
    labels: [
      label(e[side].span, `this is ${describe(v)}`),
      label(e[side === "left" ? "right" : "left"].span, describe(side === "left" ? right : left)),
    ],
    help: v.kind === "instance" ? "call the layer: its output is a tensor" : undefined,
  });
}

export function unary(ck: Checker, env: Env, e: Extract<Expr, { kind: "unary" }>, v: Value): Value {
  if (v.kind === "poison") return POISON;
  if (v.kind === "number") return negate(v);
  const node = nodeOf(v);
  if (!node) {
    ck.report.error("MPT0233", {
      message: "- takes a number or a tensor",
      labels: [label(e.operand.span, `this is ${describe(v)}`)],
    });
    return POISON;
  }
  try {
    return results(LIBRARY.get("neg")!.build(builderAt(ck, env, e.span, "-"), { x: node }));
  } catch (error) {
    ck.report.error("MPT0232", {
      message: refusal(error).message,
      labels: [label(e.operand.span, `this is ${showType(node.type)}`)],
      help: "convert it first, as in -(x as i32)",
    });
    return POISON;
  }
}

/** `value as kind`. */
export function convert(ck: Checker, env: Env, e: Extract<Expr, { kind: "as" }>, v: Value): Value {
  const kind = kindNamed(ck, env, e.to);
  if (!kind || v.kind === "poison") return POISON;
  const node = nodeOf(v);
  if (kind === "string" || kind === "dtype" || (!node && v.kind !== "number" && v.kind !== "bool")) {
    ck.report.error("MPT0234", {
      message: `${describe(v)} cannot be converted to ${kind}`,
      labels: [label(e.value.span, "of another nature"), label(e.to.span, "to this")],
      help: "as converts tensors and numbers: x as f16",
    });
    return POISON;
  }
  if (!node) {
    const n: NumberValue = v.kind === "bool" ? int(v.value ? 1 : 0) : v as NumberValue;
    if (kind === "float") return n.value !== undefined ? float(n.value) : { ...n, int: false };
    if (kind === "int" && n.value !== undefined) return int(Math.trunc(n.value));
    if (kind === "int") return { ...n, int: true };
    if (kind === "bool") {
      if (n.value !== undefined) return { kind: "bool", value: n.value !== 0 };
      return POISON;
    }
    return tensor(constNode(builderAt(ck, env, e.span, `as ${kind}`), numberOf(n) as number, kind));
  }
  const compute = env.policy.compute;
  const to = kind === "float" ? compute.dtype : kind === "int" ? "i32" : kind;
  if (!isDType(to)) return POISON;
  const reason = kind === "float" ? `as float is ${why("compute", compute)}` : `as ${kind}`;
  return tensor(cast(builderAt(ck, env, e.span, reason), node, to));
}
