import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { check } from "../compiler/check/check.ts";
import { format } from "../compiler/syntax/format.ts";
import * as mod from "../mod.ts";
import { referenceNames, referencePage } from "../tools/reference.ts";
import { assert, assertEquals } from "./assert.ts";
import { golden } from "./golden.ts";

const ROOT = new URL("../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");
const README = read("README.md");

/** The fenced blocks of a Markdown text in a language; `""` is a fence without one. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].filter((m) => m[1] === language).map((m) => m[2]);
}

/** Every name of the language's library, by what it is. */
const NAMES = {
  layers:
    `Linear Conv1d Conv2d ConvTranspose2d BatchNorm1d BatchNorm2d LayerNorm RMSNorm GroupNorm Embedding Dropout
    MultiHeadAttention LSTM GRU`,
  functions:
    `relu leaky_relu elu gelu gelu_tanh silu sigmoid tanh softplus hardswish exp log sqrt rsqrt abs sign sin
    cos pow min max clamp where softmax log_softmax logsumexp sum mean var amax amin argmax cumsum matmul transpose
    permute reshape flatten squeeze unsqueeze expand concat stack split pad flip gather one_hot arange zeros ones full
    rand randn dropout max_pool2d avg_pool2d global_avg_pool2d adaptive_avg_pool2d upsample attention rope causal_mask
    conv1d conv2d layer_norm rms_norm group_norm stop_gradient checkpoint batch_norm`,
  losses: "cross_entropy nll bce_with_logits mse l1 smooth_l1 huber kl_div hinge cosine_embedding bce",
  optimizers: "SGD Adam AdamW Lion LAMB RMSprop Adagrad",
  schedules: "constant linear cosine polynomial step exponential one_cycle",
  lossScales: "none static dynamic adaptive",
  clips: "norm value",
  fields: "precision_control quantize prune stop ema",
  initialisers:
    `zeros ones constant uniform normal kaiming_uniform kaiming_normal xavier_uniform xavier_normal
    orthogonal`,
};

Deno.test("docs: the library page is what the compiler's tables say", () => {
  golden("library.md", referencePage(), { root: new URL("docs/", ROOT) });
});

for (const [what, names] of Object.entries(NAMES)) {
  Deno.test(`docs: each of the language's ${what} is on the library page, present or later`, () => {
    const { present, later } = referenceNames();
    for (const name of names.split(/\s+/)) {
      assert(present.has(name) || later.has(name), `${name} is neither in the library nor among later names`);
      assert(!(present.has(name) && later.has(name)), `${name} is both in the library and among later names`);
    }
  });
}

Deno.test("docs: the language page names only diagnostics that have a page", () => {
  const codes = new Set(read("docs/language.md").match(/MPT\d{4}/g));
  assert(codes.size > 0);
  for (const code of codes) read(`docs/errors/${code}.md`);
});

Deno.test("README: the commands that begin with `deno task mpt` work", async (t) => {
  const commands = blocks(README, "sh").flatMap((block) => block.split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "")).filter((line) => line.startsWith("deno task mpt "));
  assert(commands.length > 0, "README.md shows no command");
  for (const command of commands) {
    await t.step(command, async () => {
      const args = ["run", "-A", "--no-check", "cli/main.ts", ...command.split(/\s+/).slice(3)];
      const run = new Deno.Command(Deno.execPath(), { args, cwd: fileURLToPath(ROOT) });
      const { code, stderr } = await run.output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    });
  }
});

Deno.test("README: what the TypeScript snippets import from mod.ts is there", () => {
  const imports = blocks(README, "ts").flatMap((block) => [
    ...block.matchAll(/import \{([^}]*)\} from "[^"]*mod\.ts"/g),
  ]);
  assert(imports.length > 0, "README.md imports nothing");
  for (const name of imports.flatMap((m) => m[1].split(",")).map((n) => n.trim()).filter(Boolean)) {
    assert(name in mod, `mod.ts exports no ${name}`);
  }
});

Deno.test("README: the program is the demo's, and checks without diagnostics", () => {
  const shown = blocks(README, "").find((block) => block.startsWith("model "));
  assert(shown !== undefined, "README.md shows no program");
  const checked = check({ file: "README.mpt", text: shown }, () => undefined);
  assertEquals(checked.diagnostics, []);
  assertEquals(bare(shown), bare(read("examples/mnist/mlp.mpt")));
});

/** A program in the one style, without comments and the alignment that they and blank lines bring. */
function bare(text: string): string {
  const without = text.replace(/\/\/.*$/gm, "");
  const formatted = format({ file: "mlp.mpt", text: without });
  assertEquals(formatted.diagnostics, []);
  return formatted.text.replace(/\s+/g, " ").trim();
}
