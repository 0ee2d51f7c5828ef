import type { DType } from "../core/dtype.ts";
import type { Span } from "../core/span.ts";
import type { Region } from "../ir/graph.ts";
import type { Glob } from "./globs.ts";

export const KEYS = ["params", "compute", "accum", "output"] as const;
export type Key = typeof KEYS[number];

/** A dtype and the annotation that set it, as origins tell it: "precision of MLP". */
export interface Choice {
  readonly dtype: DType;
  readonly by: string;
  readonly span?: Span;
}

/** What is in force at a point. */
export type Policy = Readonly<Record<Key, Choice>>;

/** What one annotation says; missing keys come from the enclosing one. */
export interface Override {
  readonly keys: Partial<Readonly<Record<Key, Choice>>>;
  readonly rules: readonly GlobRule[];
}

export interface GlobRule {
  readonly glob: Glob;
  readonly override: Override;
  readonly span: Span;
  /** Rules of a named policy only warn where they match nothing. */
  readonly policy?: string;
  /** Shared by every instance of the rule: whether any path matched. */
  readonly use: { matched: boolean };
}

const preset = (
  params: DType,
  compute: DType,
  output: DType,
) => ({ params, compute, accum: "f32", output } as const);

export const PRESETS: Readonly<Record<string, Readonly<Record<Key, DType>>>> = {
  f32: preset("f32", "f32", "f32"),
  mixed_f16: preset("f32", "f16", "f32"),
  mixed_bf16: preset("f32", "bf16", "f32"),
  pure_f16: preset("f16", "f16", "f16"),
  pure_bf16: preset("bf16", "bf16", "bf16"),
};

export const DEFAULT_POLICY: Policy = presetKeys("mixed_f16", "mixed_f16, the default") as Policy;

export function presetKeys(name: string, by: string, span?: Span): Record<Key, Choice> {
  const keys = PRESETS[name];
  return Object.fromEntries(KEYS.map((k) => [k, { dtype: keys[k], by, span }])) as Record<Key, Choice>;
}

/** The enclosing policy with an annotation inside it. */
export function override(outer: Policy, inner: Override | undefined): Policy {
  return inner ? { ...outer, ...inner.keys } : outer;
}

/** The region of a policy, as nodes carry it. */
export function regionOf(p: Policy): Region {
  return {
    compute: p.compute.dtype,
    accum: p.accum.dtype,
    why: why("compute", p.compute),
    span: p.compute.span,
  };
}

/** "compute: f16 (precision of MLP)". */
export function why(key: Key, choice: Choice): string {
  return `${key}: ${choice.dtype} (${choice.by})`;
}
