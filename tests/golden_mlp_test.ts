import { readFileSync } from "node:fs";
import { compile } from "../compiler/compile.ts";
import type { Bundle, Entry } from "../compiler/core/program.ts";
import { TARGETS } from "../compiler/core/target.ts";
import { castsOf, kernelReports, printProgram } from "../compiler/inspect.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { parseGraph } from "../compiler/ir/parse.ts";
import { printGraph } from "../compiler/ir/print.ts";
import { OPS } from "../compiler/ops/index.ts";
import { dump } from "../compiler/syntax/dump.ts";
import { parse } from "../compiler/syntax/parse.ts";
import { assert, assertEquals } from "./assert.ts";
import { golden } from "./golden.ts";

/**
 * The first example at N = 128, stage by stage, with its source beside. After an intended change:
 *
 *     MPT_UPDATE_GOLDENS=1 deno test -A tests/golden_mlp_test.ts
 */

const text = readFileSync(new URL("../examples/mnist/mlp.mpt", import.meta.url), "utf8");
const source = { file: "mlp.mpt", text };
const DIMS = { N: 128 };

/** The bundle for a target, and the graphs of each entry as they are made. */
function compiled(target: string): { bundle: Bundle; graphs: Map<Entry, Map<string, Graph>> } {
  const graphs = new Map<Entry, Map<string, Graph>>();
  const { bundle } = compile(source, {
    target: TARGETS[target],
    verify: true,
    observe(stage, graph, entry) {
      if (!graphs.has(entry)) graphs.set(entry, new Map());
      graphs.get(entry)!.set(stage, graph);
    },
  });
  assert(bundle);
  return { bundle, graphs };
}

Deno.test("golden: the MLP's source and tree", () => {
  golden("mlp/00_source.mpt", text);
  golden("mlp/01_ast.txt", dump(parse(source).file));
});

Deno.test("golden: the MLP's training step after every pass, each of which reads back as it was printed", () => {
  const { bundle, graphs } = compiled("cpu");
  bundle.program("step", DIMS);
  const stages = [...graphs.get("step")!];
  assert(stages.length >= 12, stages.map(([name]) => name).join());
  stages.forEach(([name, graph], i) => {
    const printed = printGraph(graph);
    golden(`mlp/${String(i + 2).padStart(2, "0")}_step_${name}.txt`, printed);
    assertEquals(printGraph(parseGraph(printed, OPS)), printed, name);
  });
});

Deno.test("golden: the MLP's casts, each with its rule and its line", () => {
  const { bundle, graphs } = compiled("cpu");
  bundle.program("step", DIMS);
  const casts = castsOf(graphs.get("step")!.get("casts")!, () => text);
  golden(
    "mlp/casts_report.txt",
    casts.map((c) => `${c.value}: ${c.from} → ${c.to}  ${c.why} (${c.at})`).join("\n"),
  );
});

for (const entry of ["init", "sync", "eval", "predict"] as const) {
  Deno.test(`golden: the MLP's ${entry} graph and program`, () => {
    const { bundle, graphs } = compiled("cpu");
    const program = bundle.program(entry, entry === "eval" || entry === "predict" ? DIMS : {});
    golden(`mlp/${entry}_graph.txt`, printGraph([...graphs.get(entry)!.values()].at(-1)!));
    golden(`mlp/${entry}_program_cpu.txt`, printProgram(program));
  });
}

for (const target of ["cpu", "lavapipe", "swiftshader", "h100-dawn"]) {
  Deno.test(`golden: the MLP's step as a program for ${target}`, () => {
    const program = compiled(target).bundle.program("step", DIMS);
    golden(`mlp/step_program_${target}.txt`, printProgram(program));
    if (target === "cpu") return;
    const shaders = kernelReports(program).map((k) => k.wgsl);
    assert(shaders.length > 0 && shaders.every(Boolean));
    golden(`mlp/step_wgsl_${target}.txt`, shaders.join("\n"));
  });
}

Deno.test("golden: compiling twice gives the same text", () => {
  const [one, two] = [compiled("lavapipe"), compiled("lavapipe")].map(({ bundle }) =>
    JSON.stringify(bundle.program("step", DIMS))
  );
  assertEquals(one, two);
});
