import { fileURLToPath } from "node:url";
import { parseGraph } from "../../compiler/ir/parse.ts";
import { verify } from "../../compiler/ir/verify.ts";
import { OPS } from "../../compiler/ops/index.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { inFolder, mpt, mptOk, mptRefuses } from "./run_cli.ts";

/** `mpt check`, `inspect` and `explain` on the first example. */

const MLP = fileURLToPath(new URL("../../examples/mnist/mlp.mpt", import.meta.url));
const inspect = (...args: string[]) => mptOk(["inspect", MLP, "--dims", "N=128", ...args]);

const STEP =
  "ast lower casts scale_loss autodiff unscale clip optimizer tick copies decompose simplify cse recompute"
    .split(" ");

Deno.test("mpt inspect: every stage of the step prints, and its JSON parses", async (t) => {
  const listed = (await inspect("--stage", "list")).trim().split("\n");
  assertEquals(listed.filter((s) => STEP.includes(s)), STEP);
  for (const stage of listed.filter((s) => s !== "wgsl")) {
    await t.step(stage, async () => {
      const [text, json] = await Promise.all([
        inspect("--stage", stage),
        inspect("--stage", stage, "--json"),
      ]);
      assert(text.length > 40, text);
      const value = JSON.parse(json);
      assert(value !== null && typeof value === "object");
      if (!text.startsWith("graph {")) return;
      // The text is exact: it reads back as a graph that the verifier accepts.
      assertEquals(verify(parseGraph(text, OPS)), []);
      assertEquals(value.nodes.length, text.match(/^ {2}%\d+: /gm)!.length);
      for (const n of value.nodes) assert(n.name && n.op && n.type, JSON.stringify(n));
      assert(value.outputs.length > 0);
    });
  }
  for (const entry of ["init", "sync", "eval", "predict"]) {
    await t.step(
      entry,
      async () => assertMatch(await inspect("--entry", entry), new RegExp(`^program ${entry} `)),
    );
  }
});

Deno.test("mpt inspect: the plan tells the parts, and under a limit what is computed again", async () => {
  const plain = await inspect("--stage", "plan");
  for (const word of ["weights", "moments", "activations", "workspace", "peak of", "in place"]) {
    assertStringIncludes(plain, word);
  }
  assert(!plain.includes("computed again"));
  const { total, parts } = JSON.parse(await inspect("--stage", "plan", "--json"));
  assertEquals(Object.values<number>(parts).reduce((a, b) => a + b), total);
  const limit = String(total - Math.ceil(parts.activations / 4));
  assertMatch(await inspect("--stage", "plan", "--memory", limit), /computed again[^]*to fit/);
  const refused = (limit: string) => mptRefuses(["inspect", MLP, "--dims", "N=128", "--memory", limit], 2);
  assertMatch(await refused("lots"), /--memory lots is not an amount/);
  assertMatch(await refused("1KiB"), /MPT0607[^]*State alone/);
});

Deno.test("mpt inspect: the casts report names each value, its rule and its line", async () => {
  const report = await inspect("--stage", "casts-report");
  assertMatch(report, /^image: u8 → f16 .*mlp\.mpt:15:/m);
  assertMatch(report, /^param\/fc1\.weight: f32 → f16 {2}linear computes in f16.*mlp\.mpt:3:/m);
  const casts = JSON.parse(await inspect("--stage", "casts-report", "--json"));
  assertEquals(casts.length, report.trim().split("\n").length);
  for (const c of casts) {
    assert(c.why && c.from !== c.to, JSON.stringify(c));
    assertMatch(c.at, /mlp\.mpt:\d+:\d+$/);
    assert(c.why.split(" ").length > 2, c.why);
  }
});

Deno.test("mpt inspect: WGSL for targets that this machine need not have", async (t) => {
  for (const target of ["lavapipe", "swiftshader", "h100-dawn", "h100-deno"]) {
    await t.step(target, async () => {
      const code = await inspect("--stage", "wgsl", "--target", target);
      assertStringIncludes(code, "@compute @workgroup_size");
      assertEquals(/^enable f16;/m.test(code), target !== "swiftshader");
      const shaders = JSON.parse(await inspect("--stage", "wgsl", "--target", target, "--json"));
      for (const s of shaders) assert(s.name && s.wgsl && s.workgroups.length === 3);
      // Names of the program stay out of the shader's code.
      for (const name of ["fc1", "accuracy", "image", "label"]) {
        for (const s of shaders) {
          assert(!new RegExp(`\\b${name}\\b`).test(s.wgsl.replace(/\/\/.*/g, "")), `${name} in ${s.name}`);
        }
      }
    });
  }
});

