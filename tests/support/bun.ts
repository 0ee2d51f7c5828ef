/**
 * Finds the Bun that npm `bun` brought. Its own launcher works only after a lifecycle script, which Deno does not run,
 * so this looks past it, for the executable in the package of this platform.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The path of the Bun executable; undefined if its package is not installed for this platform. */
export function findBun(): string | undefined {
  const os = process.platform === "win32" ? "windows" : process.platform;
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const near = createRequire(import.meta.url);
  for (const variant of ["", "-musl"]) {
    try {
      // The package of the platform is a dependency of `bun`, not ours: it is resolved from there.
      const bun = createRequire(near.resolve("bun/package.json"));
      const folder = dirname(bun.resolve(`@oven/bun-${os}-${arch}${variant}/package.json`));
      const path = join(folder, "bin", process.platform === "win32" ? "bun.exe" : "bun");
      if (existsSync(path)) return path;
    } catch {
      // not installed: try the next one
    }
  }
}
