/**
 * jax-js: `deno run -A bench/rivals/jaxjs.ts NET f32|f16`. The whole step is one jitted function. It has no backward
 * pass for a cast, so f16 is the whole model in f16, scaled loss included, with f32 weights around it; nor for the cast
 * within its `mean`, which is therefore written as a sum.
 *
 * @module
 */
import { args, measure } from "./harness.ts";
import { offerGpu, versionOf } from "./gpu.ts";
import { ADAMW, batchOf, isMlp, NETS, paramsOf } from "./nets.ts";
import type { GptNet, MlpNet } from "./nets.ts";

/** jax-js's arrays: passing one gives it away, `.ref` keeps it. Its own types are not installed here. */
// deno-lint-ignore no-explicit-any
type Arr = any;
type Forward = (params: Arr[]) => Arr;

const { net: name, precision } = args();
const offered = await offerGpu();
const jax = await import(new URL("vendor/jax.js", import.meta.url).href);
const { numpy: np, nn } = jax;
await jax.init("webgpu");
jax.defaultDevice("webgpu");

const net = NETS[name];
const low = precision === "f16" ? np.float16 : np.float32;
const given = paramsOf(net);
const paths = given.map((p) => p.path);
/** By which the loss is multiplied and the gradients divided; f16 loses them otherwise. */
const SCALE = precision === "f16" ? 1024 : 1;
const at = (path: string) => paths.indexOf(path);
let params: Arr[] = given.map(({ shape, data }) => np.array(data).reshape([...shape]));
const like = () => given.map(({ shape }) => np.zeros([...shape]));
let [m, v]: Arr[][] = [like(), like()];
const { input, target } = batchOf(net);
const forward = isMlp(net) ? mlp(net) : gpt(net);

const update = jax.jit((params: Arr[], m: Arr[], v: Arr[], steps: Arr) => {
  const narrow = params.map((p) => p.ref.astype(low));
  const [loss, grads] = jax.valueAndGrad(forward)(narrow);
  const { beta1, beta2, eps, weightDecay } = ADAMW;
  const scale = (beta: number) => np.subtract(1, np.power(beta, steps.ref));
  const [first, second] = [scale(beta1), scale(beta2)];
  const next: Arr[][] = [[], [], []];
  params.forEach((p, i) => {
    const g = grads[i].astype(np.float32).mul(1 / SCALE);
    const mean = m[i].mul(beta1).add(g.ref.mul(1 - beta1));
    const square = v[i].mul(beta2).add(g.ref.mul(g).mul(1 - beta2));
    const step = mean.ref.div(first.ref).div(np.sqrt(square.ref.div(second.ref)).add(eps));
    next[0].push(p.mul(1 - net.lr * weightDecay).sub(step.mul(net.lr)));
    next[1].push(mean);
    next[2].push(square);
  });
  first.dispose();
  second.dispose();
  steps.dispose();
  return [...next, loss.astype(np.float32).mul(1 / SCALE)];
});

let count = 0;
let latest: Arr;
const what = {
  implementation: "jax-js",
  version: versionOf("jax-js"),
  net: name,
  precision,
  device: offered.device,
};
await measure(what, {
  step() {
    latest?.dispose();
    const steps = np.array([++count], { dtype: np.float32 });
    [params, m, v, latest] = update(params, m, v, steps);
  },
  async loss() {
    await jax.blockUntilReady(params);
    return (await latest.ref.data())[0];
  },
  counters: offered.counters,
});

/** x·wᵀ + b. */
function linear(p: Arr[], x: Arr, path: string): Arr {
  return np.matmul(x, p[at(`${path}.weight`)].ref.transpose()).add(p[at(`${path}.bias`)].ref);
}

function crossEntropy(logits: Arr, labels: Arr): Arr {
  const [rows] = logits.shape;
  return nn.logSoftmax(logits, -1).mul(labels).sum(-1).mul(-SCALE / rows).sum();
}

function release(p: Arr[], value: Arr): Arr {
  for (const x of p) x.dispose();
  return value;
}

function mlp({ widths, batch }: MlpNet): Forward {
  const x = np.array(Float32Array.from(input, (b) => b / 255)).reshape([batch, widths[0]]).astype(low);
  const labels = nn.oneHot(np.array(target), widths.at(-1)).astype(low);
  const last = widths.length - 1;
  return (p) => {
    let h = x.ref;
    for (let i = 1; i <= last; i++) h = i < last ? nn.relu(linear(p, h, `fc${i}`)) : linear(p, h, `fc${i}`);
    return release(p, crossEntropy(h, labels.ref));
  };
}

function gpt({ vocab, ctx, dim, heads, depth, batch }: GptNet): Forward {
  const ids = nn.oneHot(np.array(input), vocab).astype(low);
  const labels = nn.oneHot(np.array(target), vocab).astype(low);
  const rows = batch * ctx, wide = dim / heads;
  // In f16's range.
  const later = Float32Array.from(
    { length: ctx * ctx },
    (_, i) => i % ctx > Math.floor(i / ctx) ? -30000 : 0,
  );
  const mask = np.array(later).reshape([1, 1, ctx, ctx]).astype(low);
  const mean = (x: Arr): Arr => x.sum(-1, { keepdims: true }).mul(1 / dim);
  const norm = (p: Arr[], x: Arr, path: string): Arr => {
    const centred = x.ref.sub(mean(x));
    const variance = mean(np.square(centred.ref));
    const y = centred.div(np.sqrt(variance.add(1e-5)));
    return y.mul(p[at(`${path}.weight`)].ref).add(p[at(`${path}.bias`)].ref);
  };
  const attention = (p: Arr[], x: Arr, path: string): Arr => {
    const [q, k, v] = np.split(linear(p, x, `${path}.qkv`), 3, -1)
      .map((t: Arr) => t.reshape([batch, ctx, heads, wide]).transpose([0, 2, 1, 3]));
    const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(wide)).add(mask.ref);
    const y = np.matmul(nn.softmax(scores, -1), v);
    return linear(p, y.transpose([0, 2, 1, 3]).reshape([rows, dim]), `${path}.proj`);
  };
  const gelu = (x: Arr): Arr => x.ref.mul(0.5).mul(jax.lax.erf(x.mul(Math.SQRT1_2)).add(1));
  return (p) => {
    const tokens = np.matmul(ids.ref, p[at("tok.weight")].ref).reshape([batch, ctx, dim]);
    let x = tokens.add(p[at("pos.weight")].ref).reshape([rows, dim]);
    for (let i = 0; i < depth; i++) {
      const block = `blocks.${i}`;
      x = x.ref.add(attention(p, norm(p, x, `${block}.ln1`), `${block}.attn`));
      x = x.ref.add(linear(p, gelu(linear(p, norm(p, x, `${block}.ln2`), `${block}.up`)), `${block}.down`));
    }
    const logits = np.matmul(norm(p, x, "ln"), p[at("tok.weight")].ref.transpose());
    return release(p, crossEntropy(logits, labels.ref));
  };
}
