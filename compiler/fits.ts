import { DiagnosticError } from "./core/diagnostic.ts";
import type { Program } from "./core/program.ts";
import type { Target } from "./core/target.ts";
import type { TypedProgram } from "./check/typed.ts";

/** Throws DiagnosticError (MPT0606) where a buffer of the Program is larger than the target can make or bind. */
export function checkFits(program: Program, target: Target, source: TypedProgram): void {
  const { maxBufferSize, maxStorageBufferBindingSize } = target.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const largest = program.buffers.reduce((a, b) => b.bytes > a.bytes ? b : a, { name: "", bytes: 0 });
  if (largest.bytes <= most) return;
  const span = source.train?.span ?? source.params[0]?.span ?? { file: source.file, start: 0, end: 0 };
  const dims = Object.entries(program.dims).map(([name, size]) => `${name}=${size}`).join(", ");
  throw new DiagnosticError([{
    code: "MPT0606",
    severity: "error",
    message: `${target.name} cannot hold this program${dims ? ` at ${dims}` : ""}`,
    labels: [{ span, text: `needs ${mebibytes(largest.bytes)} in one buffer (${largest.name})` }],
    expected: `at most ${mebibytes(most)}`,
    found: mebibytes(largest.bytes),
    help: program.dims && dims
      ? "train on smaller batches, with accumulate to make up for it"
      : "make the model smaller",
  }]);
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 3 : 0)} MiB`;
