import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { stateNode } from "../ops/leaf.ts";

/** Updates made so far; a skipped step does not count. i32[]. */
export const STEP = "step";
/** Training runs made so far, skipped ones too: what random bits are keyed by. u32[]. */
export const TICK = "tick";
/** Two words that the host sets before `init`. u32[2]. */
export const SEED = "seed";
/** ORed to by roundings that overflow during a step; zero between steps. u32[1]. */
export const FOUND_INF = "found_inf";
/** The loss scale, f32[], and clean steps since it last moved, i32[]. */
export const SCALE = "scaler.scale";
export const CLEAN = "scaler.clean";

/** The master of a parameter, a low-precision copy of it, and its gradient accumulated over micro-batches (f32). */
export const paramSlot = (path: string): string => `param/${path}`;
export const copySlot = (path: string, dtype: string): string => `copy.${dtype}/${path}`;
export const accumSlot = (path: string): string => `accum/${path}`;

export const stepNode = (b: Builder): Node => stateNode(b, STEP, "i32", []);
export const tickNode = (b: Builder): Node => stateNode(b, TICK, "u32", []);
export const scaleNode = (b: Builder): Node => stateNode(b, SCALE, "f32", []);
export const cleanNode = (b: Builder): Node => stateNode(b, CLEAN, "i32", []);
