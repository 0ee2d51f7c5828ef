import type { Page } from "./page.ts";
import { forward, page, train } from "./page.ts";

const terms = (n: number) => Array(n).fill("x").join(" + ");

/** MPT01xx: what stands where. */
export const SYNTAX: readonly Page[] = [
  page(
    "MPT0101",
    "something is missing, or cannot stand here",
    `The parser expected something else at this place. It goes on behind it, so that other faults show too.`,
    forward("return softmax(x,, axis: 1)"),
    forward("return softmax(x, axis: 1)"),
  ),
  page(
    "MPT0102",
    "a bracket has no partner",
    `Every ( [ and { is closed by its own kind, in the order in which they were opened.`,
    forward("return relu((x)"),
    forward("return relu(x)"),
  ),
  page(
    "MPT0103",
    "a character that means nothing here",
    `Programs are UTF-8, but outside strings and comments only letters A to Z, digits, _ and the language's own signs mean
    something. Typographic quotes and signs come in with text that is pasted.`,
    forward("return x × 2"),
    forward("return x * 2"),
  ),
  page(
    "MPT0104",
    "a string is not closed, or stands between the wrong quotes",
    `A string stands between double quotes and ends on the line on which it begins.`,
    forward("return cross_entropy(x, x, reduction: 'none') |> unsqueeze(1) + x"),
    forward('return (cross_entropy(x, x, reduction: "none") |> unsqueeze(1)) + x'),
  ),
  page(
    "MPT0105",
    "a comment is never closed",
    `A comment that begins with /* runs to the next */, and comments do not nest.`,
    "/* the first model\n" + forward("return x"),
    "/* the first model */\n" + forward("return x"),
  ),
  page(
    "MPT0106",
    "a number is not written so",
    `A number has digits on both sides of its point: 0.5, not .5; 1e-3 and 1_000 without the underscore are numbers.`,
    forward("return x * .5"),
    forward("return x * 0.5"),
  ),
  page(
    "MPT0107",
    "a string has no such escape",
    `The escapes in a string are \\" \\\\ \\n \\r \\t and \\u{…}.`,
    {
      text: 'import { Block } from "models\\block.mpt"\n' + forward("return x"),
      files: { "models\\block.mpt": forward("return x").replace("model M", "model Block") },
    },
    {
      text: 'import { Block } from "block.mpt"\n' + forward("return x"),
      files: { "block.mpt": forward("return x").replace("model M", "model Block") },
    },
  ),
  page(
    "MPT0108",
    "a sign that is not part of the language",
    `Newlines and semicolons mean nothing: every statement begins with a keyword.`,
    forward("let y = x; return y"),
    forward("let y = x return y"),
  ),
  page(
    "MPT0109",
    "an operator of another language",
    `There is no && || ! or ?: on values known when compiling; write \`if a then b else c\`. Between masks use where.`,
    forward("return if true && false then relu(x) else x"),
    forward("return if true then relu(x) else x"),
  ),
  page(
    "MPT0110",
    "an expression nests too deeply",
    `Forms that hold themselves may nest a hundred deep. Name a part with let.`,
    { text: forward(`return ${"(".repeat(120)}x${")".repeat(120)}`), shown: forward("return ((((… x …))))") },
    forward("return x"),
  ),
  page(
    "MPT0111",
    "a file or an expression is too long",
    `A file has at most a million characters and 200,000 tokens, and one expression chains at most 500 operations.`,
    { text: forward(`return ${terms(600)}`), shown: forward("return x + x + … + x") },
    forward("return 600 * x"),
  ),
  page(
    "MPT0112",
    "let is missing",
    `A name is bound by let; without it, (b, c) = … would read as a call of what stands before it.`,
    forward("(a, b) = split(x, 2, axis: 1)\n    return x"),
    forward("let (a, b) = split(x, 2, axis: 1)\n    return concat([a, b], axis: 1)"),
  ),
  page(
    "MPT0113",
    "// begins a comment, it does not divide",
    `Python's floor division is a comment here. Write one /: between integers it is exact in dims, or an error.`,
    "fn half(x: float[N, D], h: int) -> float[N, h, D // h] {\n  return reshape(x, [N, h, D / h])\n}\n",
    "fn half(x: float[N, D], h: int) -> float[N, h, D / h] {\n  return reshape(x, [N, h, D / h])\n}\n",
  ),
  page(
    "MPT0114",
    "an operator after a pipeline needs parentheses",
    `A pipeline is the loosest of the operators: x |> f + b would add b to f. Put the pipeline into parentheses.`,
    forward("return x |> relu + x"),
    forward("return (x |> relu) + x"),
  ),
  page(
    "MPT0115",
    "an operator after in needs parentheses",
    `in takes everything to its left. To go on after it, put that into parentheses.`,
    forward("return exp(x) in f32 |> relu"),
    forward("return (exp(x) in f32) |> relu"),
  ),
  page(
    "MPT0116",
    "comparisons do not chain",
    `0 < x < 1 would compare a bool with 1. Multiply the two masks, or use where.`,
    forward("return where(0 < x < 1, x, 0)"),
    forward("return where(x > 0, where(x < 1, x, 0), 0)"),
  ),
  page(
    "MPT0117",
    "the wrong sign after a name",
    `Arguments, inputs and rules are written name: value; layers, params, consts and fields name = value.`,
    forward("return softmax(x, axis = -1)"),
    forward("return softmax(x, axis: -1)"),
  ),
  page(
    "MPT0118",
    "a positional argument after a named one",
    `Arguments without a name come first.`,
    forward("return clamp(x, min: 0, 6)"),
    forward("return clamp(x, min: 0, max: 6)"),
  ),
  page(
    "MPT0119",
    "there are no tuples of one element",
    `(a) is a, and so a comma in it says nothing.`,
    forward("let (a, b) = (x, x)\n    return (a,)"),
    forward("let (a, b) = (x, x)\n    return (a)"),
  ),
  page(
    "MPT0120",
    "a block ends with one return",
    `A block is a row of lets and one return, its last statement.`,
    forward("let y = relu(x)"),
    forward("let y = relu(x)\n    return y"),
  ),
  page(
    "MPT0121",
    "a train block begins with one batch",
    `batch(…) says what the trainer gives at every step, so it comes first and once.`,
    "model M {\n  layer fc = Linear(4, 2)\n  forward(x: float[N, 4]) -> float[N, 2] { return fc(x) }\n}\n" +
      "train M {\n  loss = mean(M(x))\n  optimizer = SGD(lr: 0.1)\n}\n",
    train("loss = mean(M(x))\noptimizer = SGD(lr: 0.1)"),
  ),
  page(
    "MPT0122",
    "no statement begins with this word",
    `A file holds imports, consts, policies, fns, models and train blocks; a model holds precision, layers, params and a
    forward.`,
    "class M {\n  forward(x: float[N, 4]) -> float[N, 4] { return x }\n}\n",
    forward("return x"),
  ),
  page(
    "MPT0123",
    "a train block has no such field",
    `The fields are loss, optimizer, schedule, loss_scale, clip, accumulate and a few more; other names are bound by let
    and reported by metric.`,
    train("loss = mean(M(x))\noptimiser = SGD(lr: 0.1)"),
    train("loss = mean(M(x))\noptimizer = SGD(lr: 0.1)"),
  ),
  page(
    "MPT0124",
    "a policy has no such key",
    `A policy has the keys params, compute, accum and output, and path rules, which stand in quotes.`,
    forward("return fc(x)", "precision { computes: f16 }\n  layer fc = Linear(4, 4)"),
    forward("return fc(x)", "precision { compute: f16 }\n  layer fc = Linear(4, 4)"),
  ),
  page(
    "MPT0125",
    "a formal has no such type",
    `What a model is made from is known when compiling: int, float, bool, string or dtype. Tensors are inputs of forward.`,
    "model M(dim: integer) {\n  forward(x: float[N, dim]) -> float[N, dim] { return x }\n}\n",
    "model M(dim: int) {\n  forward(x: float[N, dim]) -> float[N, dim] { return x }\n}\n",
  ),
  page(
    "MPT0126",
    "a reserved word cannot be a name",
    `let return if then else in as true false mean themselves everywhere; every other word is free.`,
    forward("let in = x\n    return x"),
    forward("let input = x\n    return input"),
  ),
  page(
    "MPT0127",
    "a type's dims cannot be empty",
    `A single value has no brackets: its type is f32, and a vector's f32[N].`,
    "fn scale(x: float[N], by: f32[]) -> float[N] { return x * by }\n",
    "fn scale(x: float[N], by: f32) -> float[N] { return x * by }\n",
  ),
  page(
    "MPT0128",
    "a name cannot be changed",
    `Names are bound once; a second let of the same name hides the first.`,
    forward("let y = x\n    y += 1\n    return y"),
    forward("let y = x\n    let y = y + 1\n    return y"),
  ),
];
