import { INITIALISERS, LAYERS } from "../../compiler/layers/index.ts";
import { LIBRARY, OPS } from "../../compiler/ops/index.ts";
import { LATER } from "../../compiler/ops/later.ts";
import { assert, assertEquals } from "../assert.ts";

/** The names of the language's contract. */
const LAYER_NAMES =
  "Linear Conv1d Conv2d ConvTranspose2d BatchNorm1d BatchNorm2d LayerNorm RMSNorm GroupNorm Embedding Dropout " +
  "MultiHeadAttention LSTM GRU";
const FUNCTION_NAMES =
  "relu leaky_relu elu gelu gelu_tanh silu sigmoid tanh softplus hardswish exp log sqrt rsqrt abs sign sin cos pow min max " +
  "clamp where softmax log_softmax logsumexp sum mean var amax amin argmax cumsum matmul transpose permute reshape flatten " +
  "squeeze unsqueeze expand concat stack split pad flip gather one_hot arange zeros ones full rand randn dropout " +
  "max_pool2d avg_pool2d global_avg_pool2d adaptive_avg_pool2d upsample attention rope causal_mask conv1d conv2d " +
  "layer_norm rms_norm group_norm stop_gradient checkpoint cross_entropy nll bce_with_logits mse l1 smooth_l1 huber kl_div " +
  "hinge cosine_embedding bce";
const INITIALISER_NAMES =
  "zeros ones constant uniform normal kaiming_uniform kaiming_normal xavier_uniform xavier_normal orthogonal";
const OPERATOR_NAMES = "add sub mul div rem pow matmul neg eq ne lt le gt ge cast";

for (
  const [what, names, table] of [["layers", LAYER_NAMES, LAYERS], [
    "functions",
    FUNCTION_NAMES,
    LIBRARY,
  ]] as const
) {
  Deno.test(`each of the contract's ${what} is here or comes later, and not both`, () => {
    for (const name of names.split(" ")) {
      assertEquals(table.has(name), !LATER.has(name), name);
    }
  });
}

Deno.test("initialisers and operators are complete", () => {
  for (const name of INITIALISER_NAMES.split(" ")) assert(INITIALISERS.has(name), name);
  for (const name of OPERATOR_NAMES.split(" ")) assert(LIBRARY.has(name), name);
});

Deno.test("every entry says what it is, and every default is of its parameter's type", () => {
  const kinds: Record<string, string> = {
    int: "number",
    float: "number",
    axis: "number",
    bool: "boolean",
    string: "string",
  };
  for (const f of [...LIBRARY.values(), ...LAYERS.values()]) {
    assert(f.doc.length > 0, f.name);
    const params = [...f.params, ...("inputs" in f ? f.inputs : [])];
    for (const p of params) {
      if (p.default !== undefined && kinds[p.type]) {
        assertEquals(typeof p.default, kinds[p.type], `${f.name}.${p.name}`);
      }
    }
    assertEquals(new Set(f.params.map((p) => p.name)).size, f.params.length, f.name);
    // Required parameters come first, so that they can be given by position.
    const required = f.params.map((p) => p.default === undefined && !p.optional);
    assertEquals(required, [...required].sort((a, b) => +b - +a), f.name);
  }
});

Deno.test("every op but leaves has samples", () => {
  for (const op of OPS.values()) assertEquals(op.samples.length > 0, op.kind !== "leaf", op.name);
});
