import type { Batch } from "../../runtime/batch.ts";
import { mulberry32 } from "../../runtime/batch.ts";
import table from "./nets.json" with { type: "json" };

/** The nets that every implementation trains: the same weights, batch and optimizer, so that first losses must agree. */
export type Net = MlpNet | GptNet;

interface Training {
  readonly title: string;
  readonly batch: number;
  /**
   * Of AdamW, whose first steps move every weight by it. In a wide net those add up: 1e-3 takes the loss of the net of
   * 4096 from 2.3 to 5.4 in one step, and from there on it hangs on the order of sums.
   */
  readonly lr: number;
}

export interface MlpNet extends Training {
  readonly widths: readonly number[];
}

export interface GptNet extends Training {
  readonly vocab: number;
  readonly ctx: number;
  readonly dim: number;
  readonly heads: number;
  readonly depth: number;
}

export const NETS: Readonly<Record<string, Net>> = table;

export const isMlp = (net: Net): net is MlpNet => "widths" in net;

/** AdamW's settings everywhere; `lr` is the net's. */
export const ADAMW = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 } as const;

/** A parameter with its first value; PyTorch's layout: a Linear's weight is [out, in]. */
export interface Param {
  readonly path: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Every parameter in order, from the same generator as torch.py's. */
export function paramsOf(net: Net): Param[] {
  const out: Param[] = [];
  const add = (path: string, shape: readonly number[], of: { within?: number; value?: number }) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const random = mulberry32(1000 + out.length);
    const { within = 0, value } = of;
    const data = Float32Array.from({ length: count }, () => value ?? (2 * random() - 1) * within);
    out.push({ path, shape, data });
  };
  const linear = (path: string, to: number, from: number) => {
    add(`${path}.weight`, [to, from], { within: 1 / Math.sqrt(from) });
    add(`${path}.bias`, [to], { within: 1 / Math.sqrt(from) });
  };
  const norm = (path: string, dim: number) => {
    add(`${path}.weight`, [dim], { value: 1 });
    add(`${path}.bias`, [dim], { value: 0 });
  };
  if (isMlp(net)) {
    net.widths.slice(1).forEach((to, i) => linear(`fc${i + 1}`, to, net.widths[i]));
    return out;
  }
  const { vocab, ctx, dim, depth } = net;
  add("tok.weight", [vocab, dim], { within: 0.05 });
  add("pos.weight", [ctx, dim], { within: 0.05 });
  for (let i = 0; i < depth; i++) {
    norm(`blocks.${i}.ln1`, dim);
    linear(`blocks.${i}.attn.qkv`, 3 * dim, dim);
    linear(`blocks.${i}.attn.proj`, dim, dim);
    norm(`blocks.${i}.ln2`, dim);
    linear(`blocks.${i}.up`, 4 * dim, dim);
    linear(`blocks.${i}.down`, dim, 4 * dim);
  }
  norm("ln", dim);
  return out;
}

/** `image`/`label` bytes and classes, or `ids`/`target` tokens, each row-major over the batch. */
export interface NetBatch {
  readonly input: Uint8Array | Int32Array;
  readonly target: Int32Array;
}

export function batchOf(net: Net): NetBatch {
  const [input, target] = [mulberry32(1), mulberry32(2)];
  const whole = (random: () => number, below: number) => () => Math.floor(random() * below);
  if (isMlp(net)) {
    return {
      input: Uint8Array.from({ length: net.batch * net.widths[0] }, whole(input, 256)),
      target: Int32Array.from({ length: net.batch }, whole(target, net.widths.at(-1)!)),
    };
  }
  const count = net.batch * net.ctx;
  return {
    input: Int32Array.from({ length: count }, whole(input, net.vocab)),
    target: Int32Array.from({ length: count }, whole(target, net.vocab)),
  };
}

/** The same batch by the names that `programOf` gives its inputs. */
export function namedBatchOf(net: Net): Batch {
  const { input, target } = batchOf(net);
  if (isMlp(net)) return { image: input, label: target };
  const shape = [net.batch, net.ctx];
  return { ids: { data: input, shape }, target: { data: target, shape } };
}

/** The net as an mpt program, everything in `precision`. */
export function programOf(net: Net, precision: string): string {
  const { beta1, beta2, eps, weightDecay } = ADAMW;
  const optimizer =
    `AdamW(lr: ${net.lr}, betas: [${beta1}, ${beta2}], eps: ${eps}, weight_decay: ${weightDecay})`;
  if (isMlp(net)) {
    const names = net.widths.slice(1).map((_, i) => `fc${i + 1}`);
    const layers = names.map((n, i) => `  layer ${n} = Linear(${net.widths[i]}, ${net.widths[i + 1]})`);
    return `model MLP() {
  precision ${precision}
${layers.join("\n")}
  forward(x: float[N, ${net.widths[0]}]) -> f32[N, ${net.widths.at(-1)}] {
    return x |> ${names.join(" |> relu |> ")}
  }
}
train MLP {
  batch(image: u8[N, ${net.widths[0]}], label: i32[N])
  loss      = cross_entropy(MLP(image as float / 255), label)
  optimizer = ${optimizer}
}
`;
  }
  const { vocab, ctx, dim, heads, depth } = net;
  return `model Attention(dim: int, heads: int) {
  layer qkv  = Linear(dim, 3 * dim)
  layer proj = Linear(dim, dim)
  forward(x: float[B, T, dim]) -> float[B, T, dim] {
    let (q, k, v) = qkv(x) |> split(3, axis: -1)
    let y = attention(heads_of(q, heads), heads_of(k, heads), heads_of(v, heads), causal: true)
    return y |> merge_heads |> proj
  }
}
fn heads_of(x: float[B, T, D], h: int) -> float[B, h, T, D / h] {
  return x |> reshape([B, T, h, D / h]) |> permute([0, 2, 1, 3])
}
fn merge_heads(x: float[B, H, T, D]) -> float[B, T, H * D] {
  return x |> permute([0, 2, 1, 3]) |> reshape([B, T, H * D])
}
model Block(dim: int, heads: int) {
  layer ln1  = LayerNorm(dim)
  layer attn = Attention(dim, heads)
  layer ln2  = LayerNorm(dim)
  layer up   = Linear(dim, 4 * dim)
  layer down = Linear(4 * dim, dim)
  forward(x: float[B, T, dim]) -> float[B, T, dim] {
    let x = x + attn(ln1(x))
    return x + (x |> ln2 |> up |> gelu |> down)
  }
}
model GPT(vocab: int, ctx: int, dim: int, heads: int, depth: int) {
  precision ${precision}
  layer tok    = Embedding(vocab, dim)
  layer pos    = Embedding(ctx, dim)
  layer blocks = Block(dim, heads) * depth
  layer ln     = LayerNorm(dim)
  layer head   = Linear(dim, vocab, bias: false, weight: tok.weight)
  forward(ids: i32[B, T]) -> f32[B, T, vocab] {
    return tok(ids) + pos(arange(T)) |> blocks |> ln |> head
  }
}
train GPT(vocab: ${vocab}, ctx: ${ctx}, dim: ${dim}, heads: ${heads}, depth: ${depth}) {
  batch(ids: i32[B, ${ctx}], target: i32[B, ${ctx}])
  loss      = cross_entropy(GPT(ids), target)
  optimizer = ${optimizer}
}
`;
}