Deno.test("mpt inspect: the program lists its dispatches, and fusion makes fewer", async () => {
  const { program, kernels } = JSON.parse(await inspect("--json"));
  assertEquals([program.entry, program.dims], ["step", { N: 128 }]);
  assert(kernels.length > 3 && program.dispatches.length >= kernels.length);
  assert(JSON.parse(await inspect("--json", "--unfused")).kernels.length > kernels.length);
  for (const k of kernels) assert(k.fuses.length > 0 && k.precision.includes("→"));
});

Deno.test("mpt inspect: options may stand before the file", async () => {
  assertMatch(await mptOk(["inspect", "--dims", "N=8", MLP]), /^program step \{"N":8\}/);
  assertMatch(await mptOk(["inspect", "--dims", "N=8", "--target", "cpu", MLP]), /^program step/);
});

Deno.test("mpt inspect: mistakes are told", async (t) => {
  const cases: [string[], string][] = [
    [["--stage", "nonsense", "--dims", "N=8"], "--stage list"],
    [["--target", "abacus", "--dims", "N=8"], "lavapipe"],
    [["--stage", "wgsl", "--dims", "N=8"], "--target"],
    [["--entry", "dance", "--dims", "N=8"], "eval"],
    [["--entry", "micro", "--dims", "N=8"], "accumulate"],
    [["--stage", "cse"], "--dims N="],
    [["--dims", "M=8"], "M"],
    [["--dims", "N=8", "--dims", "Q=3"], "Q"],
  ];
  for (const [args, said] of cases) {
    await t.step(args.join(" "), async () => {
      assertStringIncludes(await mptRefuses(["inspect", MLP, ...args], 2), said);
    });
  }
});

const FAULTY = `model M {
  layer a = Linear(4, 5)
  layer b = Linear(6, 7)
  forward(x: float[N, 4]) -> f32[N, 7] { return x |> a |> b }
}
`;

Deno.test("mpt check: a sound program, a faulty one, several, none", async () => {
  assertMatch(await mptOk(["check", MLP]), /no errors/);
  assertEquals(JSON.parse(await mptOk(["check", MLP, "--json"])), { diagnostics: [] });
  await inFolder(async ({ write, path }) => {
    const faulty = write("faulty.mpt", FAULTY);
    const text = await mptRefuses(["check", faulty], 1);
    assertMatch(text, /^error\[MPT02\d\d\]: /);
    assertStringIncludes(text, "faulty.mpt:4:");
    assertStringIncludes(await mptRefuses(["check", MLP, faulty], 1), "faulty.mpt");
    assertStringIncludes(await mptRefuses(["check", path("none.mpt")], 2), "none.mpt");
    assertStringIncludes(await mptRefuses(["check"], 2), "files");
  });
});

Deno.test("mpt check --json: a code, a sentence and places", async () => {
  await inFolder(async ({ write }) => {
    const { code, stdout } = await mpt(["check", write("faulty.mpt", FAULTY), "--json"]);
    assertEquals(code, 1);
    const { diagnostics } = JSON.parse(stdout);
    assertEquals(diagnostics.length, 1, "no cascade");
    assertMatch(diagnostics[0].code, /^MPT02\d\d$/);
    assertEquals(diagnostics[0].severity, "error");
    assert(diagnostics[0].message.length > 5 && diagnostics[0].labels.length > 0);
  });
});

Deno.test("mpt explain: a page for a code, and a refusal for none", async () => {
  assertMatch(await mptOk(["explain", "mpt0203"]), /MPT0203/);
  assertStringIncludes(await mptRefuses(["explain", "MPT9999"], 2), "MPT9999");
});

Deno.test("mpt --help and --version succeed, every command has help", async () => {
  const help = await mptOk(["--help"]);
  const commands = ["check", "fmt", "inspect", "explain", "train", "step", "predict", "doctor"];
  for (const command of commands) assertStringIncludes(help, command);
  const pages = await Promise.all(commands.map((c) => mptOk([c, "--help"])));
  pages.forEach((page, i) => assertStringIncludes(page, `Usage: mpt ${commands[i]}`));
  assertMatch(await mptOk(["--version"]), /^\d+\.\d+\.\d+\n$/);
});
