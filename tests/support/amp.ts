/**
 * The cases of `tests/fixtures/amp/`: the library under PyTorch's autocast to f16, from inputs in f16 and in f32, and
 * the same calls under `mixed_f16` through the checker.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { check } from "../../compiler/check/check.ts";
import type { Diagnostic } from "../../compiler/core/diagnostic.ts";
import { type DType, isFloat } from "../../compiler/core/dtype.ts";
import type { Node } from "../../compiler/ir/graph.ts";
import { casts } from "../../compiler/passes/casts.ts";
import { type OpCase, opCases } from "./fixtures.ts";

/** The dtypes that autocast gave, or how it refused. */
export type Autocast = readonly DType[] | { readonly error: string };

/** One call under autocast. */
export interface AmpCase extends OpCase {
  readonly f16: Autocast;
  readonly f32: Autocast;
}

/** All calls that ran under autocast, in the order in which they were made. */
export function ampCases(): AmpCase[] {
  const url = new URL("../fixtures/amp/ops.json", import.meta.url);
  const ran: Pick<AmpCase, "id" | "f16" | "f32">[] = JSON.parse(readFileSync(url, "utf8"));
  const cases = new Map(opCases().map((c) => [c.id, c]));
  return ran.map(({ id, f16, f32 }) => {
    const known = cases.get(id);
    if (!known) throw new Error(`ops/index.json has no ${id}: make the fixtures again`);
    return { ...known, f16, f32 };
  });
}

/** What the checker makes of a case under `mixed_f16`, its floating inputs in `given`. */
export interface AmpForward {
  /** Before the model's own cast to its output dtype; empty where the program is refused. */
  readonly outputs: readonly Node[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks a case as the forward of a model. */
export function ampForward({ id, kind, call, inputs, outputs }: OpCase, given: "f16" | "f32"): AmpForward {
  const feeds = Object.entries(inputs).filter(([name]) => !name.startsWith("weight:"));
  const layer = kind === "layer";
  const show = (dtype: string, shape: readonly number[]) =>
    shape.length ? `${dtype}[${shape.join(", ")}]` : dtype;
  const params = feeds.map(([name, { dtype, shape }]) =>
    `${name}: ${show(isFloat(dtype) ? given : dtype, shape)}`
  );
  const results = outputs.map(({ dtype, shape }) => show(isFloat(dtype) ? "float" : dtype, shape));
  const text = `model M() {
    precision mixed_f16
    ${layer ? `layer l = ${call}` : ""}
    forward(${params.join(", ")}) -> ${results.length === 1 ? results[0] : `(${results.join(", ")})`} {
      return ${layer ? `l(${feeds.map(([name]) => name).join(", ")})` : call}
    }
  }`;
  const { program, diagnostics } = check({ file: `${id}.mpt`, text }, () => undefined);
  if (!program || diagnostics.length > 0) return { outputs: [], diagnostics };
  const nodes = program.forward.outputs.map((node, i) => ({ kind: "result", name: `${i}`, node } as const));
  return { outputs: casts.run({ outputs: nodes }).outputs.map((o) => beforeOutput(o.node)), diagnostics };
}

const beforeOutput = (node: Node) =>
  node.op.name === "cast" && node.origin.why.startsWith("output:") ? node.inputs[0] : node;
