import type { Arg, Expr } from "./ast.ts";

/** The expressions directly inside an expression, in the order of the source. */
export function childrenOf(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case "number":
    case "string":
    case "bool":
    case "name":
    case "error":
      return [];
    case "list":
    case "tuple":
      return e.items;
    case "unary":
      return [e.operand];
    case "binary":
      return [e.left, e.right];
    case "call":
      return [e.callee, ...values(e.args)];
    case "pipe":
      return [e.value, e.callee, ...values(e.args ?? [])];
    case "index": {
      const items = e.items.flatMap((i) => i.kind === "at" ? [i.index] : [i.start, i.stop, i.step]);
      return [e.value, ...items.filter((i) => i !== undefined)];
    }
    case "member":
    case "as":
    case "in":
      return [e.value];
    case "if":
      return [e.cond, e.then, e.else];
  }
}

function values(args: readonly Arg[]): Expr[] {
  return args.map((a) => a.value);
}
