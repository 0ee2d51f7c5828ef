/**
 * tfjs on its WebGPU backend: `deno run -A bench/rivals/tfjs.ts NET f32`. Eager, as tfjs is; its own Adam, and the
 * weight decay of AdamW in one more operation a parameter. It has no low precision.
 *
 * @module
 */
import { args, measure } from "./harness.ts";
import { offerGpu, versionOf } from "./gpu.ts";
import { ADAMW, batchOf, isMlp, NETS, paramsOf } from "./nets.ts";
import type { GptNet, MlpNet } from "./nets.ts";

/** tfjs's tensors; its own types are not installed here. */
// deno-lint-ignore no-explicit-any
type Tensor = any;

const { net: name, precision } = args();
if (precision !== "f32") throw new Error("tfjs has f32 alone");
// tfjs looks for WebGPU in pages and their workers only.
Object.assign(globalThis, { WorkerGlobalScope: class {} });
const offered = await offerGpu();
const tf = await import(new URL("vendor/tfjs.js", import.meta.url).href);
await tf.setBackend("webgpu");
await tf.ready();

const net = NETS[name];
const params = new Map<string, Tensor>();
for (const { path, shape, data } of paramsOf(net)) {
  params.set(path, tf.variable(tf.tensor(data, [...shape]), true, path));
}
const p = (path: string): Tensor => params.get(path);
const { input, target } = batchOf(net);
const forward = isMlp(net) ? mlp(net) : gpt(net);
const adam = tf.train.adam(net.lr, ADAMW.beta1, ADAMW.beta2, ADAMW.eps);
const keep = tf.scalar(1 - net.lr * ADAMW.weightDecay);
let latest: Tensor;

const what = {
  implementation: "tfjs",
  version: versionOf("tfjs"),
  net: name,
  precision,
  device: offered.device,
};
await measure(what, {
  step() {
    const before = latest;
    latest = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(forward);
      for (const v of params.values()) v.assign(tf.mul(v, keep));
      adam.applyGradients(grads);
      return value;
    });
    before?.dispose();
  },
  async loss() {
    return (await latest.data())[0];
  },
  counters: offered.counters,
});

/** x·wᵀ + b over the last axis of a matrix. */
function linear(x: Tensor, path: string): Tensor {
  return tf.add(tf.matMul(x, p(`${path}.weight`), false, true), p(`${path}.bias`));
}

function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return tf.neg(tf.mean(tf.sum(tf.mul(labels, tf.logSoftmax(logits)), -1)));
}

function mlp({ widths, batch }: MlpNet): () => Tensor {
  const x = tf.tensor(Float32Array.from(input, (v) => v / 255), [batch, widths[0]]);
  const labels = tf.oneHot(tf.tensor1d(target, "int32"), widths.at(-1));
  const last = widths.length - 1;
  return () => {
    let h = x;
    for (let i = 1; i <= last; i++) h = i < last ? tf.relu(linear(h, `fc${i}`)) : linear(h, `fc${i}`);
    return crossEntropy(h, labels);
  };
}

function gpt({ vocab, ctx, dim, heads, depth, batch }: GptNet): () => Tensor {
  const ids = tf.tensor1d(input, "int32");
  const labels = tf.oneHot(tf.tensor1d(target, "int32"), vocab);
  const rows = batch * ctx, wide = dim / heads;
  const later = Float32Array.from({ length: ctx * ctx }, (_, i) => i % ctx > Math.floor(i / ctx) ? -1e9 : 0);
  const mask = tf.tensor(later, [1, 1, ctx, ctx]);
  const norm = (x: Tensor, path: string): Tensor => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(
      tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), p(`${path}.weight`)),
      p(`${path}.bias`),
    );
  };
  const attention = (x: Tensor, path: string): Tensor => {
    const split = tf.split(linear(x, `${path}.qkv`), 3, -1)
      .map((t: Tensor) => tf.transpose(tf.reshape(t, [batch, ctx, heads, wide]), [0, 2, 1, 3]));
    const scores = tf.mul(tf.matMul(split[0], split[1], false, true), 1 / Math.sqrt(wide));
    const y = tf.matMul(tf.softmax(tf.add(scores, mask)), split[2]);
    return linear(tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [rows, dim]), `${path}.proj`);
  };
  const gelu = (x: Tensor): Tensor => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  return () => {
    const tokens = tf.reshape(tf.gather(p("tok.weight"), ids), [batch, ctx, dim]);
    let x = tf.reshape(tf.add(tokens, p("pos.weight")), [rows, dim]);
    for (let i = 0; i < depth; i++) {
      const at = `blocks.${i}`;
      x = tf.add(x, attention(norm(x, `${at}.ln1`), `${at}.attn`));
      x = tf.add(x, linear(gelu(linear(norm(x, `${at}.ln2`), `${at}.up`)), `${at}.down`));
    }
    return crossEntropy(tf.matMul(norm(x, "ln"), p("tok.weight"), false, true), labels);
  };
}
