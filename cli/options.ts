import { UsageError } from "./report.ts";

/** `N=8,T=16` or `N=8 T=16` as numbers. Throws UsageError. */
export function parseDims(text: readonly string[] | undefined): Record<string, number> {
  const dims: Record<string, number> = {};
  for (const part of (text ?? []).flatMap((t) => t.split(",")).filter(Boolean)) {
    const m = /^([A-Za-z_]\w*)=(\d+)$/.exec(part.trim());
    if (!m || Number(m[2]) < 1) throw new UsageError(`--dims ${part} is not NAME=NUMBER, as in --dims N=64`);
    dims[m[1]] = Number(m[2]);
  }
  return dims;
}

/** A whole number of at least `least`. Throws UsageError. */
export function parseCount(name: string, least: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!Number.isSafeInteger(n) || n < least) {
      throw new UsageError(`--${name} ${text} is not a whole number from ${least} up`);
    }
    return n;
  };
}
