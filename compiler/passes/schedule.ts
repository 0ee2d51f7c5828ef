import type { Setting } from "../check/typed.ts";
import type { Node } from "../ir/graph.ts";
import type { MathBuilder } from "./math.ts";

const num = (s: Setting, key: string, fallback = 0) =>
  typeof s.args[key] === "number" ? s.args[key] : fallback;

/** The factor that multiplies `lr` at step t (f32, counted from 0), by the formulas of the language's contract. */
export function scheduleFactor(m: MathBuilder, schedule: Setting | undefined, t: Node): Node {
  if (!schedule) return m.constant(1);
  const w = num(schedule, "warmup");
  const factor = decay(m, schedule, t, w);
  if (w <= 0) return factor;
  return m.where(m.call("lt", t, w), m.mul(m.add(t, 1), 1 / w), factor);
}

function decay(m: MathBuilder, s: Setting, t: Node, w: number): Node {
  const final = num(s, "final");
  /** u = min(1, (t − w) / (total − w)), never below 0. */
  const progress = () => {
    const length = Math.max(1, num(s, "total") - w);
    return m.max(m.min(m.div(m.sub(t, w), length), 1), 0);
  };
  switch (s.name) {
    case "linear":
      return m.add(m.mul(progress(), final - 1), 1);
    case "cosine":
      return m.add(m.mul(m.add(cosPi(m, progress()), 1), (1 - final) / 2), final);
    case "polynomial":
      return m.add(m.mul(m.call("pow", m.sub(1, progress()), num(s, "power", 1)), 1 - final), final);
    case "step":
      // Half a step keeps the quotient off the integers, where a shader's division may fall an ulp short.
      return power(m, num(s, "gamma", 1), m.call("floor", m.div(m.add(t, 0.5), num(s, "every", 1))));
    case "exponential":
      return power(m, num(s, "gamma", 1), t);
    case "one_cycle":
      return oneCycle(m, s, t);
    default:
      return m.constant(1);
  }
}

/** base^t as exp(t·ln base), the logarithm taken when compiling. */
function power(m: MathBuilder, base: number, t: Node): Node {
  return base <= 0 ? m.call("pow", m.constant(base), t) : m.call("exp", m.mul(t, Math.log(base)));
}

/**
 * cos(πu) for u in [0, 1] as sin(π(½ − u)) by its Taylor series to degree 13 (error below 1e-9 on [−π/2, π/2]): a
 * shader's cos need only be within 2^-11.
 */
function cosPi(m: MathBuilder, u: Node): Node {
  const x = m.mul(m.sub(0.5, u), Math.PI);
  const x2 = m.mul(x, x);
  let sum: Node = m.constant(1 / 6227020800);
  for (const c of [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1]) sum = m.add(m.mul(sum, x2), c);
  return m.mul(sum, x);
}

/**
 * PyTorch's OneCycleLR with its defaults (pct_start 0.3, cosine annealing, div_factor 25, final_div_factor 1e4), as a
 * factor of max; `lr` is not used by it, so the optimizer pass gives max in its place.
 */
function oneCycle(m: MathBuilder, s: Setting, t: Node): Node {
  const total = num(s, "total");
  const peak = 0.3 * total - 1;
  const anneal = (from: number, to: number, u: Node) =>
    m.add(m.mul(m.add(cosPi(m, m.max(m.min(u, 1), 0)), 1), (from - to) / 2), to);
  const up = anneal(1 / 25, 1, m.div(t, Math.max(peak, 1e-9)));
  const down = anneal(1, 1 / 25 / 1e4, m.div(m.sub(t, peak), total - 1 - peak));
  return m.where(m.call("le", t, peak), up, down);
}
