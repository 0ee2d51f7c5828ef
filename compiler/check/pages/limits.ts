import type { Page } from "./page.ts";
import { forward, page, train } from "./page.ts";

const GOOD = train("loss = cross_entropy(M(x), y)\noptimizer = SGD(lr: 0.1)");
const doubling = (n: number) =>
  "fn f0(x: float[N]) -> float[N] { return x + x }\n" +
  Array.from({ length: n }, (_, i) => `fn f${i + 1}(x: float[N]) -> float[N] { return f${i}(f${i}(x)) }\n`)
    .join("");

/** MPT05xx and MPT06xx: limits, and the sizes of data. */
export const LIMITS_AND_DATA: readonly Page[] = [
  page(
    "MPT0501",
    "calls or models go too deep",
    `A fn may call itself under an \`if\` that ends it when compiling; calls go at most 100 deep. A model does not hold
    itself.`,
    "fn f(x: float[N]) -> float[N] { return f(x) }\n",
    "fn f(x: float[N], n: int) -> float[N] { return if n > 0 then f(x, n - 1) else x }\n" +
      "model M {\n  forward(x: float[N]) -> float[N] { return f(x, 3) }\n}\n",
  ),
  page(
    "MPT0502",
    "too many layers or files",
    `A program has at most 20,000 layers and 200 files.`,
    forward("return blocks(x)", "layer blocks = Linear(4, 4) * 1000000"),
    forward("return blocks(x)", "layer blocks = Linear(4, 4) * 10"),
  ),
  page(
    "MPT0503",
    "too many operations",
    `Fns are compiled where they are called, so fns that call fns twice double at every level.`,
    { text: doubling(24), shown: doubling(2) + "…\n" },
    doubling(3),
  ),
  page(
    "MPT0504",
    "too large, or too complicated a size",
    `A tensor has at most 2^31 - 1 elements and 16 axes; integers are exact up to 2^53.`,
    forward("return x", "layer wide = Linear(100000, 100000)"),
    forward("return x", "layer wide = Linear(1000, 1000)"),
  ),
  page(
    "MPT0505",
    "the compiler has failed",
    `This is a fault of the compiler, not of the program. Please report it with the program that shows it.`,
  ),
  page(
    "MPT0601",
    "the size of a symbol is not given",
    `A graph is compiled for the sizes of a batch. Give every symbol a size, or hand over a batch.`,
    { text: GOOD, dims: {} },
    { text: GOOD, dims: { N: 64 } },
  ),
  page(
    "MPT0602",
    "a size is a whole number above 0",
    `What --dims gives a symbol is a size of a batch.`,
    { text: GOOD, dims: { N: 0 } },
    { text: GOOD, dims: { N: 64 } },
  ),
  page(
    "MPT0605",
    "nothing to train",
    `Training and evaluation need a train block.`,
    { text: forward("return x"), dims: { N: 4 } },
    { text: GOOD, dims: { N: 4 } },
  ),
  page(
    "MPT0606",
    "the program does not fit these sizes",
    `Some rules can only be checked when sizes are known: a quotient that comes out whole, a slice inside its axis, buffers that the device can hold.`,
    {
      text: train("loss = cross_entropy(M(x[0:100]), y[0:100])\noptimizer = SGD(lr: 0.1)"),
      dims: { N: 64 },
    },
    {
      text: train("loss = cross_entropy(M(x[0:100]), y[0:100])\noptimizer = SGD(lr: 0.1)"),
      dims: { N: 128 },
    },
  ),
  page(
    "MPT0607",
    "the program does not fit the limit of memory",
    `Under --memory parts of the forward pass are computed again in the backward pass instead of being kept, where that is needed. The State (weights, their copies, what the optimizer keeps, gradients), the batch and what two neighbouring layers need at once have to be there whatever is done. The label says how little memory would do; mpt inspect --stage plan says what for.`,
    { text: GOOD, dims: { N: 64 }, memory: "1KiB" },
    { text: GOOD, dims: { N: 64 }, memory: "64KiB" },
  ),
];
