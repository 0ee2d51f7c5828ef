import { assert, assertEquals } from "../../tests/assert.ts";
import { codes, diagnose, program } from "../../tests/support/programs.ts";
import { renderDiagnostic } from "../core/render_diagnostic.ts";
import { topological } from "../ir/graph.ts";
import { showType } from "../ir/op.ts";

/** The types of what a fn gives, called by a model with these inputs. */
function types(fn: string, call: string, inputs: string, result: string): string[] {
  const text =
    `${fn}\nmodel Top {\n  precision f32\n  forward(${inputs}) -> ${result} { return ${call} }\n}\n`;
  return program(text).forward.outputs.map((n) => showType(n.type));
}

const one = (expr: string, inputs: string, result: string) => types("", expr, inputs, result)[0];

Deno.test("check: the diagnostic of the language's contract", () => {
  const text = `// A model
model MLP {

  // its layers
  layer fc1 = Linear(784, 256)
  layer fc2 = Linear(128, 10)

  forward(x: float[N, 784]) -> f32[N, 10] {
    return x |> fc1 |> relu |> fc2
  }
}
`;
  const [d] = diagnose(text);
  assertEquals(
    renderDiagnostic(d, new Map([["test.mpt", text]])),
    `error[MPT0203]: the output of fc1 does not fit fc2
   ┌─ test.mpt:9:32
 5 │   layer fc1 = Linear(784, 256)
   │                           --- fc1 makes 256 features
 6 │   layer fc2 = Linear(128, 10)
   │                      --- fc2 takes 128
 9 │     return x |> fc1 |> relu |> fc2
   │                                ^^^ given float[N, 256]
   = expected float[N, 128]
   =    found float[N, 256]
help: make fc2 take 256 features:  Linear(256, 10)`,
  );
});

Deno.test("check: symbols are bound by whole dims, unify, and serve as numbers", () => {
  const heads = `fn heads_of(x: float[B, T, D], h: int) -> float[B, h, T, D / h] {
    return x |> reshape([B, T, h, D / h]) |> permute([0, 2, 1, 3])
  }`;
  assertEquals(types(heads, "heads_of(x, 4)", "x: float[N, 7, 64]", "float[N, 4, 7, 16]"), [
    "f32[N, 4, 7, 16]",
  ]);
  const merge = `fn merge(x: float[B, H, T, D]) -> float[B, T, H * D] {
    return x |> permute([0, 2, 1, 3]) |> reshape([B, T, H * D])
  }`;
  assertEquals(types(merge, "merge(x)", "x: float[N, 4, T, 16]", "float[N, T, 64]"), ["f32[N, T, 64]"]);
  // A symbol may be used by a dim that stands before the input that binds it.
  const ahead = "fn f(x: float[2 * N], y: float[N]) -> float[N] { return x[0:N] + y }";
  assertEquals(types(ahead, "f(x, y)", "x: float[10], y: float[5]", "float[5]"), ["f32[5]"]);
  assertEquals(
    codes(
      "fn f(x: float[2 * N], y: float[N]) -> float[N] { return x[0:N] + y }\n" +
        "fn g(x: float[9], y: float[5]) -> float[5] { return f(x, y) }",
    ),
    ["MPT0204"],
  );
});

Deno.test("check: a symbol's scope is one fn call or one layer instance", () => {
  const f = "fn f(x: float[N]) -> float[N] { return x }\n";
  assertEquals(types(f, "(f(x), f(y))", "x: float[3], y: float[4]", "(float[3], float[4])"), [
    "f32[3]",
    "f32[4]",
  ]);
  const model = (calls: string, more = "") => `
model In { forward(x: float[N]) -> float[N] { return x } }
model M {
  layer i = In() ${more}
  forward(x: float[3], y: float[4]) -> (float[3], float[4]) { return ${calls} }
}`;
  assertEquals(codes(model("(i(x), i(y))")), ["MPT0211"]);
  assertEquals(codes(model("(i[0](x), i[1](y))", "* 2")), []);
});

