import process from "node:process";
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { check } from "../../compiler/check/check.ts";
import { explain } from "../../compiler/check/explain.ts";
import { compile } from "../../compiler/compile.ts";
import { DiagnosticError } from "../../compiler/core/diagnostic.ts";
import type { Entry, Interface, Program, StateLayout } from "../../compiler/core/program.ts";
import { Stages } from "../../compiler/core/stage.ts";
import { TARGETS } from "../../compiler/core/target.ts";
import { castsOf, graphToJson, kernelReports, printProgram } from "../../compiler/inspect.ts";
import { planToJson, printPlan } from "../../compiler/inspect_plan.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { printGraph } from "../../compiler/ir/print.ts";
import { dump } from "../../compiler/syntax/dump.ts";
import { format } from "../../compiler/syntax/format.ts";
import { parse } from "../../compiler/syntax/parse.ts";
import { FileError, readSource, resolveBeside } from "../../runtime/io/source.ts";
import { collect, knownDims, memoryOption, parseDims } from "../options.ts";
import { showDiagnostics, UsageError } from "../report.ts";
import { Timings, timingsOption } from "../timings.ts";

const hasErrors = (diagnostics: readonly { severity: string }[]) =>
  diagnostics.some((d) => d.severity === "error");

/** Commands that need no device: check, fmt, inspect, wgsl, explain. */
export function programCommands(cli: Command): void {
  cli.command("check").argument("<files...>", ".mpt programs").description(
    "check programs: names, shapes, precision",
  )
    .option("--json", "print diagnostics as JSON").addOption(timingsOption()).action(runCheck);
  cli.command("fmt").argument("<files...>", ".mpt programs").description("rewrite programs in the one style")
    .option("--check", "change nothing; fail where a file is not in the style").action(runFormat);
  cli.command("explain").argument("<code>", "as in MPT0203").description(
    "print the page of a diagnostic's code",
  )
    .action((code: string) => {
      const page = explain(code.toUpperCase());
      if (!page) throw new UsageError(`there is no diagnostic ${code}; codes look like MPT0203`);
      process.stdout.write(page);
    });
  cli.command("inspect").argument("<file>", "a .mpt program").description(
    "show what a program becomes, stage by stage",
  )
    .option("--stage <name>", "ast, a pass's name, casts-report, plan, emit, wgsl; `list` lists them", "emit")
    .option("--entry <name>", "step, micro, apply, eval, predict, init, sync", "step")
    .option("--dims <dims>", "symbols of the batch, as N=128 or N=8,T=16", collect)
    .option("--target <name>", `what to compile for: ${Object.keys(TARGETS).join(", ")}`, "cpu")
    .addOption(memoryOption())
    .option("--unfused", "store every value")
    .option("--json", "print as JSON").addOption(timingsOption()).action(runInspect);
}

function runCheck(files: string[], options: { json?: boolean; timings?: boolean }): void {
  const timings = options.timings ? new Timings() : undefined;
  const onStage = timings?.onStage;
  const all = files.flatMap((file) => check(readSource(file), resolveBeside, { onStage }).diagnostics);
  showDiagnostics(all, options.json, timings ? { timings: timings.toJson() } : {});
  if (!options.json) timings?.show();
  if (hasErrors(all)) process.exitCode = 1;
  else if (!options.json) {
    console.log(`${files.length === 1 ? files[0] : `${files.length} files`}: no errors`);
  }
}

function runFormat(files: string[], options: { check?: boolean }): void {
  for (const file of files) {
    const source = readSource(file);
    const { text, diagnostics } = format(source);
    showDiagnostics(diagnostics);
    if (hasErrors(diagnostics)) process.exitCode = 1;
    else if (text !== source.text && options.check) {
      console.error(`${file} is not in the style; mpt fmt ${file} rewrites it`);
      process.exitCode = 1;
    } else if (text !== source.text) {
      try {
        writeFileSync(file, text);
      } catch (error) {
        throw new FileError(file, "write", error);
      }
    }
  }
}

