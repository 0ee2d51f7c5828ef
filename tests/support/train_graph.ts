import type { Setting, TypedTrain } from "../../compiler/check/typed.ts";
import type { DType } from "../../compiler/core/dtype.ts";
import { Builder } from "../../compiler/ir/builder.ts";
import type { Graph, Node } from "../../compiler/ir/graph.ts";
import { nodesOf } from "../../compiler/ir/graph.ts";
import type { RefTensor } from "../../compiler/ir/op.ts";
import type { Args } from "../../compiler/ops/library.ts";
import { LIBRARY } from "../../compiler/ops/index.ts";
import { inputNode, paramNode } from "../../compiler/ops/leaf.ts";
import { linear } from "../../compiler/ops/linear.ts";
import { autodiff } from "../../compiler/passes/autodiff.ts";
import { casts } from "../../compiler/passes/casts.ts";
import { clip } from "../../compiler/passes/clip.ts";
import { copiesOf, useCopies } from "../../compiler/passes/copies.ts";
import { decompose } from "../../compiler/passes/decompose.ts";
import { optimizer } from "../../compiler/passes/optimizer.ts";
import { resolveScaling, scaleLoss, unscale } from "../../compiler/passes/scaling.ts";
import { cse, simplify } from "../../compiler/passes/simplify.ts";
import { slotsOf, tensor } from "./compare_graph.ts";

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

/** mlp.mpt's training step: image bytes, two layers of which the second is pinned to f32, accuracy. */
export function mlpStep(rows: number, pixels: number, hidden: number, compute: DType): Graph {
  const { b, call } = modelBuilder(compute);
  const f32 = b.within({ compute: "f32", accum: "f32", why: "" });
  const image = inputNode(b, "image", "u8", [rows, pixels]);
  const label = inputNode(b, "label", "i32", [rows]);
  const x = call("div", { x: call("cast", { x: image, to: compute }), y: 255 });
  const weight = (path: string, shape: number[]) => paramNode(b, path, "f32", shape);
  const z = linear(b, x, weight("fc1.weight", [hidden, pixels]), weight("fc1.bias", [hidden]));
  const logits = linear(
    f32,
    call("relu", { x: z }),
    weight("fc2.weight", [10, hidden]),
    weight("fc2.bias", [10]),
  );
  const defaults = { axis: -1, label_smoothing: 0, ignore_index: -100, reduction: "mean" };
  const loss = call("cross_entropy", { logits, target: label, ...defaults });
  const hit = call("eq", { x: call("argmax", { x: logits, axis: -1, keepdim: false }), y: label });
  return emittable(trainingStep(loss, { accuracy: call("mean", { x: hit }) }));
}

/** Values for every slot and input of `mlpStep`, random but for `over`. */
export function stepFeeds(
  graph: Graph,
  over: Record<string, readonly number[]> = {},
): Map<string, RefTensor> {
  const out = new Map<string, RefTensor>();
  const fill = (name: string, dtype: DType, shape: readonly number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const draw = () => {
      if (name === "image") return Math.floor(256 * Math.random());
      if (name === "label") return Math.floor(10 * Math.random());
      if (name === "scaler.scale") return 1024;
      if (name === "step" || name === "scaler.clean") return 7;
      if (name === "found_inf") return 0;
      return name.startsWith("adam.v") ? Math.random() * 1e-3 : (Math.random() - 0.5) / 4;
    };
    out.set(name, tensor(dtype, shape, over[name] ?? Array.from({ length: size }, draw)));
  };
  for (const s of slotsOf(graph)) fill(s.name, s.dtype, s.shape as number[]);
  for (const n of nodesOf(graph).filter((n) => n.op.name === "input")) {
    fill(String(n.attrs.name), n.type.dtype, n.type.shape as number[]);
  }
  // Copies agree with their masters.
  for (const [name, t] of out) {
    const master = out.get(name.replace(/^copy\.\w+/, "param"));
    if (name.startsWith("copy.")) out.set(name, tensor(t.dtype, t.shape, master!.data));
  }
  return out;
}

/** Slots with which the backward pass of `mlpStep(5, 8, 4, "f16")` overflows. */
export const OVERFLOWING: Readonly<Record<string, readonly number[]>> = {
  "scaler.scale": [2 ** 24],
  "param/fc2.weight": Array.from({ length: 40 }, (_, i) => i % 8 < 4 ? 3 : -3),
};
