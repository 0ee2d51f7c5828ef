import { assert, assertEquals } from "../../tests/assert.ts";
import { codes, program } from "../../tests/support/programs.ts";
import type { DType } from "../core/dtype.ts";
import type { Node } from "../ir/graph.ts";
import { topological } from "../ir/graph.ts";

const LINEAR = new Set(["linear", "matmul"]);

/** The dtype in which each layer's product is computed, by the layer's path. */
function computed(text: string): Record<string, DType> {
  const { forward } = program(text);
  const out: Record<string, DType> = {};
  for (const n of topological(forward.outputs)) {
    if (LINEAR.has(n.op.name) && n.region) out[n.origin.why] = n.region.compute;
  }
  return out;
}

const outputs = (text: string) => program(text).forward.outputs.map((n) => n.type.dtype);

/** A model of three layers in a row, of which `mid` is a model with a layer and a precision of its own. */
function nest(
  options: { outer?: string; mid?: string; inner?: string; call?: string; own?: string },
): string {
  return `
model Mid {
  ${options.own ? `precision ${options.own}` : ""}
  layer fc = Linear(4, 4) ${options.inner ?? ""}
  forward(x: float[N, 4]) -> float[N, 4] { return fc(x) }
}
model Net {
  ${options.outer ? `precision ${options.outer}` : ""}
  layer a = Linear(4, 4)
  layer mid = Mid() ${options.mid ?? ""}
  layer b = Linear(4, 4)
  forward(x: float[N, 4]) -> float[N, 4] {
    let h = a(x)
    let h = ${options.call ?? "mid(h)"}
    return b(h)
  }
}`;
}

Deno.test("precision: the outermost default is mixed_f16", () => {
  assertEquals(computed(nest({})), { a: "f16", "mid.fc": "f16", b: "f16" });
  assertEquals(outputs(nest({})), ["f32"]);
});

Deno.test("precision: a model's precision covers what it holds, and ends with it", () => {
  assertEquals(computed(nest({ outer: "f32" })), { a: "f32", "mid.fc": "f32", b: "f32" });
  assertEquals(computed(nest({ own: "f32" })), { a: "f16", "mid.fc": "f32", b: "f16" });
  assertEquals(computed(nest({ outer: "mixed_bf16", own: "f32" })), {
    a: "bf16",
    "mid.fc": "f32",
    b: "bf16",
  });
});

Deno.test("precision: a layer's in covers its subtree; what the callee says itself is inside it", () => {
  assertEquals(computed(nest({ mid: "in f32" })), { a: "f16", "mid.fc": "f32", b: "f16" });
  assertEquals(computed(nest({ mid: "in f32", own: "{ compute: bf16 }" }))["mid.fc"], "bf16");
  assertEquals(computed(nest({ mid: "in f32", own: "{ output: bf16 }" }))["mid.fc"], "f32");
  assertEquals(computed(nest({ mid: "in f32", inner: "in bf16" }))["mid.fc"], "bf16");
});

Deno.test("precision: an expression's in is inside the layer's, and outside what the callee says", () => {
  assertEquals(computed(nest({ mid: "in f32", call: "mid(h) in bf16" }))["mid.fc"], "bf16");
  assertEquals(computed(nest({ own: "f32", call: "mid(h) in bf16" }))["mid.fc"], "f32");
  assertEquals(computed(nest({ call: "((mid(h) in bf16) |> mid) in f32" }))["mid.fc"], "f32");
  assertEquals(computed(nest({ call: "(mid(h) in f32) in bf16" }))["mid.fc"], "f32");
});

Deno.test("precision: path rules, by specificity, inside precision and outside a layer's in", () => {
  const rules = (r: string, rest = {}) =>
    computed(nest({ outer: `{ compute: f16, ${r} }`, ...rest }))["mid.fc"];
  assertEquals(rules('"mid": f32'), "f32");
  assertEquals(rules('"mid.fc": f32'), "f32");
  assertEquals(rules('"mid.*": f32'), "f32");
  assertEquals(rules('"**.fc": f32'), "f32");
  assertEquals(rules('"mid.fc": bf16, "mid": f32'), "bf16");
  assertEquals(rules('"mid": bf16, "**.fc": f32'), "bf16");
  assertEquals(rules('"*.fc": bf16, "m*": f32'), "f32");
  assertEquals(rules('"m*.fc": f32, "*d.fc": bf16'), "bf16");
  assertEquals(rules('"mid": f32', { mid: "in bf16" }), "bf16");
  assertEquals(rules('"mid.fc": f32', { own: "mixed_bf16" }), "bf16");
});

