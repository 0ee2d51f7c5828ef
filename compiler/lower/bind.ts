import type { Diagnostic } from "../core/diagnostic.ts";
import { DiagnosticError } from "../core/diagnostic.ts";
import { closest } from "../core/closest.ts";
import type { Dim } from "../core/shape.ts";
import { DimError, evaluateDim, showDim, showShape, symbolsOf } from "../core/shape.ts";
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

/** A symbol that stands as a whole dim. */
function wholeSymbol(d: Dim): string | undefined {
  const text = showDim(d);
  return typeof d !== "number" && /^[A-Za-z_]\w*$/.test(text) ? text : undefined;
}

/**
 * The dims that arrays of these shapes bind, an input at a time. Throws DiagnosticError (MPT0603: an input is missing,
 * or unknown; MPT0604: a shape does not fit) with everything that is wrong.
 */
export function bindBatch(
  inputs: readonly TypedInput[],
  given: Readonly<Record<string, readonly number[]>>,
): Record<string, number> {
  const faults: Diagnostic[] = [];
  const by = new Map<string, { size: number; input: TypedInput }>();
  const names = inputs.map((i) => i.name);
  const known = (name: string) => Object.hasOwn(given, name) ? given[name] : undefined;
  for (const name of Object.keys(given)) {
    if (names.includes(name) || inputs.length === 0) continue;
    const near = closest(name, names.filter((n) => !known(n)));
    faults.push(fault("MPT0603", inputs[0].span, "the inputs are declared here", {
      message: `no input is called ${name}`,
      expected: names.join(", "),
      found: name,
      help: near ? `did you mean ${near}?` : undefined,
    }));
  }
  for (const input of inputs) {
    const shape = known(input.name);
    if (!shape) {
      faults.push(fault("MPT0603", input.span, "declared here", {
        message: `the input ${input.name} is missing`,
        expected: names.join(", "),
        found: Object.keys(given).join(", ") || "nothing",
      }));
      continue;
    }
    const declared = `${input.dtype}${showShape(input.shape)}`;
    if (shape.length !== input.shape.length) {
      faults.push(fault("MPT0604", input.span, "declared here", {
        message: `the input ${input.name} has ${axes(input.shape.length)}, and the array has ${
          axes(shape.length)
        }`,
        expected: declared,
        found: showShape(shape),
      }));
      continue;
    }
    input.shape.forEach((d, axis) => {
      const name = wholeSymbol(d);
      if (name === undefined) return;
      const before = by.get(name);
      if (!before) by.set(name, { size: shape[axis], input });
      else if (before.size !== shape[axis]) {
        faults.push({
          ...fault("MPT0604", input.span, `makes ${name} ${shape[axis]}`, {
            message: `${name} is ${before.size} in ${before.input.name} and ${shape[axis]} in ${input.name}`,
            expected: `${name} = ${before.size}`,
            found: `${name} = ${shape[axis]}`,
          }),
          labels: [
            { span: input.span, text: `makes ${name} ${shape[axis]}` },
            { span: before.input.span, text: `makes ${name} ${before.size}` },
          ],
        });
      }
    });
  }
  const dims = Object.fromEntries([...by].map(([name, b]) => [name, b.size]));
  const env = new Map(Object.entries(dims));
  for (const input of inputs) {
    const shape = known(input.name);
    if (shape?.length !== input.shape.length) continue;
    input.shape.forEach((d, axis) => {
      const size = valueOf(d, env);
      if (size === undefined || size === shape[axis] || wholeSymbol(d) !== undefined) return;
      faults.push(fault("MPT0604", input.span, "declared here", {
        message: `axis ${axis} of ${input.name} is ${shape[axis]}, and the program says ${size}`,
        expected: `${input.dtype}${showShape(input.shape)}`,
        found: showShape(shape),
      }));
    });
  }
  if (faults.length > 0) throw new DiagnosticError(faults);
  return dims;
}

function axes(n: number): string {
  return n === 1 ? "1 axis" : `${n} axes`;
}

function valueOf(d: Dim, env: ReadonlyMap<string, number>): number | undefined {
  try {
    return evaluateDim(d, env);
  } catch (error) {
    if (error instanceof DimError) return undefined;
    throw error;
  }
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
