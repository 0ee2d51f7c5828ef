import type { Shape } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { Args, Param } from "../ops/library.ts";

/** How a tensor is first filled; random ones draw from the counter-based generator. */
export type Init =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  | { readonly kind: "normal"; readonly mean: number; readonly std: number }
  | { readonly kind: "orthogonal"; readonly gain: number };

/** A trainable tensor of a layer, under PyTorch's name. */
export interface Weight {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Init;
}

/** A layer of the library: PyTorch's argument names, defaults, parameter names, layouts and initialisation. */
export interface Layer {
  readonly name: string;
  readonly doc: string;
  /** Constructor arguments. An argument with a weight's name (`weight: tok.weight`) ties that weight. */
  readonly params: readonly Param[];
  /** What calling the layer takes. */
  readonly inputs: readonly Param[];
  /** Throws OpError for arguments that make no layer. */
  weights(args: Args): readonly Weight[];
  /** Throws OpError where the inputs do not fit; `input` in its detail is an index into `inputs`. */
  build(
    b: Builder,
    args: Args,
    weights: Readonly<Record<string, Node>>,
    inputs: Args,
  ): Node | readonly Node[];
}
