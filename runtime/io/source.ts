import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Source } from "../../compiler/core/span.ts";

/** A file that could not be read or written; the message names it and says why. */
export class FileError extends Error {
  constructor(path: string, action: string, cause: unknown) {
    const code = (cause as { code?: string })?.code;
    const why = code === "ENOENT"
      ? "there is no such file"
      : code === "EISDIR"
      ? "it is a folder"
      : code === "EACCES" || (cause as Error)?.name === "NotCapable"
      ? "permission is missing"
      : String((cause as Error)?.message ?? cause);
    super(`cannot ${action} ${path}: ${why}`);
    this.name = "FileError";
  }
}

/** Reads a program's text. Throws FileError. */
export function readSource(path: string): Source {
  try {
    return { file: path, text: readFileSync(path, "utf8") };
  } catch (error) {
    throw new FileError(path, "read", error);
  }
}

/** Finds imports beside the file that imports them. */
export function resolveBeside(path: string, from: string): Source | undefined {
  const file = isAbsolute(path) ? path : join(dirname(from), path);
  try {
    return { file, text: readFileSync(file, "utf8") };
  } catch {
    return undefined;
  }
}
