import type { Target } from "../../compiler/core/target.ts";

/** One fact that a device was tested for, as `mpt doctor` prints it. */
export interface Check {
  readonly check: string;
  readonly ok: boolean;
  /** What was found; where `ok` is false also what was done about it. */
  readonly detail: string;
}

/** What a failed check costs: the device, a part of its Target, or nothing. */
export type Remedy =
  | { readonly kind: "refuse" }
  | { readonly kind: "note" }
  | { readonly kind: "avoid"; readonly how: string; readonly change: (target: Target) => Target };

/** A check's finding and, should it have failed, the remedy. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy: Remedy;
}

/**
 * A small kernel and the judge of what it wrote. The shader's group 0 holds `array<u32>` buffers: binding 0 is the
 * input (read), binding 1 the output (read_write), which starts as zeros.
 */
export interface Experiment {
  readonly name: string;
  readonly code: string;
  readonly input: Uint32Array;
  readonly outputWords: number;
  readonly workgroups: number;
  /** What it costs where the shader does not even compile. */
  readonly remedy: Remedy;
  judge(output: Uint32Array): Finding[];
}

export const REFUSE: Remedy = { kind: "refuse" };

/** Falls back to f16 packed in words. */
export const AVOID_F16: Remedy = {
  kind: "avoid",
  how: "f16 is packed in words instead",
  change: (target) => ({
    ...target,
    f16: false,
    subgroupMatrix: target.subgroupMatrix.filter((s) => s.component !== "f16"),
  }),
};

/** Takes f16 in words apart by bit operations. */
export const AVOID_UNPACK: Remedy = {
  kind: "avoid",
  how: "halves are unpacked by bit operations",
  change: (target) => ({ ...target, quirks: { ...target.quirks, exactUnpack: false } }),
};

/** Saturates each value before it becomes a half. */
export const AVOID_INFINITE_HALVES: Remedy = {
  kind: "avoid",
  how: "halves are saturated before they are converted",
  change: (target) => ({ ...target, quirks: { ...target.quirks, narrowsToInfinity: false } }),
};

/** For what kernels do not rest on: worth knowing, never a failure. */
export const NOTE: Remedy = { kind: "note" };

export const AVOID_SUBGROUPS: Remedy = {
  kind: "avoid",
  how: "subgroups are not used",
  change: (target) => ({ ...target, subgroups: null, subgroupMatrix: [] }),
};

export function hex(word: number, digits = 8): string {
  return `0x${(word >>> 0).toString(16).padStart(digits, "0")}`;
}

/**
 * Compares words. The detail of a mismatch names the input, what was expected and
 * what came.
 */
export function compare(
  check: string,
  remedy: Remedy,
  count: number,
  at: (i: number) => { input: string; expected: number; actual: number },
  good: string,
): Finding {
  for (let i = 0; i < count; i++) {
    const { input, expected, actual } = at(i);
    if (expected !== actual) {
      return { check, ok: false, detail: `${input} gave ${hex(actual)}, not ${hex(expected)}`, remedy };
    }
  }
  return { check, ok: true, detail: good, remedy };
}