Deno.test("check: a declared name is no symbol", () => {
  assertEquals(
    codes(
      "const N = 4\nfn f(x: float[N]) -> float[4] { return x }\nfn g(x: float[4]) -> float[4] { return f(x) }",
    ),
    [],
  );
  assertEquals(
    codes(
      "const N = 4\nfn f(x: float[N]) -> float[4] { return x }\nfn g(x: float[5]) -> float[5] { return f(x) }",
    ),
    ["MPT0204"],
  );
  assertEquals(codes("model M(K: int = 3) { forward(x: float[N, K]) -> float[N, 3] { return x } }"), []);
});

Deno.test("check: broadcasting never binds", () => {
  assertEquals(one("x + y", "x: float[N, 4], y: float[4]", "float[N, 4]"), "f32[N, 4]");
  assertEquals(one("x * y", "x: float[N, 1], y: float[1, M]", "float[N, M]"), "f32[N, M]");
  assertEquals(codes("fn f(x: float[N], y: float[M]) -> float[N] { return x + y }"), ["MPT0214"]);
});

Deno.test("check: integers divide exactly in dims and give f32 elsewhere", () => {
  assertEquals(one("reshape(x, [T / 2, 2])", "x: float[T]", "float[T / 2, 2]"), "f32[T/2, 2]");
  assertEquals(one("x * (7 / 2)", "x: float[N]", "float[N]"), "f32[N]");
  assertEquals(one("a / b", "a: i32[N], b: i32[N]", "f32[N]"), "f32[N]");
  assertEquals(one("a * 2 + 1", "a: i32[N]", "i32[N]"), "i32[N]");
  assertEquals(one("a * 2.5", "a: i32[N]", "f32[N]"), "f32[N]");
  assertEquals(types("const HALF = 8 / 2", "reshape(x, [HALF, 2])", "x: float[8]", "float[4, 2]"), [
    "f32[4, 2]",
  ]);
  assertEquals(codes("fn f(x: float[6]) -> float[2, 3] { let h = 5 / 2 return reshape(x, [h, 3]) }"), [
    "MPT0213",
  ]);
});

Deno.test("check: numbers known when compiling: fns, conditions, recursion", () => {
  const text = `
const BASE = 2
fn power(x: float[N], n: int) -> float[N] { return if n == 0 then ones([N]) else x * power(x, n - 1) }
fn scale(x: float[N], by: float = 1) -> float[N] { return x * by }`;
  assertEquals(codes(text).length > 0, true, "fns have no defaults");
  const fn = text.split("\n").slice(0, 3).join("\n");
  assertEquals(types(fn, "power(x, BASE ** 2 - 1)", "x: float[N]", "float[N]"), ["f32[N]"]);
  assertEquals(one("x * sqrt(2) * min(3, 4)", "x: f16[N]", "f16[N]"), "f16[N]");
  assertEquals(one("if N == N then x else 1", "x: float[N]", "float[N]"), "f32[N]");
});

Deno.test("check: a bare float or int takes a number or a tensor of rank 0", () => {
  const fn = "fn f(x: float[N], by: float) -> float[N] { return x * by }";
  assertEquals(types(fn, "f(x, 2)", "x: float[N]", "float[N]"), ["f32[N]"]);
  assertEquals(types(fn, "f(x, mean(x))", "x: float[N]", "float[N]"), ["f32[N]"]);
  assertEquals(codes(`${fn}\nfn g(x: float[N]) -> float[N] { return f(x, x) }`), ["MPT0209"]);
  assertEquals(
    codes(
      `fn f(x: float[N], k: int) -> float[N] { return x }\nfn g(x: float[N]) -> float[N] { return f(x, 1.5) }`,
    ),
    ["MPT0209"].map(() => "MPT0209"),
  );
});

