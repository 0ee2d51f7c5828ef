import { Option } from "commander";
import { parseBytes } from "../compiler/core/bytes.ts";
import type { Interface } from "../compiler/core/program.ts";
import { UsageError } from "./report.ts";

/** `--device`; without it MPT_DEVICE, else auto. */
export function deviceOption(): Option {
  const text =
    "where to run: auto takes a hardware GPU if there is one, else the CPU (default: MPT_DEVICE, else auto)";
  return new Option("--device <name>", text).choices(["auto", "dawn", "deno", "cpu"]);
}

/** `--memory`: what a Program and its State may take. */
export function memoryOption(): Option {
  const text =
    "the most memory that training may take; what is needed is computed again in the backward pass";
  return new Option("--memory <amount>", `${text}, as in 2GiB`).argParser((given: string) => {
    const bytes = parseBytes(given);
    if (bytes !== undefined) return bytes;
    throw new UsageError(`--memory ${given} is not an amount, as in --memory 2GiB`);
  });
}

/** For an option that may be given several times. */
export const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];

/**
 * `--dims N=8 T=16` as `--dims N=8 --dims T=16`: a list after an option would take a file that follows it for one of its
 * own.
 */
export function spreadDims(args: readonly string[]): string[] {
  let inDims = false;
  return args.flatMap((arg, i) => {
    const more = inDims && args[i - 1] !== "--dims" && /^[A-Za-z_]\w*=/.test(arg);
    inDims = arg === "--dims" || inDims && (more || args[i - 1] === "--dims");
    return more ? ["--dims", arg] : [arg];
  });
}

/** `N=8,T=16`, several times over, as numbers. Throws UsageError. */
export function parseDims(text: readonly string[] | undefined): Record<string, number> {
  const dims: Record<string, number> = {};
  for (const part of (text ?? []).flatMap((t) => t.split(",")).filter(Boolean)) {
    const m = /^([A-Za-z_]\w*)=(\d+)$/.exec(part.trim());
    if (!m || Number(m[2]) < 1) throw new UsageError(`--dims ${part} is not NAME=NUMBER, as in --dims N=64`);
    dims[m[1]] = Number(m[2]);
  }
  return dims;
}

/** Throws UsageError for a dim that no input has. */
export function knownDims(
  dims: Record<string, number>,
  { batch, inputs }: Interface,
): Record<string, number> {
  const shapes = [...batch, ...inputs].flatMap((s) => s.shape);
  const symbols = [
    ...new Set(shapes.flatMap((d) => typeof d === "string" ? d.match(/[A-Za-z_]\w*/g) ?? [] : [])),
  ];
  for (const name of Object.keys(dims)) {
    if (symbols.includes(name)) continue;
    const has = symbols.length ? `the inputs have ${symbols.join(", ")}` : "the inputs have no symbols";
    throw new UsageError(`--dims names ${name}, and ${has}`);
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
