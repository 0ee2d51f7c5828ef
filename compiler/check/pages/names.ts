import type { Page } from "./page.ts";
import { forward, page } from "./page.ts";

const FC = "layer fc = Linear(4, 4)";

/** MPT02xx: names, arguments and types. */
export const NAMES: readonly Page[] = [
  page(
    "MPT0201",
    "nothing has this name",
    `A name is a let, an input, a layer or formal of the model, a declaration or import of the file, or one of the
    library's.`,
    forward("return x |> rleu"),
    forward("return x |> relu"),
  ),
  page(
    "MPT0202",
    "declared twice",
    `Each name is declared once in a file, in a model and among a function's inputs; a model has one precision and one
    forward.`,
    forward("return fc(x)", `${FC}\n  layer fc = Linear(4, 8)`),
    forward("return x |> fc |> up |> down", `${FC}\n  layer up = Linear(4, 8)\n  layer down = Linear(8, 4)`),
  ),
  page(
    "MPT0203",
    "a tensor's features are not those that a layer takes",
    `A layer says how many features (or channels) it takes and makes. The labels show where both numbers come from.`,
    `
    model MLP {
      layer fc1 = Linear(784, 256)
      layer fc2 = Linear(128, 10)
      forward(x: float[N, 784]) -> f32[N, 10] { return x |> fc1 |> relu |> fc2 }
    }`,
    `
    model MLP {
      layer fc1 = Linear(784, 256)
      layer fc2 = Linear(256, 10)
      forward(x: float[N, 784]) -> f32[N, 10] { return x |> fc1 |> relu |> fc2 }
    }`,
  ),
  page(
    "MPT0204",
    "a tensor does not fit a declared input",
    `The type of an input of a model or fn says how many axes it has and the size of each that is not a symbol.`,
    `
    fn head(x: float[N, 128]) -> float[N, 128] { return relu(x) }
    fn net(x: float[N, 64]) -> float[N, 64] { return head(x) }`,
    `
    fn head(x: float[N, 64]) -> float[N, 64] { return relu(x) }
    fn net(x: float[N, 64]) -> float[N, 64] { return head(x) }`,
  ),
  page(
    "MPT0205",
    "a value of the wrong kind of number",
    `Floats go where floats go and small integers widen; between integers and floats the program converts, with as.`,
    `
    fn half(x: float[N]) -> float[N] { return x / 2 }
    fn net(ids: i32[N]) -> float[N] { return half(ids) }`,
    `
    fn half(x: float[N]) -> float[N] { return x / 2 }
    fn net(ids: i32[N]) -> float[N] { return half(ids as float) }`,
  ),
  page(
    "MPT0206",
    "an argument is missing",
    `Arguments without a default must be given, by position or by name.`,
    forward("return fc(x)", "layer fc = Linear(4)"),
    forward("return fc(x)", FC),
  ),
  page(
    "MPT0207",
    "no argument has this name",
    `Named arguments carry the names of the declaration; those of library layers are PyTorch's.`,
    forward("return fc(x)", "layer fc = Linear(4, 4, bais: false)"),
    forward("return fc(x)", "layer fc = Linear(4, 4, bias: false)"),
  ),
  page(
    "MPT0208",
    "an argument too many, or given twice",
    `Each argument is given at most once.`,
    forward("return relu(x, x)"),
    forward("return relu(x)"),
  ),
  page(
    "MPT0209",
    "an argument of the wrong kind",
    `Sizes, axes and settings are known when compiling; tensors have values only when the program runs.`,
    forward("return softmax(x, axis: x)"),
    forward("return softmax(x, axis: -1)"),
  ),
  page(
    "MPT0215",
    "this cannot be called",
    `Functions, fns and declared layers can be called.`,
    forward("return x(2)"),
    forward("return x * 2"),
  ),
  page(
    "MPT0216",
    "an index that is none, or nothing to index",
    `An index is an int known when compiling, or a slice of such ints. gather picks by the values of a tensor.`,
    forward("return x[x]"),
    forward("return x[0:]"),
  ),
  page(
    "MPT0217",
    "an index out of range",
    `Positions run from 0, and from -1 at the end, as in Python.`,
    forward("return blocks[2](x)", `layer blocks = ${"Linear(4, 4)"} * 2`),
    forward("return x |> blocks[0] |> blocks[1]", `layer blocks = ${"Linear(4, 4)"} * 2`),
  ),
  page(
    "MPT0218",
    "names and values do not pair up",
    `A pattern takes a tuple apart, one name for each value.`,
    forward("let (a, b) = split(x, 4, axis: 1)\n    return x + a"),
    forward("let (a, b) = split(x, 2, axis: 1)\n    return concat([a, b], axis: 1)"),
  ),
  page(
    "MPT0221",
    "no part has this name",
    `A dot reaches a layer of a model, a weight of a layer, and nothing of a tensor: sizes have names, and functions are
    called.`,
    forward("return x * fc.wieght[0, 0]", FC),
    forward("return fc(x) * fc.weight[0, 0]", FC),
  ),
  page(
    "MPT0222",
    "an imported file is not found",
    `The path of an import is taken from the folder of the file that imports.`,
    'import { Block } from "blocks.mpt"\n' + forward("return x"),
    {
      text: 'import { Block } from "block.mpt"\n' + forward("return x"),
      files: { "block.mpt": forward("return x").replace("model M", "model Block") },
    },
  ),
  page(
    "MPT0223",
    "an imported file does not declare this",
    `Models, fns, consts and policies that stand in the file itself can be imported.`,
    {
      text: 'import { Blok } from "block.mpt"\n' + forward("return x"),
      files: { "block.mpt": forward("return x").replace("model M", "model Block") },
    },
    {
      text: 'import { Block } from "block.mpt"\n' + forward("return x"),
      files: { "block.mpt": forward("return x").replace("model M", "model Block") },
    },
  ),
  page(
    "MPT0225",
    "this makes no layer",
    `layer declares what has parameters: a model, or a layer of the library. A function is called in forward.`,
    forward("return act(x)", "layer act = relu()"),
    forward("return relu(x)"),
  ),
  page(
    "MPT0230",
    "a model has no forward",
    `forward says what a model computes.`,
    `model M {\n  ${FC}\n}\n`,
    forward("return fc(x)", FC),
  ),
  page(
    "MPT0231",
    "no type has this name",
    `The dtypes are f32 f16 bf16 f8e4m3 f8e5m2 i8 u8 i32 u32 bool, and float and int stand for any of their kind.`,
    forward("return x", "", "x: float32[N, 4]"),
    forward("return x", "", "x: f32[N, 4]", "f32[N, 4]"),
  ),
  page(
    "MPT0233",
    "not something to calculate with",
    `Operators take numbers and tensors.`,
    forward("return fc(x) + fc", FC),
    forward("return fc(x) + x", FC),
  ),
  page(
    "MPT0234",
    "this cannot be converted",
    `as converts tensors and numbers to a dtype.`,
    forward('return x * ("2" as f32)'),
    forward("return x * (2 as f32)"),
  ),
  page(
    "MPT0235",
    "a layer is declared before it is called",
    `A layer's parameters need a place and a name, which a declaration gives them.`,
    forward("return Linear(4, 4)(x)"),
    forward("return fc(x)", FC),
  ),
  page(
    "MPT0236",
    "a const is known when compiling",
    `A const is a number, a bool, a string, a dtype or a list of them, and does not need itself.`,
    "const ONES = ones([4])\n" + forward("return x + ONES"),
    forward("return x + ones([4])"),
  ),
  page(
    "MPT0237",
    "declared further down",
    `Layers are made in the order in which they stand; one that ties another's weight stands below it.`,
    `
    model M {
      layer head = Linear(8, 65, bias: false, weight: tok.weight)
      layer tok = Embedding(65, 8)
      forward(ids: i32[N]) -> float[N, 65] { return ids |> tok |> head }
    }`,
    `
    model M {
      layer tok = Embedding(65, 8)
      layer head = Linear(8, 65, bias: false, weight: tok.weight)
      forward(ids: i32[N]) -> float[N, 65] { return ids |> tok |> head }
    }`,
  ),
];
