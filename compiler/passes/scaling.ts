import type { Setting } from "../check/typed.ts";
import { isNarrowRange } from "../core/dtype.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { expand } from "../ops/broadcast.ts";
import { foundInf } from "../ops/flag.ts";
import { gradientEdges, lossOutput } from "./autodiff.ts";
import { MathBuilder } from "./math.ts";
import { CLEAN, cleanNode, FOUND_INF, SCALE, scaleNode, TICK, tickNode } from "./slots.ts";

/** How the loss is scaled; every number is in force for the whole run. */
export type Scaling =
  | { readonly kind: "none"; readonly checked: boolean }
  | { readonly kind: "static"; readonly scale: number; readonly checked: true }
  | {
    readonly kind: "dynamic";
    readonly init: number;
    readonly growth: number;
    readonly backoff: number;
    readonly interval: number;
    readonly min: number;
    readonly max: number;
    readonly checked: true;
  };

const DEFAULTS = { init: 65536, growth: 2, backoff: 0.5, interval: 2000, min: 2 ** -14, max: 2 ** 24 };

/**
 * What the program asks for, or what its gradient edges need: scaling is on where any of them is f16 or f8e5m2. With
 * `none` on such edges overflowing steps are still skipped (`checked`), since their values were clamped.
 */
export function resolveScaling(setting: Setting | undefined, castGraph: Graph): Scaling {
  const edges = gradientEdges(lossOutput(castGraph).node);
  const narrow = [...edges].some((n) => isNarrowRange(n.type.dtype));
  const arg = (key: keyof typeof DEFAULTS) => {
    const v = setting?.args[key];
    return typeof v === "number" ? v : DEFAULTS[key];
  };
  const name = setting?.name ?? (narrow ? "dynamic" : "none");
  if (name === "none") return { kind: "none", checked: narrow };
  if (name === "static") return { kind: "static", scale: Number(setting!.args.s), checked: true };
  const keys = Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[];
  const numbers = Object.fromEntries(keys.map((k) => [k, arg(k)])) as typeof DEFAULTS;
  return { kind: "dynamic", ...numbers, checked: true };
}

const WHY = { why: "loss scaling" };

/** The scale in force during a step: a constant unless it moves. */
function currentScale(m: MathBuilder, s: Scaling): Node {
  if (s.kind === "dynamic") return scaleNode(m.b);
  return m.constant(s.kind === "static" ? s.scale : 1);
}

/** Adds `scaled_loss` for autodiff to take, divided by the number of micro-batches, and reports the scale. */
export function scaleLoss(s: Scaling, accumulate: number): Pass {
  return transform("scale_loss", (graph) => {
    const m = new MathBuilder(new Builder(WHY));
    const loss = lossOutput(graph).node;
    const scale = currentScale(m, s);
    const outputs: Output[] = [...graph.outputs, { kind: "result", name: "scale", node: scale }];
    const factor = accumulate > 1 ? m.mul(scale, 1 / accumulate) : scale;
    if (s.kind !== "none" || accumulate > 1) {
      outputs.push({ kind: "result", name: "scaled_loss", node: m.mul(loss, factor) });
    }
    return { outputs };
  });
}

/**
 * Gradients become f32, are checked for finiteness while still scaled (the loss with them), and are unscaled; `skipped`
 * tells the optimizer whether to stand still. The scaler's own state moves as PyTorch's GradScaler does, between min and max.
 */
export function unscale(s: Scaling): Pass {
  return transform("unscale", (graph) => {
    const m = new MathBuilder(new Builder(WHY));
    const grads = graph.outputs.filter((o) => o.kind === "grad");
    const wide = grads.map((o) => m.cast(o.node, "f32"));
    const outputs: Output[] = graph.outputs.filter((o) => o.kind !== "grad");
    const inverse = inverseScale(m, s);
    grads.forEach((o, i) => outputs.push({ ...o, node: inverse ? m.mul(wide[i], inverse) : wide[i] }));
    if (!s.checked) return { outputs: [...outputs, result("skipped", m.constant(0, "u32"))] };

    const found = foundInf(m.b, [...wide, ...checkedLoss(graph)]);
    outputs.push(result("skipped", found), state(FOUND_INF, expand(m.b, m.constant(0, "u32"), [1])));
    if (s.kind === "dynamic") outputs.push(...moveScale(m, s, isSet(m, found)));
    return { outputs };
  });
}

/**
 * The loss, where the graph has it, is checked with the gradients: an overflow on the way to it need not be among theirs
 * (d Σpx / dp is x, whatever became of px).
 */
export function checkedLoss(graph: Graph): Node[] {
  return graph.outputs.filter((o) => o.kind === "result" && o.name === "loss").map((o) => o.node);
}

/** The reciprocal of a power of two is exact and made from its bits; of any other scale it is rounded once. */
function inverseScale(m: MathBuilder, s: Scaling): Node | undefined {
  if (s.kind === "none") return undefined;
  if (s.kind === "static") return m.constant(1 / s.scale);
  const exact = [s.init, s.growth, s.backoff, s.min, s.max].every((x) => Number.isInteger(Math.log2(x)));
  const scale = scaleNode(m.b);
  return exact ? m.call("reciprocal_pow2", scale) : m.div(1, scale);
}

function moveScale(m: MathBuilder, s: Scaling & { kind: "dynamic" }, found: Node): Output[] {
  const scale = scaleNode(m.b);
  const next = m.add(cleanNode(m.b), 1);
  const due = m.call("ge", next, s.interval);
  const grown = m.where(due, m.min(m.mul(scale, s.growth), s.max), scale);
  return [
    state(SCALE, m.where(found, m.max(m.mul(scale, s.backoff), s.min), grown)),
    state(CLEAN, m.where(m.call("or", found, due), m.constant(0, "i32"), next)),
  ];
}

/** The bool of a u32 flag. */
export function isSet(m: MathBuilder, flag: Node): Node {
  return m.call("ne", flag, 0);
}

export const result = (name: string, node: Node): Output => ({ kind: "result", name, node });
export const state = (name: string, node: Node): Output => ({ kind: "state", name, node });

/** Reports the unscaled gradients, before clipping, as results `grad/PATH`. */
export const reportGrads: Pass = transform("report_grads", (graph) => ({
  outputs: [
    ...graph.outputs,
    ...graph.outputs.filter((o) => o.kind === "grad").map((o) => result(`grad/${o.name}`, o.node)),
  ],
}));

/** Counts the run, skipped or not: what random bits are keyed by. */
export const tick: Pass = transform("tick", (graph) => {
  const m = new MathBuilder(new Builder({ why: "count of runs" }));
  return { outputs: [...graph.outputs, state(TICK, m.add(tickNode(m.b), 1))] };
});