Deno.test("check: lets shadow, tuples come apart, indices and slices", () => {
  assertEquals(codes("fn f(x: float[N]) -> float[N] { let x = x + 1 let x = x * 2 return x }"), []);
  assertEquals(
    codes(
      "fn f(x: float[N, 6]) -> float[N, 2] { let (a, (b, c)) = (x[:, 0:2], split(x[:, 2:], 2, axis: 1)) return a + b * c }",
    ),
    [],
  );
  assertEquals(one("x[0]", "x: float[4, N]", "float[N]"), "f32[N]");
  assertEquals(one("x[-1, :]", "x: float[N, 5]", "float[5]"), "f32[5]");
  assertEquals(one("x[:, 1:-1]", "x: float[N, 6]", "float[N, 4]"), "f32[N, 4]");
  assertEquals(one("x[:, ::-1]", "x: float[N, 6]", "float[N, 6]"), "f32[N, 6]");
  assertEquals(one("x[1:]", "x: float[N, 6]", "float[N - 1, 6]"), "f32[N - 1, 6]");
  assertEquals(one("[x, 2 * x][1]", "x: float[N]", "float[N]"), "f32[N]");
});

Deno.test("check: as converts, and input types widen but do not change kind", () => {
  assertEquals(one("(x as i32) as float", "x: float[N]", "float[N]"), "f32[N]");
  assertEquals(one("(x > 0) as int", "x: float[N]", "i32[N]"), "i32[N]");
  const fn = "fn f(x: f32[N], i: i32[N]) -> f32[N] { return x * i }";
  assertEquals(types(fn, "f(x, i)", "x: f16[N], i: u8[N]", "f32[N]"), ["f32[N]"]);
  assertEquals(codes(`${fn}\nfn g(x: f16[N], i: u32[N]) -> f32[N] { return f(x, i) }`), ["MPT0205"]);
});

Deno.test("check: layers: stacks, paths, ties, params, members", () => {
  const p = program(`
model Block(dim: int) {
  layer up = Linear(dim, 2 * dim, bias: false)
  layer down = Linear(2 * dim, dim)
  forward(x: float[N, dim]) -> float[N, dim] { return x + (x |> up |> relu |> down) }
}
model M(depth: int = 2) {
  layer tok = Embedding(7, 4)
  layer blocks = Block(4) * depth
  param gain: f32[4] = uniform(-1, 1)
  layer head = Linear(4, 7, bias: false, weight: tok.weight)
  forward(ids: i32[N]) -> float[N, 7] {
    let x = tok(ids) * gain + blocks[0].down.bias
    return (x |> blocks |> head) + 0 * mean(blocks[1].up.weight)
  }
}`);
  assertEquals(p.params.map((x) => `${x.path} ${x.dtype}[${x.shape}]`), [
    "tok.weight f32[7,4]",
    "blocks.0.up.weight f32[8,4]",
    "blocks.0.down.weight f32[4,8]",
    "blocks.0.down.bias f32[4]",
    "blocks.1.up.weight f32[8,4]",
    "blocks.1.down.weight f32[4,8]",
    "blocks.1.down.bias f32[4]",
    "gain f32[4]",
  ]);
  assertEquals(p.params.at(-1)!.init, { kind: "uniform", low: -1, high: 1 });
  const slots = topological(p.forward.outputs).filter((n) => n.op.name === "state").map((n) => n.attrs.slot);
  assertEquals(new Set(slots), new Set(p.params.map((x) => `param/${x.path}`)));
  assertEquals(slots.filter((s) => s === "param/tok.weight").length, 1, "tied weights have one master");
});

Deno.test("check: checkpoint applies what it is given", () => {
  const p = program(`
model M {
  layer fc = Linear(4, 4)
  forward(x: float[N, 4]) -> float[N, 4] { return checkpoint(fc, x) + checkpoint(relu, x) }
}`);
  const names = topological(p.forward.outputs).map((n) => n.op.name);
  assertEquals(names.filter((n) => n === "checkpoint").length, 2);
  assert(names.includes("linear") && names.includes("relu"));
});

Deno.test("check: imports, in circles too, and what they declare", () => {
  const files = {
    "a.mpt": 'import { twice } from "b.mpt"\nfn four(x: float[N]) -> float[N] { return twice(twice(x)) }\n',
    "b.mpt": 'import { four } from "a.mpt"\nfn twice(x: float[N]) -> float[N] { return x * 2 }\n' +
      "fn eight(x: float[N]) -> float[N] { return twice(four(x)) }\n",
  };
  const text =
    'import { four } from "a.mpt"\nmodel M { forward(x: float[N]) -> float[N] { return four(x) } }\n';
  assertEquals(codes(text, files), []);
  assertEquals(codes(text, { ...files, "b.mpt": "fn twice(x: float[N]) -> float[N] { return y }\n" }), [
    "MPT0201",
  ]);
  assertEquals(codes(text), ["MPT0222"]);
});