Deno.test("precision: missing keys come from the enclosing policy; a bare dtype leaves params unless it is f32", () => {
  const params = (text: string) => Object.fromEntries(program(text).params.map((p) => [p.path, p.dtype]));
  const pure = nest({ outer: "pure_f16", mid: "in f32" });
  assertEquals(params(pure)["a.weight"], "f16");
  assertEquals(params(pure)["mid.fc.weight"], "f32");
  assertEquals(params(nest({ outer: "pure_f16", mid: "in bf16" }))["mid.fc.weight"], "f16");
  assertEquals(params(nest({ outer: "pure_bf16", own: "{ compute: f32 }" }))["mid.fc.weight"], "bf16");
  assertEquals(params(nest({ outer: '{ params: f16, "a.bias": f32 }' }))["a.bias"], "f32");
  assertEquals(params(nest({ outer: '{ params: f16, "a.bias": f32 }' }))["a.weight"], "f16");
  // What a call says changes where it runs, not what is stored.
  assertEquals(params(nest({ outer: "pure_f16", call: "mid(h) in f32" }))["mid.fc.weight"], "f16");
});

Deno.test("precision: named policies, from other files and over presets", () => {
  const text = 'import { careful } from "p.mpt"\npolicy wide { compute: bf16, "*.fc": f32 }\n';
  const files = { "p.mpt": "policy careful { compute: f32 }\n" };
  const one = (precision: string) => {
    const { forward } = program(text + nest({ outer: precision }), files);
    const n = topological(forward.outputs).filter((n) => LINEAR.has(n.op.name));
    return n.map((x) => x.region!.compute);
  };
  assertEquals(one("careful"), ["f32", "f32", "f32"]);
  assertEquals(one("wide"), ["bf16", "f32", "bf16"]);
});

Deno.test("precision: a policy's path rules begin under the layer that it is given to", () => {
  const text = 'policy inner { compute: bf16, "fc": f32 }\n' + nest({ mid: "in inner" });
  assertEquals(computed(text), { a: "f16", "mid.fc": "f32", b: "f16" });
});

Deno.test("precision: the rules of the language's example", () => {
  const text = `
model Block(dim: int) {
  layer ln1 = Linear(dim, dim)
  layer up = Linear(dim, dim)
  forward(x: float[T, dim]) -> float[T, dim] { return x |> ln1 |> up }
}
model GPT {
  precision { params: f32, compute: f16, accum: f32, "blocks.*.ln*": f32, "blocks.0.**": bf16 }
  layer blocks = Block(8) * 2
  layer head = Linear(8, 3)
  forward(x: float[T, 8]) -> f32[T, 3] { return x |> blocks |> head }
}`;
  assertEquals(computed(text), {
    "blocks.0.ln1": "bf16",
    "blocks.0.up": "bf16",
    "blocks.1.ln1": "f32",
    "blocks.1.up": "f16",
    head: "f16",
  });
});

Deno.test("precision: results follow their class", () => {
  const one = (body: string) => {
    const [out] = program(`
model M {
  precision { compute: f16, output: bf16 }
  layer fc = Linear(4, 4)
  param t: f32[1] = constant(1.0)
  param h: f16[1] = constant(1.0)
  forward(x: f16[N, 4]) -> (float[N, 4], i32) { return (${body}, argmax(fc(x))) }
}`).forward.outputs;
    // The outermost result is cast to output; what stood before it shows its own.
    return (out.op.name === "cast" ? out.inputs[0] : out).type.dtype;
  };
  assertEquals(one("fc(x)"), "f16");
  assertEquals(one("softmax(fc(x), axis: -1)"), "f32");
  assertEquals(one("relu(fc(x))"), "f16");
  assertEquals(one("fc(x) / t"), "f32");
  assertEquals(one("fc(x) / h"), "f16");
  assertEquals(one("exp(fc(x))"), "f32");
  assertEquals(one("fc(x) * 0.5 + 1"), "f16");
  assertEquals(one("fc(x) * 70000"), "f32");
  assertEquals(one("fc(x) + 1e-9"), "f32");
  assertEquals(one("exp(fc(x)) as f16"), "f16");
  assertEquals(one("(fc(x) in f32) + 0 * x"), "f32");
});

