/**
 * Reads data files out of npm packages, in Deno, Bun and Node.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** A data set cannot be read; the message says what to do. */
export class DataError extends Error {
  override name = "DataError";
}

/**
 * The bytes of `path` inside the installed npm package `name`.
 * @throws DataError if the package is not installed, or has no such file
 */
export async function readPackageFile(name: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  let folder: string;
  try {
    folder = dirname(require.resolve(`${name}/package.json`));
  } catch {
    throw new DataError(
      `the npm package ${name} is not installed: run "deno install" (or "npm install") in the project`,
    );
  }
  try {
    return await readFile(join(folder, path)) as Uint8Array<ArrayBuffer>;
  } catch (error) {
    throw new DataError(`cannot read ${path} of the npm package ${name}: ${(error as Error).message}`);
  }
}
