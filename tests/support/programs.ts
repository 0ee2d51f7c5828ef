/** Programs as tests write them. */
import type { CheckOptions } from "../../compiler/check/check.ts";
import { check } from "../../compiler/check/check.ts";
import type { TypedProgram } from "../../compiler/check/typed.ts";
import type { Diagnostic } from "../../compiler/core/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/core/render_diagnostic.ts";
import { fail } from "../assert.ts";

export type Files = Readonly<Record<string, string>>;

/** What the checker says about a program; `files` are what it may import. */
export function diagnose(text: string, files: Files = {}, options: CheckOptions = {}): Diagnostic[] {
  return run(text, files, options).diagnostics;
}

/** The typed program. Fails with the diagnostics where there is any. */
export function program(text: string, files: Files = {}, options: CheckOptions = {}): TypedProgram {
  const { program, diagnostics } = run(text, files, options);
  if (diagnostics.length > 0) {
    fail(renderDiagnostics(diagnostics, new Map([["test.mpt", text], ...Object.entries(files)])));
  }
  return program ?? fail("there is no program in it");
}

function run(text: string, files: Files, options: CheckOptions) {
  const resolve = (path: string) => files[path] === undefined ? undefined : { file: path, text: files[path] };
  return check({ file: "test.mpt", text }, resolve, options);
}

/** The codes of the diagnostics, in order. */
export function codes(text: string, files: Files = {}): string[] {
  return diagnose(text, files).map((d) => d.code);
}

/** A regression of a row of six numbers whose inputs the test chooses. */
export const regression = (fields: string, precision = "mixed_f16") => `
model Net {
  precision ${precision}
  layer fc1 = Linear(6, 16)
  layer fc2 = Linear(16, 1)
  forward(x: float[N, 6]) -> f32[N, 1] { return x |> fc1 |> tanh |> fc2 }
}
train Net {
  batch(x: f32[N, 6], y: f32[N, 1])
  loss = mse(Net(x), y)
  ${fields}
}
`;
