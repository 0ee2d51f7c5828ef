import type { Dim } from "../core/shape.ts";
import { bound, eqDim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import { OpError, showType } from "../ir/op.ts";
import { isNode, toFloat } from "../ops/apply.ts";
import { attention } from "../ops/attention.ts";
import { notOp, where } from "../ops/comparison.ts";
import { constNode } from "../ops/leaf.ts";
import type { Args, ArgValue } from "../ops/library.ts";
import { linear } from "../ops/linear.ts";
import { add } from "../ops/arithmetic.ts";
import { permute, reshape, slice, transpose } from "../ops/view.ts";
import { fill, INITIALISERS, uniform } from "./init.ts";
import type { Layer, Weight } from "./layer.ts";

/** embed_dim, and the widths that keys and values come in. */
function widths(args: Args): { embed: number; key: number; value: number } {
  const of = (name: string, missing: number) =>
    args[name] === undefined ? missing : bound([args[name] as Dim])[0];
  const embed = of("embed_dim", 0);
  return { embed, key: of("kdim", embed), value: of("vdim", embed) };
}

/** [batch, positions, embed] as [batch, heads, positions, width]. */
function heads(b: Builder, x: Node, count: number): Node {
  const [n, t, e] = x.type.shape;
  return permute(b, reshape(b, x, [n, t, count, e as number / count]), [0, 2, 1, 3]);
}

/** Queries, keys and values through their projections: one weight for all three where their widths are equal. */
function projected(
  b: Builder,
  inputs: readonly Node[],
  weights: Readonly<Record<string, Node>>,
  embed: number,
): Node[] {
  const { in_proj_weight: joint, in_proj_bias: bias } = weights;
  const biases = inputs.map((_, i) => bias && slice(b, bias, 0, i * embed, embed));
  if (joint && inputs.every((x) => x === inputs[0])) {
    const all = linear(b, inputs[0], joint, bias);
    return inputs.map((_, i) => slice(b, all, 2, i * embed, embed));
  }
  const own = joint
    ? inputs.map((_, i) => slice(b, joint, 0, i * embed, embed))
    : [weights.q_proj_weight, weights.k_proj_weight, weights.v_proj_weight];
  return inputs.map((x, i) => linear(b, x, own[i], biases[i]));
}

/** A mask as attention takes it, from PyTorch's, where true hides; a float one is added. */
function looksAt(b: Builder, mask: Node): Node {
  return mask.type.dtype === "bool" ? b.node(notOp, [mask]) : mask;
}

/** [batch, S] or [T, S] or [batch·heads, T, S] as what broadcasts to [batch, heads, T, S]. */
function aligned(b: Builder, mask: Node, batch: Dim, count: number): Node {
  const { shape } = mask.type;
  return shape.length === 3 ? reshape(b, mask, [batch, count, shape[1], shape[2]]) : mask;
}

function mask(b: Builder, inputs: Args, batch: Dim, count: number): Node | undefined {
  const given = (v: ArgValue) => isNode(v) ? looksAt(b, v) : undefined;
  const padding = given(inputs.key_padding_mask);
  const scores = given(inputs.attn_mask);
  const wide = scores && aligned(b, scores, batch, count);
  if (!padding) return wide;
  const keys = reshape(b, padding, [batch, 1, 1, padding.type.shape[1]]);
  if (!wide) return keys;
  return add(b, additive(b, keys), additive(b, wide));
}

/** A mask of bools as one that is added to the scores. */
function additive(b: Builder, m: Node): Node {
  return m.type.dtype === "bool" ? where(b, m, constNode(b, 0), constNode(b, -1e30)) : m;
}

/** torch.nn.MultiheadAttention, which gives the attended values only. */
export const MultiHeadAttention: Layer = {
  name: "MultiHeadAttention",
  doc:
    "softmax(q·kᵀ/√d)·v in num_heads heads of projected inputs, projected again. Key and value are the query unless " +
    "given. Inputs are [positions, batch, features], or [batch, positions, features] with batch_first: true. In masks " +
    "of bools true hides a position; a float mask is added to the scores. causal, or is_causal in a call, hides what " +
    "comes later.",
  params: [
    { name: "embed_dim", type: "int" },
    { name: "num_heads", type: "int" },
    { name: "dropout", type: "float", default: 0 },
    { name: "bias", type: "bool", default: true },
    { name: "kdim", type: "int", optional: true },
    { name: "vdim", type: "int", optional: true },
    { name: "batch_first", type: "bool", default: false },
    { name: "causal", type: "bool", default: false },
  ],
  inputs: [
    { name: "query", type: "tensor" },
    { name: "key", type: "tensor", optional: true },
    { name: "value", type: "tensor", optional: true },
    { name: "key_padding_mask", type: "tensor", optional: true },
    { name: "attn_mask", type: "tensor", optional: true },
    { name: "is_causal", type: "bool", default: false },
  ],
  weights(args): readonly Weight[] {
    const { embed, key, value } = widths(args);
    const [count] = bound([args.num_heads as Dim]);
    if (!(count > 0) || embed % count !== 0) {
      throw new OpError(`${embed} features do not divide into ${count} heads`, { input: 1 });
    }
    const xavier = (name: string, columns: number, rows = embed): Weight => {
      const shape = [rows, columns];
      return { name, shape, init: INITIALISERS.get("xavier_uniform")!.make({ gain: 1 }, shape) };
    };
    const one = key === embed && value === embed;
    const projections = one ? [xavier("in_proj_weight", embed, 3 * embed)] : [
      xavier("q_proj_weight", embed),
      xavier("k_proj_weight", key),
      xavier("v_proj_weight", value),
    ];
    const width = 1 / Math.sqrt(embed);
    const out = { name: "out_proj.weight", shape: [embed, embed], init: uniform(-width, width) };
    if (args.bias === false) return [...projections, out];
    return [
      ...projections,
      { name: "in_proj_bias", shape: [3 * embed], init: fill(0) },
      out,
      { name: "out_proj.bias", shape: [embed], init: fill(0) },
    ];
  },
  build(b, args, weights, inputs) {
    const { embed } = widths(args);
    const count = args.num_heads as number;
    const first = args.batch_first === true;
    const given = [
      inputs.query,
      inputs.key ?? inputs.query,
      inputs.value ?? inputs.key ?? inputs.query,
    ] as Node[];
    const wants = [embed, widths(args).key, widths(args).value];
    const turned = new Map<Node, Node>();
    const rows = given.map((x, i) => {
      const { shape } = x.type;
      if (shape.length !== 3 || !eqDim(shape[2], wants[i])) {
        throw new OpError("attention takes a batch of rows of features", {
          expected: first ? `[N, T, ${wants[i]}]` : `[T, N, ${wants[i]}]`,
          found: showType(x.type),
          input: i,
        });
      }
      const known = turned.get(x) ?? (first ? toFloat(b, x) : transpose(b, toFloat(b, x), 0, 1));
      turned.set(x, known);
      return known;
    });
    const batch = rows[0].type.shape[0];
    const [q, k, v] = projected(b, rows, weights, embed).map((x) => heads(b, x, count));
    const y = attention(b, q, k, v, {
      mask: mask(b, inputs, batch, count),
      causal: args.causal === true || inputs.is_causal === true,
      dropout: args.dropout as number,
    });
    const joined = reshape(b, permute(b, y, [0, 2, 1, 3]), [batch, rows[0].type.shape[1], embed]);
    const out = linear(b, joined, weights["out_proj.weight"], weights["out_proj.bias"]);
    return first ? out : transpose(b, out, 0, 1);
  },
};
