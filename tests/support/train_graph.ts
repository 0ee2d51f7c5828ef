import type { Setting, TypedTrain } from "../../compiler/check/typed.ts";
import type { DType } from "../../compiler/core/dtype.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import type { Graph, Node } from "../../compiler/ir/graph.ts";
import type { Args } from "../../compiler/ops/library.ts";
import { LIBRARY } from "../../compiler/ops/index.ts";
import { autodiff } from "../../compiler/passes/autodiff.ts";
import { casts } from "../../compiler/passes/casts.ts";
import { clip } from "../../compiler/passes/clip.ts";
import { copiesOf, useCopies } from "../../compiler/passes/copies.ts";
import { decompose } from "../../compiler/passes/decompose.ts";
import { optimizer } from "../../compiler/passes/optimizer.ts";
import { resolveScaling, scaleLoss, unscale } from "../../compiler/passes/scaling.ts";
import { cse, simplify } from "../../compiler/passes/simplify.ts";

const NOWHERE = { file: "", start: 0, end: 0 };

const setting = (name: string, args: Setting["args"] = {}): Setting => ({ name, args, span: NOWHERE });

/** A builder whose nodes compute in `compute`, and the library by name. */
export function modelBuilder(compute: DType) {
  const b = new Builder({ why: "" }, { compute, accum: "f32", why: "test" });
  return { b, call: (name: string, args: Args): Node => LIBRARY.get(name)!.build(b, args) as Node };
}

/**
 * One training step (dynamic loss scaling where an edge is f16, clip by norm, AdamW) of a loss and metrics that a
 * `modelBuilder` made, up to and without decomposition.
 */
export function trainingStep(loss: Node, metrics: Readonly<Record<string, Node>> = {}): Graph {
  const results = Object.entries({ loss, ...metrics }).map(([name, node]) => ({
    kind: "result" as const,
    name,
    node,
  }));
  const adamw = { lr: 0.01, betas: [0.9, 0.99], eps: 1e-8, weight_decay: 0.01, no_decay: ["**.bias"] };
  const train = { optimizer: setting("AdamW", adamw) } as unknown as TypedTrain;
  const forward = casts.run({ outputs: results });
  const scaling = resolveScaling(undefined, forward);
  const passes = [
    scaleLoss(scaling, 1),
    autodiff,
    unscale(scaling),
    clip(setting("norm", { x: 1 })),
    optimizer(train),
    useCopies(copiesOf(forward)),
  ];
  return passes.reduce((g, p) => p.run(g), forward);
}

/** As `trainingStep`, ready to emit. */
export function emittable(graph: Graph): Graph {
  return [decompose, simplify, cse].reduce((g, p) => p.run(g), graph);
}
