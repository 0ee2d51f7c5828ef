import type { Page } from "./page.ts";
import { forward, page } from "./page.ts";

const FC = "layer fc = Linear(4, 4)";

/** MPT02xx: sizes. */
export const SHAPES: readonly Page[] = [
  page(
    "MPT0210",
    "no input binds this symbol",
    `A capitalised name that nothing declares is a symbol. It gets its value where it stands as a whole dim of an input.`,
    "fn tokens(x: float[N, 64]) -> float[N, T, 8] { return reshape(x, [N, 8, 8]) }\n",
    "fn tokens(x: float[N, 64]) -> float[N, 8, 8] { return reshape(x, [N, 8, 8]) }\n",
  ),
  page(
    "MPT0211",
    "a symbol stands for two sizes",
    `A symbol is one size throughout a fn's call, or throughout the life of one layer.`,
    `
    fn add(x: float[N, D], y: float[N, D]) -> float[N, D] { return x + y }
    fn net(x: float[N, 4], y: float[N, 5]) -> float[N, 4] { return add(x, y) }`,
    `
    fn add(x: float[N, D], y: float[N, D]) -> float[N, D] { return x + y }
    fn net(x: float[N, 4], y: float[N, 4]) -> float[N, 4] { return add(x, y) }`,
  ),
  page(
    "MPT0212",
    "the result is not what is declared",
    `A fn or forward declares the type of its result, and its dims are compared with what it computes.`,
    forward("return fc(x)", "layer fc = Linear(4, 8)"),
    forward("return fc(x)", "layer fc = Linear(4, 8)", "x: float[N, 4]", "float[N, 8]"),
  ),
  page(
    "MPT0213",
    "a size is a whole number, 0 or more",
    `Division in dims is exact: D / h is an error where h does not divide D. Elsewhere the quotient of two ints is f32.`,
    forward("return x", "layer half = Linear(7 / 2, 4)"),
    forward("return x", "layer half = Linear(8 / 2, 4)"),
  ),
  page(
    "MPT0214",
    "two operands do not broadcast",
    `Shapes are aligned from the last axis, as NumPy's are; each pair of sizes is equal, or one of them is 1.`,
    "fn add(x: float[N, 4], y: float[N, 6]) -> float[N, 4] { return x + y }\n",
    "fn add(x: float[N, 4], y: float[N, 1]) -> float[N, 4] { return x + y }\n",
  ),
  page(
    "MPT0219",
    "a condition must be known when compiling",
    `if chooses what is compiled. Between the elements of tensors choose with where; sizes of a batch are not known yet.`,
    forward("return if x > 0 then x else 0 * x"),
    forward("return where(x > 0, x, 0)"),
  ),
  page(
    "MPT0220",
    "a stack's members map a shape to itself",
    `layer blocks = Block(…) * n applies its members in order, so each must give what the next one takes.`,
    forward("return blocks(x)", "layer blocks = Linear(4, 8) * 3"),
    forward("return blocks(x)", "layer blocks = Linear(4, 4) * 3"),
  ),
  page(
    "MPT0224",
    "these arguments make no layer",
    `A layer checks its own arguments: heads divide features, a probability is at most 1.`,
    `
    model M {
      layer attn = MultiHeadAttention(10, 3)
      forward(x: float[T, N, 10]) -> float[T, N, 10] { return attn(x) }
    }`,
    `
    model M {
      layer attn = MultiHeadAttention(10, 2)
      forward(x: float[T, N, 10]) -> float[T, N, 10] { return attn(x) }
    }`,
  ),
  page(
    "MPT0226",
    "a weight cannot be tied so",
    `An argument with a weight's name ties it to another layer's, which has the same shape.`,
    `
    model M {
      layer tok = Embedding(65, 8)
      layer head = Linear(8, 60, bias: false, weight: tok.weight)
      forward(ids: i32[N]) -> float[N, 60] { return ids |> tok |> head }
    }`,
    `
    model M {
      layer tok = Embedding(65, 8)
      layer head = Linear(8, 65, bias: false, weight: tok.weight)
      forward(ids: i32[N]) -> float[N, 65] { return ids |> tok |> head }
    }`,
  ),
  page(
    "MPT0227",
    "a param is one float tensor",
    `A param is trained, so it has a float dtype; it is a single tensor.`,
    forward("return x + shift", "param shift: i32[4] = zeros"),
    forward("return x + shift", "param shift: f32[4] = zeros"),
  ),
  page(
    "MPT0228",
    "a param starts from an initialiser",
    `The initialisers are zeros ones constant uniform normal kaiming_uniform kaiming_normal xavier_uniform xavier_normal
    orthogonal.`,
    forward("return x * gain", "param gain: f32[4] = 1.0"),
    forward("return x * gain", "param gain: f32[4] = constant(1.0)"),
  ),
  page(
    "MPT0229",
    "a division by 0",
    `A number known when compiling is divided by 0.`,
    "const SCALE = 1 / 0\n" + forward("return x * SCALE"),
    "const SCALE = 1 / 2\n" + forward("return x * SCALE"),
  ),
  page(
    "MPT0232",
    "an operation refuses its operands",
    `Every operation has one rule that says which operands fit; its words are in the message.`,
    forward("return transpose(x, 0, 2)"),
    forward("return transpose(transpose(x, 0, 1), 0, 1) |> fc", FC),
  ),
];
