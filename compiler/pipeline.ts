import type { TypedProgram } from "./check/typed.ts";
import type { DType } from "./core/dtype.ts";
import type { Entry, ProgramOptions } from "./core/program.ts";
import type { Shape } from "./core/shape.ts";
import type { Graph, Output } from "./ir/graph.ts";
import { nodesOf } from "./ir/graph.ts";
import type { Pass } from "./ir/rewrite.ts";
import { lower } from "./lower/lower.ts";
import { autodiff } from "./passes/autodiff.ts";
import { accumulatedGrads, accumulateGrads } from "./passes/accumulate.ts";
import { casts } from "./passes/casts.ts";
import { clip } from "./passes/clip.ts";
import type { Copy } from "./passes/copies.ts";
import { copiesOf, useCopies } from "./passes/copies.ts";
import { decompose } from "./passes/decompose.ts";
import { inference } from "./passes/inference.ts";
import type { Slot } from "./passes/initial.ts";
import { initialGraph, syncGraph } from "./passes/initial.ts";
import { optimizer } from "./passes/optimizer.ts";
import { recompute } from "./passes/recompute.ts";
import type { SegmentChoice } from "./passes/segments.ts";
import { markSegments, segmentName } from "./passes/segments.ts";
import type { Scaling } from "./passes/scaling.ts";
import { reportGrads, resolveScaling, scaleLoss, tick, unscale } from "./passes/scaling.ts";
import { cse, simplify } from "./passes/simplify.ts";
import { FOUND_INF, SEED } from "./passes/slots.ts";

/** What is settled once for a program, before any dims: its scaling, its low-precision copies and its State. */
export interface Plan {
  readonly program: TypedProgram;
  readonly scaling: Scaling | undefined;
  readonly copies: readonly Copy[];
  readonly slots: readonly Slot[];
}

/** Runs the passes on the symbolic graphs once: the State's slots do not depend on dims. */
export function planProgram(program: TypedProgram): Plan {
  const { train } = program;
  const forward = casts.run({
    outputs: program.forward.outputs.map((node, i) => ({ kind: "result", name: `output.${i}`, node })),
  });
  const loss = train && casts.run(symbolicLoss(program));
  const copies = copiesOf({ outputs: [...(loss?.outputs ?? []), ...forward.outputs.filter(() => !loss)] });
  const scaling = train && resolveScaling(train.lossScale, loss!);
  const plan: Plan = { program, scaling, copies, slots: [] };
  return { ...plan, slots: slotsOf(plan) };
}

function symbolicLoss({ train }: TypedProgram): Graph {
  const metrics = train!.metrics.map((m): Output => ({ kind: "result", name: m.name, node: m.node }));
  return { outputs: [{ kind: "result", name: "loss", node: train!.loss }, ...metrics] };
}

/** Every slot that the training graph reads or writes, and the masters and copies of those it does not reach. */
function slotsOf(plan: Plan): Slot[] {
  const slots = new Map<string, Slot>();
  const add = (name: string, dtype: DType, shape: Shape) => slots.set(name, { name, dtype, shape });
  add(SEED, "u32", [2]);
  add(FOUND_INF, "u32", [1]);
  for (const p of plan.program.params) add(`param/${p.path}`, p.dtype, p.shape);
  const entries: Entry[] = !plan.program.train
    ? []
    : plan.program.train.accumulate > 1
    ? ["micro", "apply"]
    : ["step"];
  for (const entry of [...entries, "sync" as const]) {
    const source = entry === "sync"
      ? syncGraph(plan.program.params, plan.copies)
      : entry === "apply"
      ? accumulatedGrads(plan.program.params, [...slots.values()])
      : symbolicLoss(plan.program);
    const graph = passesFor(plan, entry, {}).filter((p) => !BOUND_ONLY.has(p.name)).reduce(
      (g, p) => p.run(g),
      source,
    );
    for (const n of nodesOf(graph)) {
      if (n.op.name === "state") add(String(n.attrs.slot), n.type.dtype, n.type.shape);
    }
    for (const o of graph.outputs) if (o.kind === "state") add(o.name, o.node.type.dtype, o.node.type.shape);
  }
  return [...slots.values()];
}

/** Passes that need numbers for shapes. */
const BOUND_ONLY = new Set(["decompose", "simplify", "cse", "recompute"]);

/** The graph that an entry starts from, dims bound. Throws DiagnosticError where they do not fit. */
export function sourceGraph(
  plan: Plan,
  entry: Entry,
  dims: Record<string, number>,
  options: ProgramOptions,
): Graph {
  const { program } = plan;
  switch (entry) {
    case "init":
      return initialGraph(program.params, plan.copies, plan.slots, plan.scaling);
    case "sync":
      return syncGraph(program.params, plan.copies);
    case "apply":
      return accumulatedGrads(program.params, plan.slots);
    case "predict":
      return lower(program, { entry: options.fromBatch ? "predict_batch" : "predict", dims });
    case "eval":
      return lower(program, { entry: "eval", dims });
    case "step":
    case "micro":
      return lower(program, { entry: "train", dims });
  }
}

/** The passes of an entry, in order; `choice` tells what more than the program asks is computed again. */
export function passesFor(
  plan: Plan,
  entry: Entry,
  options: ProgramOptions,
  choice?: SegmentChoice,
): readonly Pass[] {
  const { program: { train }, scaling } = plan;
  const last = [useCopies(plan.copies), decompose, simplify, cse];
  const segments = choice ? [markSegments(choice)] : [];
  const light = new Set(choice?.modes.flatMap((mode, i) => mode === "light" ? [segmentName(i)] : []));
  const keepGrads = options.grads ? [reportGrads] : [];
  switch (entry) {
    case "init":
      return [decompose, simplify, cse];
    case "sync":
      return [simplify, cse];
    case "eval":
    case "predict":
      return [casts, inference, ...last];
    case "micro":
      return [
        casts,
        ...segments,
        scaleLoss(scaling!, train!.accumulate),
        autodiff,
        accumulateGrads(scaling!),
        tick,
        ...last,
        recompute(light),
      ];
    case "apply":
      return [
        unscale(scaling!),
        ...keepGrads,
        clip(train!.clip),
        optimizer(train!, plan.program.params),
        ...last,
      ];
    case "step":
      return [
        casts,
        ...segments,
        scaleLoss(scaling!, 1),
        autodiff,
        unscale(scaling!),
        ...keepGrads,
        clip(train!.clip),
        optimizer(train!, plan.program.params),
        tick,
        ...last,
        recompute(light),
      ];
  }
}
