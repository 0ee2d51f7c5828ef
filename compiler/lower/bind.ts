import type { Diagnostic } from "../core/diagnostic.ts";
import { DiagnosticError } from "../core/diagnostic.ts";
import { closest } from "../core/closest.ts";
import { showShape, symbolsOf } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { TypedInput } from "../check/typed.ts";

/** The sizes of symbols by name. */
export type Dims = Readonly<Record<string, number>>;

function fault(
  code: string,
  span: Span,
  text: string,
  rest: Omit<Diagnostic, "code" | "severity" | "labels">,
): Diagnostic {
  return { code, severity: "error", labels: [{ span, text }], ...rest };
}

/**
 * The symbols of these inputs with their sizes. Throws DiagnosticError (MPT0601: a symbol has no size, MPT0602: a size
 * is no whole number above 0).
 */
export function bindSymbols(inputs: readonly TypedInput[], dims: Dims): Map<string, number> {
  const faults: Diagnostic[] = [];
  const env = new Map<string, number>();
  for (const input of inputs) {
    for (const name of input.shape.flatMap(symbolsOf)) {
      if (env.has(name)) continue;
      const size = Object.hasOwn(dims, name) ? dims[name] : undefined;
      env.set(name, size ?? 1);
      if (size === undefined) {
        const near = closest(name, Object.keys(dims));
        faults.push(fault("MPT0601", input.span, `${input.name} is ${input.dtype}${showShape(input.shape)}`, {
          message: `the size of ${name} is not given`,
          expected: `a size for ${name}`,
          found: Object.entries(dims).map(([n, v]) => `${n}=${v}`).join(", ") || "no dims",
          help: near ? `did you mean ${name} where you wrote ${near}?` : `pass --dims ${name}=64, or a batch`,
        }));
      } else if (!Number.isSafeInteger(size) || size < 1) {
        faults.push(fault("MPT0602", input.span, `${input.name} is ${input.dtype}${showShape(input.shape)}`, {
          message: `${name} is a whole number above 0`,
          expected: "1 or more",
          found: String(size),
          help: `pass a size: --dims ${name}=64`,
        }));
      }
    }
  }
  if (faults.length > 0) throw new DiagnosticError(faults);
  return env;
}
