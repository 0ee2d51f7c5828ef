import type { Setting, TypedParam, TypedTrain } from "../check/typed.ts";
import type { Glob } from "../check/globs.ts";
import { covers, parseGlob, winner } from "../check/globs.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { transform } from "../ir/rewrite.ts";
import { stateNode } from "../ops/leaf.ts";
import { nodesOf } from "../ir/graph.ts";
import { paramPath } from "./autodiff.ts";
import { MathBuilder } from "./math.ts";
import { isSet, state } from "./scaling.ts";
import { scheduleFactor } from "./schedule.ts";
import { paramSlot, STEP, stepNode } from "./slots.ts";

/** What one parameter's update sees. Everything is f32 and of the parameter's shape, or a scalar. */
interface Update {
  readonly m: MathBuilder;
  readonly p: Node;
  readonly g: Node;
  readonly lr: Node;
  /** f32 updates made before this one, and with it. */
  readonly t: Node;
  readonly t1: Node;
  readonly decay: number;
  /** A moment of this parameter: its old value, zero at first. */
  moment(name: string): Node;
  /** What the moment becomes. */
  keep(name: string, value: Node): void;
}

type Rule = (u: Update, arg: (key: string) => number, options: Setting["args"]) => Node;

/** 1 − β^t without cancellation: −expm1(t·ln β). */
function biasCorrection(m: MathBuilder, beta: number, t1: Node): Node {
  if (beta === 0) return m.constant(1);
  return m.neg(m.call("expm1", m.mul(t1, Math.log(beta))));
}

/** PyTorch's Adam: p − (lr / (1 − β₁ᵗ))·m / (√v / √(1 − β₂ᵗ) + ε). */
function adam(u: Update, p: Node, g: Node, betas: readonly number[], eps: number): Node {
  const { m } = u;
  const [b1, b2] = betas;
  const first = m.add(m.mul(u.moment("adam.m"), b1), m.mul(g, 1 - b1));
  const second = m.add(m.mul(u.moment("adam.v"), b2), m.mul(m.mul(g, g), 1 - b2));
  u.keep("adam.m", first);
  u.keep("adam.v", second);
  const size = m.div(u.lr, biasCorrection(m, b1, u.t1));
  const root = m.sqrt(biasCorrection(m, b2, u.t1));
  return m.sub(p, m.div(m.mul(first, size), m.add(m.div(m.sqrt(second), root), eps)));
}

const pair = (v: Setting["args"][string]): readonly number[] => (v as readonly number[]).map(Number);

const RULES: Readonly<Record<string, Rule>> = {
  SGD(u, arg, options) {
    const { m } = u;
    let d = u.decay ? m.add(u.g, m.mul(u.p, u.decay)) : u.g;
    const mu = arg("momentum");
    if (mu) {
      const old = m.add(m.mul(u.moment("sgd.momentum"), mu), m.mul(d, 1 - arg("dampening")));
      const buffer = m.where(m.call("eq", u.t, 0), d, old);
      u.keep("sgd.momentum", buffer);
      d = options.nesterov ? m.add(d, m.mul(buffer, mu)) : buffer;
    }
    return m.sub(u.p, m.mul(d, u.lr));
  },
  Adam(u, arg, options) {
    const g = u.decay ? u.m.add(u.g, u.m.mul(u.p, u.decay)) : u.g;
    return adam(u, u.p, g, pair(options.betas), arg("eps"));
  },
  AdamW(u, arg, options) {
    return adam(u, decayed(u), u.g, pair(options.betas), arg("eps"));
  },
  /** p − lr·sign(β₁m + (1 − β₁)g), decoupled decay; then m moves by β₂. */
  Lion(u, _arg, options) {
    const { m } = u;
    const [b1, b2] = pair(options.betas);
    const old = u.moment("lion.m");
    u.keep("lion.m", m.add(m.mul(old, b2), m.mul(u.g, 1 - b2)));
    const direction = m.call("sign", m.add(m.mul(old, b1), m.mul(u.g, 1 - b1)));
    return m.sub(decayed(u), m.mul(direction, u.lr));
  },
};

