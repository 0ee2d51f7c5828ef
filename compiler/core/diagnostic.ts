import type { Span } from "./span.ts";

/** A span and what it contributes to a diagnostic. */
export interface Label {
  readonly span: Span;
  readonly text: string;
}

/** Replacing every span by its text gives a program without this error. An insertion has an empty span. */
export interface Edit {
  /** One line that completes "help: ". */
  readonly help: string;
  readonly replacements: readonly { readonly span: Span; readonly text: string }[];
}

/**
 * What is wrong with a program, as a value. The check that finds a fault words it; `renderDiagnostic` shows it.
 *
 * Code ranges: MPT01xx syntax, MPT02xx names and shapes, MPT03xx precision, MPT04xx train blocks, MPT05xx limits,
 * MPT06xx data and binding.
 */
export interface Diagnostic {
  readonly code: string;
  readonly severity: "error" | "warning";
  /** One sentence without a full stop. */
  readonly message: string;
  /** The first label is where the fault shows; the others are what contributed. */
  readonly labels: readonly [Label, ...Label[]];
  readonly expected?: string;
  readonly found?: string;
  /** Advice that is not an edit. */
  readonly help?: string;
  readonly edit?: Edit;
}

/** Thrown where a caller asked for a result and the program has none; carries every diagnostic. */
export class DiagnosticError extends Error {
  constructor(readonly diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map((d) => `${d.code}: ${d.message}`).join("\n"));
    this.name = "DiagnosticError";
  }
}
