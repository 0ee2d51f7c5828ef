import type { Dim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { PrecisionClass } from "../ir/op.ts";

/**
 * What a language-level argument may be. `tensor`: a node, or a number known when compiling, which becomes a weakly typed
 * constant. `tensors`: a list of nodes. `int`: a dim. `axis`: one int. `axes`: an int or a list. `dims`: a list of dims.
 * `sizes`: a dim or a list. `function`: a layer or fn, which whoever evaluates the call applies itself (`checkpoint`).
 */
export type ParamType =
  | "tensor"
  | "tensors"
  | "int"
  | "float"
  | "bool"
  | "string"
  | "dtype"
  | "axis"
  | "axes"
  | "dims"
  | "sizes"
  | "function";

/** A checked argument: ints are dims (symbolic until bound), axes are as written (negative ones too). */
export type ArgValue = Node | readonly Node[] | Dim | readonly Dim[] | boolean | string | undefined;
export type Args = Readonly<Record<string, ArgValue>>;

export interface Param {
  readonly name: string;
  readonly type: ParamType;
  /** Absent: required. `undefined` under `optional`. */
  readonly default?: ArgValue;
  readonly optional?: boolean;
}

/** A name of the language's library: signature, precision class, and what it builds. One entry, one place. */
export interface LibraryFunction {
  readonly name: string;
  readonly params: readonly Param[];
  /** As the language reference lists it; `composition` where the parts have their own. */
  readonly class: PrecisionClass | "composition";
  /** Where the class differs from PyTorch's autocast, why. */
  readonly note?: string;
  readonly doc: string;
  /** Throws OpError; `input` in its detail is an index into `params`. Several results are a tuple. */
  build(b: Builder, args: Args): Node | readonly Node[];
}
