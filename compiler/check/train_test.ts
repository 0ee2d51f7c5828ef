import { assert, assertEquals } from "../../tests/assert.ts";
import { codes, diagnose, program } from "../../tests/support/programs.ts";
import { LATER } from "../ops/later.ts";

const MODEL = `
model M(width: int = 4) {
  layer fc = Linear(4, width)
  layer out = Linear(width, 3)
  forward(x: float[N, 4]) -> float[N, 3] { return x |> fc |> relu |> out }
}
`;

const block = (...fields: string[]) =>
  `${MODEL}train M {\n  batch(x: f32[N, 4], y: i32[N])\n  ${fields.join("\n  ")}\n}\n`;

const LOSS = "loss = cross_entropy(M(x), y)";
const SGD = "optimizer = SGD(lr: 0.1)";
const train = (...fields: string[]) => program(block(...fields)).train!;
const codesOf = (...fields: string[]) => codes(block(...fields));

Deno.test("train: settings are complete, with PyTorch's defaults", () => {
  const of = (text: string) => train(LOSS, `optimizer = ${text}`).optimizer;
  const rest = { no_decay: [], groups: [] };
  assertEquals(of("SGD").args, {
    lr: 1e-3,
    momentum: 0,
    dampening: 0,
    nesterov: false,
    weight_decay: 0,
    ...rest,
  });
  assertEquals(of("Adam(1e-4)").args, { lr: 1e-4, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0, ...rest });
  assertEquals(of("AdamW()").args, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01, ...rest });
  assertEquals(of("Lion(betas: [0.95, 0.98])").args, {
    lr: 1e-4,
    betas: [0.95, 0.98],
    weight_decay: 0,
    ...rest,
  });
  const t = train(
    LOSS,
    SGD,
    "schedule = cosine(total: 100)",
    "loss_scale = dynamic(init: 1024)",
    "clip = value(2)",
    "accumulate = 4",
  );
  assertEquals([t.schedule!.name, t.schedule!.args], ["cosine", { total: 100, warmup: 0, final: 0 }]);
  assertEquals(t.lossScale!.args, {
    init: 1024,
    growth: 2,
    backoff: 0.5,
    interval: 2000,
    min: 2 ** -14,
    max: 2 ** 24,
  });
  assertEquals([t.clip!.name, t.clip!.args, t.accumulate], ["value", { x: 2 }, 4]);
  assertEquals(train(LOSS, SGD, "schedule = constant", "loss_scale = none").lossScale!.args, {});
  assertEquals(train(LOSS, SGD, "schedule = polynomial(total: 10, power: 2)").schedule!.args, {
    total: 10,
    power: 2,
    final: 0,
    warmup: 0,
  });
});

Deno.test("train: settings may be computed from consts and lets", () => {
  const text = "const steps = 100\n" +
    block("let w = steps / 10", LOSS, SGD, "schedule = linear(total: steps * 2, warmup: w)");
  assertEquals(program(text).train!.schedule!.args, { total: 200, warmup: 10, final: 0 });
});

Deno.test("train: heads resolve in their field's own namespace, and locals shadow the library elsewhere", () => {
  const t = train(
    "let norm = x",
    "let SGD = mean(norm)",
    "let static = 2",
    LOSS,
    SGD,
    "clip = norm(1)",
    "loss_scale = static(8)",
  );
  assertEquals([t.clip!.name, t.lossScale!.name, t.optimizer.name], ["norm", "static", "SGD"]);
  assertEquals(codesOf("let relu = x", "loss = mean(M(relu))", SGD), []);
});

Deno.test("train: the trained name is one instance; symbols of the batch are its own", () => {
  const p = program(block("let a = M(x)", "loss = cross_entropy(a, y) + mean(M(x * 2))", SGD));
  assertEquals(p.params.map((x) => x.path), ["fc.weight", "fc.bias", "out.weight", "out.bias"]);
  assertEquals(p.train!.call.length, 1);
  assertEquals(p.train!.batch.map((i) => `${i.name} ${i.dtype}[${i.shape}]`), ["x f32[N,4]", "y i32[N]"]);
  assertEquals(p.forward.inputs.map((i) => `${i.name} ${i.dtype}[${i.shape}]`), ["x f32[N,4]"]);
  const fixed = block(LOSS, SGD).replaceAll("[N, 4], y: i32[N]", "[8, 4], y: i32[8]");
  assertEquals(program(fixed).train!.batch.map((i) => i.shape), [[8, 4], [8]]);
  assertEquals(program(fixed).forward.inputs.map((i) => String(i.shape)), ["N,4"]);
  assertEquals(codesOf("loss = mean(M(x)) + mean(M(x[0:2]))", SGD), ["MPT0211"]);
});

Deno.test("train: its parameters can be reached, and the loss named afterwards", () => {
  const t = train(
    "loss = cross_entropy(M(x), y) + 0.01 * mean(M.fc.weight ** 2)",
    "metric total = loss * 2",
    SGD,
  );
  assertEquals(t.metrics.map((m) => m.name), ["total"]);
  assertEquals(codesOf("metric before = loss", LOSS, SGD), ["MPT0201"]);
});

Deno.test("train: formals are given by name or position", () => {
  const text = block(LOSS, SGD);
  assertEquals(program(text.replace("train M {", "train M(7) {")).params[0].shape, [7, 4]);
  assertEquals(program(text.replace("train M {", "train M(width: 6) {")).params[0].shape, [6, 4]);
  assertEquals(codes(text.replace("train M {", "train M(depth: 6) {")), ["MPT0207"]);
});

