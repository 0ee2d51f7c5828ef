import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import type { Init } from "../layers/layer.ts";

/**
 * A checked program: instances expanded, names resolved, every node typed with symbolic shapes (`N`), each in its
 * region of precision. Lowering binds the symbols; nothing here needs a device or a batch size.
 */
export interface TypedProgram {
  readonly file: string;
  readonly model: string;
  /** One entry a master, in declaration order; tied weights stand once, under the path that declares them. */
  readonly params: readonly TypedParam[];
  readonly forward: TypedForward;
  readonly train?: TypedTrain;
}

export interface TypedParam {
  /** `blocks.0.up.weight`, without the trained model's own name. */
  readonly path: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly init: Init;
  readonly span: Span;
}

export interface TypedInput {
  readonly name: string;
  /** A `float` input is f32 here; `shape` may have symbols. */
  readonly dtype: DType;
  readonly shape: Shape;
  readonly span: Span;
}

export interface TypedForward {
  readonly inputs: readonly TypedInput[];
  /** One, or the members of a returned tuple; cast to `output` where the program says float. */
  readonly outputs: readonly Node[];
}

export interface TypedTrain {
  readonly span: Span;
  readonly batch: readonly TypedInput[];
  /** f32, rank 0. */
  readonly loss: Node;
  readonly metrics: readonly { readonly name: string; readonly node: Node }[];
  /** What the first call of the trained model gives, for `predict` from a batch. */
  readonly call: readonly Node[];
  readonly optimizer: Setting;
  readonly schedule?: Setting;
  readonly lossScale?: Setting;
  readonly clip?: Setting;
  readonly accumulate: number;
  /** Fields that a later pass reads by name: stop, ema, precision_control, quantize, prune. */
  readonly others: Readonly<Record<string, Setting>>;
}

/**
 * A field's head with its arguments complete: defaults filled in and checked. `AdamW(lr: 1e-2, …)` has name "AdamW" and
 * args lr, betas, eps, weight_decay, no_decay, groups; `constant` and `none` have no args.
 */
export interface Setting {
  readonly name: string;
  readonly args: Readonly<Record<string, SettingValue>>;
  readonly span: Span;
}

export type SettingValue = number | boolean | string | null | readonly SettingValue[] | {
  readonly [key: string]: SettingValue;
};
