import type { Page } from "./page.ts";
import { page, train } from "./page.ts";

const LOSS = "loss = cross_entropy(M(x), y)";
const OPTIMIZER = "optimizer = SGD(lr: 0.1)";
const with_ = (...lines: string[]) => train(lines.join("\n"));
const good = with_(LOSS, OPTIMIZER);

/** MPT04xx: train blocks. */
export const TRAINING: readonly Page[] = [
  page(
    "MPT0401",
    "a field is given twice",
    `Every field stands at most once.`,
    with_(LOSS, LOSS, OPTIMIZER),
    good,
  ),
  page(
    "MPT0402",
    "a train block needs a loss",
    `The loss is what training makes small: one number for a batch.`,
    with_("metric nll = cross_entropy(M(x), y)", OPTIMIZER),
    good,
  ),
  page(
    "MPT0403",
    "a train block needs an optimizer",
    `The optimizer says how parameters move.`,
    with_(LOSS),
    good,
  ),
  page(
    "MPT0404",
    "the loss is one float",
    `A loss has no axes: take the mean or the sum.`,
    with_("loss = (M(x) - 1) ** 2", OPTIMIZER),
    with_("loss = mean((M(x) - 1) ** 2)", OPTIMIZER),
  ),
  page(
    "MPT0405",
    "a field cannot be this",
    `The head of a field's value is found among the field's own: SGD for the optimizer, cosine for the schedule.`,
    with_(LOSS, "optimizer = AdmaW(lr: 1e-3)"),
    with_(LOSS, "optimizer = AdamW(lr: 1e-3)"),
  ),
  page(
    "MPT0406",
    "a setting is out of range",
    `Settings are numbers in the ranges in which the formulas make sense.`,
    with_(LOSS, OPTIMIZER, "clip = norm(0)"),
    with_(LOSS, OPTIMIZER, "clip = norm(1.0)"),
  ),
  page(
    "MPT0407",
    "another model is called",
    `A train block trains one instance of one model. What is to be trained with it is a layer of it.`,
    "model Other {\n  forward(x: float[N, 4]) -> float[N, 4] { return x }\n}\n" +
      with_("loss = cross_entropy(M(Other(x)), y)", OPTIMIZER),
    good,
  ),
  page(
    "MPT0408",
    "a path matches no parameter",
    `no_decay and groups name parameters by their paths, which omit the model's name.`,
    with_(LOSS, 'optimizer = AdamW(lr: 1e-3, no_decay: ["M.fc.bias"])'),
    with_(LOSS, 'optimizer = AdamW(lr: 1e-3, no_decay: ["fc.bias"])'),
  ),
  page(
    "MPT0409",
    "no such model to train",
    `train names a model of the file or an imported one.`,
    good.replace("train M", "train N"),
    good,
  ),
  page(
    "MPT0410",
    "the trained model is never called",
    `A loss that hangs on no parameter trains nothing.`,
    with_("loss = cross_entropy(x, y)", OPTIMIZER),
    good,
  ),
  page(
    "MPT0411",
    "a metric is one number",
    `A metric has no axes: take the mean or the sum.`,
    with_(LOSS, "metric accuracy = argmax(M(x), axis: -1) == y", OPTIMIZER),
    with_(LOSS, "metric accuracy = mean(argmax(M(x), axis: -1) == y)", OPTIMIZER),
  ),
  page(
    "MPT0412",
    "accumulate counts micro-batches",
    `accumulate = k adds up the gradients of k batches before the optimizer moves.`,
    with_(LOSS, OPTIMIZER, "accumulate = 0.5"),
    with_(LOSS, OPTIMIZER, "accumulate = 2"),
  ),
  page(
    "MPT0413",
    "a model is trained twice",
    `A file's train blocks are told apart by the models that they train.`,
    good + "train M {\n  batch(x: f32[N, 4])\n  loss = mean(M(x))\n  optimizer = SGD(lr: 0.1)\n}\n",
    good,
  ),
  page(
    "MPT0414",
    "nesterov without a plain momentum",
    `Nesterov's step looks ahead along the momentum: SGD needs one, and without dampening, as in PyTorch.`,
    with_(LOSS, "optimizer = SGD(lr: 0.1, nesterov: true)"),
    with_(LOSS, "optimizer = SGD(lr: 0.1, momentum: 0.9, nesterov: true)"),
  ),
];
