/**
 * Names of the language's library that a later part of the project brings, and which: so that a program that uses one
 * is refused by name. A name leaves this table when it enters LIBRARY or LAYERS.
 */
export const LATER: ReadonlyMap<string, string> = new Map(Object.entries({
  ...named(
    "convolution",
    "Conv1d Conv2d ConvTranspose2d conv1d conv2d max_pool2d avg_pool2d global_avg_pool2d adaptive_avg_pool2d upsample",
  ),
  ...named("batch and group normalisation", "BatchNorm1d BatchNorm2d GroupNorm batch_norm group_norm"),
  ...named("recurrent layers", "LSTM GRU"),
}));

function named(part: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, part]));
}
