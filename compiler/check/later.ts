import type { Span } from "../core/span.ts";
import type { Reporter } from "./report.ts";
import { label } from "./report.ts";

/** Reports a name of the language that this version does not have yet, once, without what would follow from it. */
export function later(report: Reporter, name: string, span: Span, help?: string): void {
  report.error("MPT0390", {
    message: `${name} arrives with a later version`,
    labels: [label(span, "not in this version")],
    help,
  });
}

/** The library of the language, as its contract lists it. A name of these that a table lacks arrives later. */
export const LANGUAGE_LAYERS: readonly string[] =
  ("Linear Conv1d Conv2d ConvTranspose2d BatchNorm1d BatchNorm2d LayerNorm RMSNorm GroupNorm Embedding Dropout " +
    "MultiHeadAttention LSTM GRU").split(" ");

export const LANGUAGE_FUNCTIONS: readonly string[] =
  ("relu leaky_relu elu gelu gelu_tanh silu sigmoid tanh softplus hardswish exp log sqrt rsqrt abs sign sin cos pow " +
    "min max clamp where softmax log_softmax logsumexp sum mean var amax amin argmax cumsum matmul transpose permute " +
    "reshape flatten squeeze unsqueeze expand concat stack split pad flip gather one_hot arange zeros ones full rand " +
    "randn dropout max_pool2d avg_pool2d global_avg_pool2d adaptive_avg_pool2d upsample attention rope causal_mask " +
    "conv1d conv2d layer_norm rms_norm group_norm stop_gradient checkpoint " +
    "cross_entropy nll bce_with_logits bce mse l1 smooth_l1 huber kl_div hinge cosine_embedding").split(" ");
