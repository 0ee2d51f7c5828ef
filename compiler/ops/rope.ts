import { isFloat } from "../core/dtype.ts";
import type { Expr } from "../core/expr.ts";
import { f32, i32, prim } from "../core/expr.ts";
import { isBound } from "../core/shape.ts";
import type { MapContext, MapOp } from "../ir/op.ts";
import { OpError, showType } from "../ir/op.ts";
import { tensor, tensorArg, toFloat } from "./apply.ts";
import type { LibraryFunction } from "./library.ts";
import { float, sample } from "./sample.ts";

/**
 * Rotary position embedding (Su et al., “RoFormer”, 2021) of x [..., T, D], D even: the pair k of position t is turned by
 * the angle ±(t + offset)·base^(−2k/D). Pairs are (k, k + D/2), or (2k, 2k + 1) where attrs.interleaved. attrs.sign is −1
 * in the gradient, which turns back.
 */
export const ropeOp: MapOp = {
  kind: "map",
  name: "rope",
  class: "follow",
  exact: false,
  view: false,
  type([x]) {
    const d = x.shape[x.shape.length - 1];
    if (!isFloat(x.dtype) || x.shape.length < 2 || (isBound(d) && d % 2 !== 0)) {
      throw new OpError("rope takes floats [..., T, D] with an even D", { found: showType(x), input: 0 });
    }
    return x;
  },
  expr(m) {
    const { member, partner, pair } = pairOf(m);
    const angle = prim("mul", position(m), frequency(m, pair));
    const cos = prim("cos", angle);
    const sin = prim("mul", prim("sin", angle), f32(m.attrs.sign as number));
    // The first of a pair becomes x₁cos − x₂sin, the second x₂cos + x₁sin.
    const second = prim("eq", member, i32(1));
    const turned = prim("mul", m.read(0, [...m.coords.slice(0, -1), partner]), sin);
    const kept = prim("mul", m.read(0, m.coords), cos);
    return prim("add", kept, prim("select", second, turned, prim("neg", turned)));
  },
  grad: (b, node, dy) => [b.node(ropeOp, [dy], { ...node.attrs, sign: -(node.attrs.sign as number) })],
  samples: [
    sample([float([2, 3, 4])], { base: 10000, offset: 0, interleaved: false, sign: 1 }),
    sample([float([3, 6])], { base: 100, offset: 2, interleaved: true, sign: 1 }),
  ],
};

/** Which of its pair the last coordinate is, the coordinate of the other one, and the pair's number. */
function pairOf(m: MapContext): { member: Expr; partner: Expr; pair: Expr } {
  const d = m.coords[m.coords.length - 1];
  const extent = m.type.shape[m.type.shape.length - 1];
  const half = i32(extent / 2);
  const two = i32(2);
  const interleaved = m.attrs.interleaved === true;
  const member = interleaved ? prim("mod", d, two) : prim("quo", d, half);
  const pair = interleaved ? prim("quo", d, two) : prim("mod", d, half);
  const step = interleaved ? i32(1) : half;
  const towards = prim("sub", step, prim("mul", prim("mul", two, step), member));
  return { member, partner: prim("add", d, towards), pair };
}

function position(m: MapContext): Expr {
  const t = m.coords[m.coords.length - 2];
  return prim("to_f32", prim("add", t, i32(m.attrs.offset as number)));
}

/** base^(−2k/D) as an exponential. */
function frequency(m: MapContext, pair: Expr): Expr {
  const extent = m.type.shape[m.type.shape.length - 1];
  const rate = -2 * Math.log(m.attrs.base as number) / extent;
  return prim("exp", prim("mul", prim("to_f32", pair), f32(rate)));
}

export const rope: LibraryFunction = {
  name: "rope",
  params: [
    tensor("x"),
    { name: "base", type: "float", default: 10000 },
    { name: "offset", type: "int", default: 0 },
    { name: "interleaved", type: "bool", default: false },
  ],
  class: "follow",
  doc:
    "Rotary position embedding of [..., T, D]: features k and k + D/2 (2k and 2k + 1 where interleaved) of position " +
    "t are turned by the angle (t + offset)·base^(−2k/D)",
  build: (b, args) =>
    b.node(ropeOp, [toFloat(b, tensorArg(b, args, "x"))], {
      base: args.base as number,
      offset: args.offset as number,
      interleaved: args.interleaved === true,
      sign: 1,
    }),
};
