import process from "node:process";
import { DiagnosticError } from "../compiler/core/diagnostic.ts";
import type { Diagnostic } from "../compiler/core/diagnostic.ts";
import { diagnosticToJson, renderDiagnostics } from "../compiler/core/render_diagnostic.ts";
import { BatchError } from "../runtime/batch.ts";
import { DeviceError } from "../runtime/device.ts";
import { SafetensorsError } from "../runtime/io/safetensors.ts";
import { FileError, readSource } from "../runtime/io/source.ts";

/** A wrong use of the command line; the message says what would be right. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Colour only on a terminal, and never against NO_COLOR. */
export function useColor(stream: { isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR;
}

function textOf(file: string): string | undefined {
  try {
    return readSource(file).text;
  } catch {
    return undefined;
  }
}

/** On stderr, or as JSON on stdout, `more` beside them. */
export function showDiagnostics(diagnostics: readonly Diagnostic[], json = false, more: object = {}): void {
  if (json) {
    const told = { diagnostics: diagnostics.map((d) => diagnosticToJson(d, textOf)), ...more };
    console.log(JSON.stringify(told, null, 2));
  } else if (diagnostics.length > 0) {
    process.stderr.write(`${renderDiagnostics(diagnostics, textOf, { color: useColor(process.stderr) })}\n`);
  }
}

/** Shows what a user can act on and gives the exit code: 1 for a faulty program, 2 for a faulty use. */
export function report(error: unknown): number {
  if (error instanceof DiagnosticError) {
    showDiagnostics(error.diagnostics);
    // MPT06xx: what was given with the program, its dims and data, is at fault.
    return error.diagnostics.every((d) => d.code.startsWith("MPT06")) ? 2 : 1;
  }
  const expected = [UsageError, BatchError, DeviceError, SafetensorsError, FileError];
  if (expected.some((kind) => error instanceof kind)) {
    console.error(`mpt: ${(error as Error).message}`);
    return 2;
  }
  console.error("mpt: a fault of mpt's own; please report it with the program that caused it");
  console.error(error instanceof Error ? error.stack : String(error));
  return 70;
}