Deno.test("precision: a float result is cast at the outermost model only, a concrete one always", () => {
  const text = (inner: string, outer: string) => `
model In { forward(x: float[N, 4]) -> ${inner}[N, 4] { return exp(x) } }
model Out {
  precision { output: bf16 }
  layer i = In()
  forward(x: f16[N, 4]) -> ${outer}[N, 4] { return i(x) }
}`;
  const chain = (t: string) => {
    const names: string[] = [];
    for (let n: Node | undefined = program(t).forward.outputs[0]; n; n = n.inputs[0]) {
      names.unshift(`${n.op.name} ${n.type.dtype}`);
    }
    return names.slice(1).join(", ");
  };
  assertEquals(chain(text("float", "float")), "exp f32, cast bf16");
  assertEquals(chain(text("f16", "float")), "exp f32, cast f16, cast bf16");
  assertEquals(chain(text("float", "f32")), "exp f32");
  assertEquals(chain(text("float", "i32")), "exp f32, cast i32");
});

Deno.test("precision: every region and cast says why, and where", () => {
  const text = nest({ outer: '{ compute: bf16, "mid": f32 }', mid: "" });
  const regions = topological(program(text).forward.outputs).filter((n) => LINEAR.has(n.op.name)).map((n) =>
    n.region!
  );
  const said = regions.map((r) => [r.why, text.slice(r.span!.start, r.span!.end)]);
  assertEquals(said, [
    ["compute: bf16 (precision of Net)", "bf16"],
    ['compute: f32 (rule "mid" of Net)', "f32"],
    ["compute: bf16 (precision of Net)", "bf16"],
  ]);
  const layer = topological(program(nest({ mid: "in f32" })).forward.outputs).find((n) =>
    n.origin.why === "mid.fc"
  )!;
  assertEquals(layer.region!.why, "compute: f32 (in f32 on mid)");
  const [out] = program(nest({})).forward.outputs;
  assertEquals(out.origin.why, "output: f32 (mixed_f16, the default)");
});

Deno.test("precision: a dtype formal stands for its dtype", () => {
  const text = `
model M(low: dtype = bf16) {
  precision { compute: low }
  layer a = Linear(4, 4)
  layer b = Linear(4, 4) in low
  param p: low[4] = zeros
  forward(x: float[N, 4]) -> low[N, 4] { return (a(x) |> b) as low + p }
}
train M(low: f16) {
  batch(x: f32[N, 4])
  loss = mean(M(x))
  optimizer = SGD(lr: 0.1)
}`;
  assertEquals(computed(text), { a: "f16", b: "f16" });
  assertEquals(program(text).params.at(-1)!.dtype, "f16");
});

Deno.test("precision: a train block runs in the trained model's policy", () => {
  const { train } = program(`
model M {
  precision mixed_bf16
  layer fc = Linear(4, 2)
  forward(x: float[N, 4]) -> float[N, 2] { return fc(x) }
}
train M {
  batch(x: u8[N, 4], y: i32[N])
  let z = x as float / 255
  loss = cross_entropy(M(z), y)
  metric size = mean(z @ transpose(z))
  optimizer = SGD(lr: 0.1)
}`);
  const nodes = topological([train!.loss, ...train!.metrics.map((m) => m.node)]);
  assertEquals(nodes.find((n) => n.op.name === "cast")!.type.dtype, "bf16");
  assertEquals(nodes.find((n) => n.op.name === "matmul")!.type.dtype, "bf16");
  assertEquals(train!.loss.type.dtype, "f32");
  assertEquals(train!.metrics[0].node.type.dtype, "f32");
  assertEquals(train!.call.map((n) => n.type.dtype), ["f32"]);
});

Deno.test("precision: what does not hold is reported once", () => {
  assertEquals(codes(nest({ outer: '{ "nothing": f32 }' })), ["MPT0303"]);
  assertEquals(codes(nest({ mid: "in mixed_f8" })), ["MPT0390"]);
  assertEquals(codes(nest({ own: '{ "fcc": f32 }' })), ["MPT0303"]);
  assert(codes('policy p { "zz": f32 }\n' + nest({ outer: "p" })).includes("MPT0308"));
});