interface InspectOptions {
  readonly stage: string;
  readonly entry: Entry;
  readonly dims?: string[];
  readonly target: string;
  readonly memory?: number;
  readonly unfused?: boolean;
  readonly json?: boolean;
  readonly timings?: boolean;
}

function runInspect(file: string, options: InspectOptions): void {
  const timings = options.timings ? new Timings() : undefined;
  const source = readSource(file);
  const texts = (name: string) => name === source.file ? source.text : resolveBeside(name, file)?.text;
  const print = (text: string, json: unknown): void => {
    if (!options.json) {
      process.stdout.write(text);
      timings?.show();
    } else process.stdout.write(JSON.stringify(timings ? withTimings(json, timings) : json, null, 2) + "\n");
  };
  if (options.stage === "ast") {
    const { file: tree, diagnostics } = new Stages(timings?.onStage).run("parse", () => parse(source));
    showDiagnostics(diagnostics);
    return print(dump(tree), tree);
  }
  const target = TARGETS[options.target];
  if (!target) {
    throw new UsageError(
      `there is no target ${options.target}; it is one of ${Object.keys(TARGETS).join(", ")}`,
    );
  }
  const graphs = new Map<string, Graph>();
  const { bundle, diagnostics } = compile(source, {
    target,
    resolve: resolveBeside,
    verify: true,
    onStage: timings?.onStage,
    fuse: !options.unfused,
    memory: options.memory,
    observe: (stage, graph) => graphs.set(stage, graph),
  });
  if (!bundle) throw new DiagnosticError(diagnostics);
  const entries = entriesOf(bundle.interface);
  if (!entries.includes(options.entry)) {
    const why = options.entry === "micro" || options.entry === "apply" ? ": it does not accumulate" : "";
    throw new UsageError(`${file} has no entry ${options.entry}${why}; it has ${entries.join(", ")}`);
  }
  const program = bundle.program(options.entry, knownDims(parseDims(options.dims), bundle.interface));
  show(options, program, bundle.state, graphs, texts, print);
}

/** Beside what an object has; a list stands as `output`. */
function withTimings(json: unknown, timings: Timings): unknown {
  const told = { timings: timings.toJson() };
  return Array.isArray(json) ? { output: json, ...told } : { ...json as object, ...told };
}

function entriesOf({ batch, accumulate }: Interface): readonly Entry[] {
  if (batch.length === 0) return ["init", "sync", "predict"];
  return [
    ...(accumulate > 1 ? ["micro", "apply"] as const : ["step"] as const),
    "eval",
    "predict",
    "init",
    "sync",
  ];
}

function show(
  { stage }: InspectOptions,
  program: Program,
  state: StateLayout,
  graphs: ReadonlyMap<string, Graph>,
  texts: (file: string) => string | undefined,
  print: (text: string, json: unknown) => void,
): void {
  const last = [...graphs.values()].at(-1)!;
  switch (stage) {
    case "list": {
      const stages = ["ast", ...graphs.keys(), "casts-report", "plan", "emit", "wgsl"];
      return print(stages.join("\n") + "\n", stages);
    }
    case "plan":
      return print(printPlan(program, state), planToJson(program, state));
    case "emit":
      return print(printProgram(program), {
        program: { ...program, kernels: undefined },
        kernels: kernelReports(program),
      });
    case "wgsl": {
      const shaders = kernelReports(program).filter((k) => k.wgsl);
      if (shaders.length === 0) {
        throw new UsageError("the CPU executor has no WGSL; name a GPU with --target");
      }
      return print(shaders.map((k) => `// ${k.name}\n${k.wgsl}`).join("\n"), shaders);
    }
    case "casts-report": {
      const casts = castsOf(graphs.get("casts") ?? last, texts);
      const lines = casts.map((c) => `${c.value}: ${c.from} → ${c.to}  ${c.why}${c.at ? ` (${c.at})` : ""}`);
      return print(lines.join("\n") + "\n", casts);
    }
  }
  const graph = graphs.get(stage);
  if (!graph) throw new UsageError(`there is no stage ${stage}; --stage list lists them`);
  print(printGraph(graph), graphToJson(graph, texts));
}
