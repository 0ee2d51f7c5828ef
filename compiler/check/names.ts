import { childrenOf } from "../syntax/children.ts";
import type { Expr } from "../syntax/ast.ts";
import type { Checker, Env } from "./context.ts";
import { libraryValue, unknownName } from "./library.ts";
import { lookup } from "./scope.ts";

/** Reports the unknown names of an expression that is not evaluated. */
export function resolveUnread(ck: Checker, root: Expr, env: Env): void {
  const waiting: Expr[] = [root];
  for (let e = waiting.pop(); e; e = waiting.pop()) {
    ck.budget.step(e.span);
    if (e.kind === "name" && !lookup(env.scope, e.name) && !libraryValue(e.name)) {
      unknownName(ck.report, env, e.name, e.span);
    }
    waiting.push(...childrenOf(e));
  }
}
