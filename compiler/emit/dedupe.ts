import type { Expr } from "../core/expr.ts";
import { operands } from "../core/expr.ts";
import type { Kernel } from "../core/kernel.ts";

/**
 * A text that two kernels share exactly where they compute the same, whatever their names and those of their bindings:
 * the layers of a stack need one shader between them.
 */
export function kernelKey(kernel: Kernel): string {
  const ids = new Map<Expr, number>();
  const lines: string[] = [];
  const known = new Map<string, number>();
  const id = (root: Expr): number => {
    const stack = [root];
    while (stack.length > 0) {
      const x = stack[stack.length - 1];
      const waiting = ids.has(x) ? [] : operands(x).filter((a) => !ids.has(a));
      if (waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      if (ids.has(x)) continue;
      const line = `${head(x)}(${operands(x).map((a) => ids.get(a)).join()})`;
      let n = known.get(line);
      if (n === undefined) {
        n = lines.push(line) - 1;
        known.set(line, n);
      }
      ids.set(x, n);
    }
    return ids.get(root)!;
  };
  const body = JSON.stringify(kernel, (key, value) => {
    if (key === "name" || key === "fuses" || key === "shader") return undefined;
    return typeof value === "object" && value !== null && "e" in value ? id(value as Expr) : value;
  });
  return `${body}\n${lines.join("\n")}`;
}

function head(x: Expr): string {
  switch (x.e) {
    case "const":
      return `${x.kind} ${Object.is(x.value, -0) ? "-0" : x.value}`;
    case "coord":
      return `@${x.axis}`;
    case "acc":
      return `acc ${x.kind} ${x.index}`;
    case "input":
      return `input ${x.kind} ${x.index}`;
    case "load":
      return `load ${x.kind} ${x.binding} ${x.guard ? "?" : ""}`;
    case "prim":
      return `${x.fn} ${x.kind}`;
    case "round":
      return `round ${x.to} ${x.flag}`;
  }
}