Deno.test("train: one of several blocks is chosen by its model's name", () => {
  const two = block(LOSS, SGD) + MODEL.replace("model M", "model P") +
    "train P {\n  batch(x: f32[N, 4], y: i32[N])\n  loss = cross_entropy(P(x), y)\n  optimizer = SGD\n}\n";
  assertEquals(program(two).model, "M");
  assertEquals(program(two, {}, { train: "P" }).model, "P");
  assertEquals(diagnose(two, {}, { train: "Q" }).map((d) => d.code), ["MPT0409"]);
});

Deno.test("train: path globs are checked against the parameters", () => {
  assertEquals(train(LOSS, 'optimizer = AdamW(no_decay: ["**.bias"])').optimizer.args.no_decay, ["**.bias"]);
  assertEquals(train(LOSS, 'optimizer = AdamW(no_decay: "out")').optimizer.args.no_decay, ["out"]);
  assertEquals(train(LOSS, 'optimizer = AdamW(groups: [("out.**", 1e-4)])').optimizer.args.groups, [{
    path: "out.**",
    lr: 1e-4,
  }]);
  assertEquals(codesOf(LOSS, 'optimizer = AdamW(no_decay: ["**.bias", "nope"])'), ["MPT0408"]);
  assertEquals(codesOf(LOSS, "optimizer = AdamW(no_decay: [3])"), ["MPT0406"]);
  assertEquals(codesOf(LOSS, 'optimizer = AdamW(no_decay: ["a..b"])'), ["MPT0306"]);
});

Deno.test("train: what settings refuse", () => {
  assertEquals(codesOf(LOSS, "optimizer = SGD(nesterov: true, momentum: 0.9)"), []);
  assertEquals(codesOf(LOSS, "optimizer = SGD(momentum: 0.9, dampening: 0.1)"), []);
  assertEquals(codesOf(LOSS, "optimizer = Adam(betas: [0, 0])"), []);
  for (
    const [field, code] of [
      ["optimizer = SGD(lr: 0)", "MPT0406"],
      ["optimizer = SGD(lr: -1)", "MPT0406"],
      ['optimizer = SGD(lr: "x")', "MPT0406"],
      ["optimizer = Adam(betas: [0.9])", "MPT0406"],
      ["optimizer = Adam(betas: [0.9, 1.5])", "MPT0406"],
      ["optimizer = Adam(betas: [0.9, 1.0])", "MPT0406"],
      ["optimizer = AdamW(betas: [1, 0.99])", "MPT0406"],
      ["optimizer = Lion(betas: [0.9, 1])", "MPT0406"],
      ["optimizer = Lion(betas: [-0.1, 0.9])", "MPT0406"],
      ["optimizer = SGD(nesterov: 1)", "MPT0406"],
      ["optimizer = SGD(nesterov: true)", "MPT0414"],
      ["optimizer = SGD(nesterov: true, momentum: 0)", "MPT0414"],
      ["optimizer = SGD(nesterov: true, momentum: 0.9, dampening: 0.1)", "MPT0414"],
      ["optimizer = 3", "MPT0405"],
      ["optimizer = Ranger()", "MPT0405"],
      ["optimizer = SGD(lr: mean(x))", "MPT0406"],
    ]
  ) assertEquals(codesOf(LOSS, field), [code], field);
  for (
    const [field, code] of [
      ["schedule = cosine(total: 0)", "MPT0406"],
      ["schedule = cosine(total: 10.5)", "MPT0406"],
      ["schedule = step", "MPT0206"],
      ["clip = norm", "MPT0206"],
      ["clip = norm(1, 2)", "MPT0208"],
      ["loss_scale = dynamic(growth: 1)", "MPT0406"],
      ["loss_scale = dynamic(backoff: 1)", "MPT0406"],
      ["loss_scale = dynamic(init: 8, min: 16)", "MPT0406"],
      ["accumulate = 2.5", "MPT0412"],
      ["metric loss = mean(x)", "MPT0401"],
    ]
  ) assertEquals(codesOf(LOSS, SGD, field), [code], field);
});

Deno.test("train: what a later version brings is refused once, by name", () => {
  for (
    const field of [
      "ema = decay(0.999)",
      "stop = patience(loss, 3)",
      "quantize = qat(bits: 8, weights: per_channel)",
      "prune = magnitude(sparsity: 0.5, granularity: element)",
      "precision_control = dynamic(candidates: [f16, f32], memory: none)",
      "loss_scale = adaptive(init: 2048, target: 1e-7)",
    ]
  ) assertEquals(codesOf(LOSS, SGD, field), ["MPT0390"], field);
  assertEquals(codesOf(LOSS, "optimizer = LAMB(lr: 1e-3)"), ["MPT0390"]);
  for (const name of LATER.keys()) {
    const use = /^[A-Z]/.test(name) ? `layer l = ${name}(4, 4)` : "";
    const call = use ? "l(x)" : `${name}(x, 2)`;
    const text = `model M {\n${use}\nforward(x: float[N, 4]) -> float[N, 4] { return relu(${call}) }\n}`;
    assertEquals(codes(text), ["MPT0390"], name);
  }
});

Deno.test("train: what is wrong elsewhere does not make more of itself here", () => {
  const broken = block(LOSS, 'optimizer = AdamW(no_decay: ["fc.bias"])').replace(
    "layer fc = Linear(4, width)",
    "layer fc = Linaer(4, width)",
  );
  assertEquals(codes(broken), ["MPT0201"]);
  assert(codes(block("loss = cross_entropy(M(z), y)", SGD)).length === 1);
});
