import type { Arg, Expr } from "../syntax/ast.ts";
import type { Checker } from "./context.ts";
import { libraryValue, unknownName } from "./library.ts";
import type { Scope } from "./scope.ts";
import { lookup } from "./scope.ts";

/** Reports the unknown names of an expression that is not evaluated. */
export function resolveUnread(ck: Checker, root: Expr, scope: Scope): void {
  const waiting: Expr[] = [root];
  const args = (list: readonly Arg[] | undefined) => list?.forEach((a) => waiting.push(a.value));
  for (let e = waiting.pop(); e; e = waiting.pop()) {
    ck.budget.step(e.span);
    switch (e.kind) {
      case "name":
        if (!lookup(scope, e.name) && !libraryValue(e.name)) unknownName(ck.report, scope, e.name, e.span);
        break;
      case "list":
      case "tuple":
        waiting.push(...e.items);
        break;
      case "unary":
        waiting.push(e.operand);
        break;
      case "binary":
        waiting.push(e.left, e.right);
        break;
      case "call":
        waiting.push(e.callee);
        args(e.args);
        break;
      case "pipe":
        waiting.push(e.value, e.callee);
        args(e.args);
        break;
      case "index":
        waiting.push(e.value);
        for (const item of e.items) {
          const parts = item.kind === "at" ? [item.index] : [item.start, item.stop, item.step];
          waiting.push(...parts.filter((x): x is Expr => x !== undefined));
        }
        break;
      case "member":
      case "as":
      case "in":
        waiting.push(e.value);
        break;
      case "if":
        waiting.push(e.cond, e.then, e.else);
        break;
    }
  }
}
