import { byteSize, isFloat } from "../core/dtype.ts";
import type { DType } from "../core/dtype.ts";
import { Poly, showDim } from "../core/shape.ts";
import { eqShape } from "../core/shape.ts";
import { overflows, round } from "../core/round.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { mapGraph, same } from "../ir/graph.ts";
import type { Attr, Op } from "../ir/op.ts";
import type { Pass, Rule } from "../ir/rewrite.ts";
import { rewrite, transform } from "../ir/rewrite.ts";
import { expandOp } from "../ops/broadcast.ts";
import { cast, castOp } from "../ops/cast.ts";
import { constNode, constOp, constValue } from "../ops/leaf.ts";
import { permute, permuteOp, reshape, reshapeOp } from "../ops/view.ts";

/** Whether every value of `narrow` is a value of `wide`. */
function holds(wide: DType, narrow: DType): boolean {
  if (wide === narrow || wide === "f32" && isFloat(narrow)) return true;
  return isFloat(wide) && isFloat(narrow) && byteSize(narrow) === 1 && byteSize(wide) === 2;
}

const isOne = (n: Node) => constValue(n) === 1;
const isZero = (n: Node) => constValue(n) === 0;

const RULES: readonly Rule[] = [
  {
    algebra: "cast(x, dtype of x) → x",
    apply: (n) => n.op === castOp && n.inputs[0].type.dtype === n.type.dtype ? n.inputs[0] : undefined,
  },
  {
    algebra:
      "cast(cast(x, wide), d) → cast(x, d) where wide holds every value of x: f16→f32→f16 folds, f32→f16→f32 does not",
    apply(n, b) {
      const inner = n.op === castOp ? n.inputs[0] : undefined;
      if (inner?.op !== castOp) return undefined;
      return holds(inner.type.dtype, inner.inputs[0].type.dtype)
        ? cast(b, inner.inputs[0], n.type.dtype)
        : undefined;
    },
  },
  {
    algebra: "cast(const) → const, rounded, unless that overflows: the overflow is part of the program",
    apply(n, b) {
      const [x] = n.inputs;
      if (n.op !== castOp || x.op !== constOp || !isFloat(n.type.dtype)) return undefined;
      const value = round(x.attrs.value as number, x.type.dtype);
      if (overflows(value, n.type.dtype)) return undefined;
      return constNode(b, round(value, n.type.dtype), n.type.dtype);
    },
  },
  {
    algebra: "permute(permute(x)) → permute(x); the identity vanishes",
    apply(n, b) {
      if (n.op !== permuteOp) return undefined;
      const perm = n.attrs.perm as readonly number[];
      if (perm.every((p, i) => p === i)) return n.inputs[0];
      const inner = n.inputs[0];
      if (inner.op !== permuteOp) return undefined;
      const first = inner.attrs.perm as readonly number[];
      return permute(b, inner.inputs[0], perm.map((p) => first[p]));
    },
  },
  {
    algebra: "reshape(reshape(x)) → reshape(x); the identity vanishes",
    apply(n, b) {
      if (n.op !== reshapeOp) return undefined;
      const inner = n.inputs[0];
      if (eqShape(inner.type.shape, n.type.shape)) return inner;
      return inner.op === reshapeOp ? reshape(b, inner.inputs[0], n.type.shape) : undefined;
    },
  },
  {
    algebra: "expand(x, shape of x) → x",
    apply: (n) =>
      n.op === expandOp && eqShape(n.inputs[0].type.shape, n.type.shape) ? n.inputs[0] : undefined,
  },
  {
    algebra: "x·1 → x, 1·x → x, x/1 → x",
    apply(n) {
      if (n.op.name === "mul") {
        return isOne(n.inputs[1]) ? n.inputs[0] : isOne(n.inputs[0]) ? n.inputs[1] : undefined;
      }
      return n.op.name === "div" && isFloat(n.type.dtype) && isOne(n.inputs[1]) ? n.inputs[0] : undefined;
    },
  },
  {
    algebra: "x + 0 → x, 0 + x → x, x − 0 → x (a zero's sign apart)",
    apply(n) {
      if (n.op.name === "add") {
        return isZero(n.inputs[1]) ? n.inputs[0] : isZero(n.inputs[0]) ? n.inputs[1] : undefined;
      }
      return n.op.name === "sub" && isZero(n.inputs[1]) ? n.inputs[0] : undefined;
    },
  },
  {
    algebra: "−(−x) → x",
    apply: (n) => n.op.name === "neg" && n.inputs[0].op.name === "neg" ? n.inputs[0].inputs[0] : undefined,
  },
];

/** Local algebra that changes no value. */
export const simplify: Pass = rewrite("simplify", RULES);

function attrKey(v: Attr): string {
  if (v instanceof Poly) return showDim(v);
  if (Array.isArray(v)) return `[${v.map(attrKey).join()}]`;
  // JSON has neither −0 nor the non-finite numbers.
  return typeof v === "number" ? Object.is(v, -0) ? "-0" : String(v) : JSON.stringify(v);
}

/** One node for equal op, inputs and attributes; the first one's origin stays. */
export const cse: Pass = transform("cse", (graph): Graph => {
  const ids = new Map<Node, number>();
  const known = new Map<Op, Map<string, Node>>();
  return mapGraph(graph, (node, inputs) => {
    let key: string = node.type.dtype;
    for (const x of inputs) key += ` ${ids.get(x)}`;
    for (const k of Object.keys(node.attrs).sort()) key += ` ${k}=${attrKey(node.attrs[k])}`;
    let alike = known.get(node.op);
    if (!alike) known.set(node.op, alike = new Map());
    const old = alike.get(key);
    if (old) return old;
    const out = same(node, inputs);
    ids.set(out, ids.size);
    alike.set(key, out);
    return out;
  });
});