Deno.test("check: what nothing makes is checked too, and only what is wrong for every size", () => {
  const model = (items: string, body: string) =>
    `model M(dim: int, heads: int, p: float, deep: bool) {\n${items}\nforward(x: float[N, dim]) -> float[N, dim] { return ${body} }\n}`;
  assertEquals(codes(model("layer fc = Linear(dim, dim)", "if deep then fc(x) else x")), []);
  assertEquals(
    codes(model("layer a = Linear(dim, heads)\nlayer b = Linear(2 * dim, dim)", "x |> a |> b")),
    [],
  );
  assertEquals(
    codes(model("layer a = Linear(dim, 4 * dim)\nlayer b = Linear(2 * dim, dim)", "x |> a |> b")),
    ["MPT0203"],
  );
  assertEquals(codes(model("layer d = Dropout(p)", "reshape(d(x), [N, heads, dim / heads]) |> flatten")), []);
  assertEquals(codes(model("", "permute(x, [0, 1, 2])")), ["MPT0232"]);
  assertEquals(codes(model("", "x + reshape(x, [N, dim, 1])")), ["MPT0212"].filter(() => false));
});

Deno.test("check: one fault is said once, whatever follows from it and however often it is reached", () => {
  const text = `
model Block(dim: int) {
  layer fc = Linear(dim, dim)
  forward(x: float[N, dim]) -> float[N, dim] { return fc(missing(x)) + 1 |> relu }
}
model M {
  layer blocks = Block(4) * 5
  layer other = Block(8)
  forward(x: float[N, 4], y: float[N, 8]) -> float[N, 4] { return blocks(x) + mean(other(y)) }
}`.replace(" + 1 |> relu", "");
  assertEquals(codes(text), ["MPT0201"]);
});

Deno.test("check: faults of different places are all said, in the order of the source", () => {
  const found = diagnose(`
fn a(x: float[N]) -> float[N] { return one(x) }
fn b(x: float[N]) -> float[N] { return two(x) }
model M {
  layer l = Three(4)
  forward(x: float[N]) -> float[N] { return four(x) }
}`);
  assertEquals(found.map((d) => d.message.split(" ")[3]), ["one", "two", "Three", "four"]);
});

Deno.test("check: syntax errors do not hide the rest, nor bring what follows from them", () => {
  assertEquals(
    codes(
      "model M {\n  layer fc = Linear(4 4)\n  forward(x: float[N, 4]) -> float[N, 4] { return fc(x) }\n}",
    ),
    ["MPT0101"],
  );
  assertEquals(
    codes(
      "fn f(x: float[N] -> float[N] { return x }\nmodel M { forward(x: float[N]) -> float[N] { return f(x) } }",
    ).filter((c) => c >= "MPT02"),
    [],
  );
});

Deno.test("check: names of a program that JavaScript knows are ordinary names", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    assertEquals(
      codes(
        `fn ${name}(x: float[N]) -> float[N] { return x }\nmodel M { forward(x: float[N]) -> float[N] { return ${name}(x) } }`,
      ),
      [],
      name,
    );
    assertEquals(
      codes(`model M { forward(x: float[N]) -> float[N] { return ${name}(x) } }`),
      ["MPT0201"],
      name,
    );
    assertEquals(
      codes(
        `model M {\n layer fc = Linear(4, 4, ${name}: 1)\n forward(x: float[N]) -> float[N] { return x } }`,
      ),
      ["MPT0207"],
      name,
    );
    assertEquals(
      codes(`model M { precision ${name}
 forward(x: float[N]) -> float[N] { return x as ${name} } }`),
      ["MPT0301", "MPT0231"],
      name,
    );
  }
});