/** `groups: [("head.**", 1e-4)]`, as the checker passes it on. */
function groupsOf(setting: Setting): readonly { readonly glob: Glob; readonly lr: number }[] {
  const given = (setting.args.groups ?? []) as readonly { readonly path: string; readonly lr: number }[];
  return given.map(({ path, lr }) => ({ glob: parseGlob(path) as Glob, lr }));
}

/** Decoupled weight decay: p·(1 − lr·λ). */
function decayed(u: Update): Node {
  return u.decay ? u.m.mul(u.p, u.m.sub(1, u.m.mul(u.lr, u.decay))) : u.p;
}

/**
 * Uses up the `grad` outputs: every parameter and moment gets its next value, or keeps its own where the step is
 * skipped; `step` counts updates, not runs.
 */
export function optimizer(train: TypedTrain, params: readonly TypedParam[] = []): Pass {
  return transform("optimizer", (graph): Graph => {
    const { optimizer: setting, schedule } = train;
    const m = new MathBuilder(new Builder({ why: `optimizer = ${setting.name}`, span: setting.span }));
    const rule = RULES[setting.name];
    const arg = (key: string) => Number(setting.args[key] ?? 0);
    const skippedFlag = graph.outputs.find((o) => o.name === "skipped")!.node;
    const checked = skippedFlag.op.name !== "const";
    const skipped = checked ? isSet(m, skippedFlag) : undefined;
    const unless = (old: Node, next: Node) => skipped ? m.where(skipped, old, next) : next;

    // After accumulation the gradients come from the State, and the graph has read no master yet.
    const dtypes = new Map(params.map((p) => [p.path, p.dtype]));
    const masters = new Map(nodesOf(graph).map((n) => [paramPath(n), n]));
    const t = m.cast(stepNode(m.b), "f32");
    const t1 = m.add(t, 1);
    const peak = schedule?.name === "one_cycle" ? Number(schedule.args.max) : arg("lr");
    const factor = scheduleFactor(m, schedule, t);
    const groups = groupsOf(setting);
    const rates = new Map<number, Node>();
    /** The rate of the most specific group that covers a path, else the optimizer's own; the schedule moves them all. */
    const rateOf = (path: string) => {
      const at = winner(groups, path.split("."))?.lr ?? peak;
      if (!rates.has(at)) rates.set(at, m.mul(factor, at));
      return rates.get(at)!;
    };
    const outputs: Output[] = graph.outputs.filter((o) => o.kind !== "grad");
    const noDecay = ((setting.args.no_decay ?? []) as readonly string[]).map((g) => parseGlob(g) as Glob);

    for (const { name: path, node: g } of graph.outputs.filter((o) => o.kind === "grad")) {
      const master = masters.get(path) ??
        stateNode(m.b, paramSlot(path), dtypes.get(path) ?? "f32", g.type.shape);
      const kept: Output[] = [];
      const moment = (name: string) => stateNode(m.b, `${name}/${path}`, "f32", g.type.shape);
      const next = rule(
        {
          m,
          p: m.cast(master, "f32"),
          g,
          lr: rateOf(path),
          t,
          t1,
          decay: noDecay.some((g) => covers(g, path.split("."))) ? 0 : arg("weight_decay"),
          moment,
          keep: (name, value) => kept.push(state(`${name}/${path}`, unless(moment(name), value))),
        },
        arg,
        setting.args,
      );
      outputs.push(state(paramSlot(path), unless(master, m.cast(next, master.type.dtype))), ...kept);
    }
    outputs.push(state(STEP, unless(stepNode(m.b), m.add(stepNode(m.b), 1))));
    return { outputs };
  });
}
