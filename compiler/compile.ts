import { check } from "./check/check.ts";
import type { Diagnostic } from "./core/diagnostic.ts";
import type { Kernel, Shader } from "./core/kernel.ts";
import type { Bundle, Entry, Program, ProgramOptions } from "./core/program.ts";
import type { Source } from "./core/span.ts";
import type { Made, OnStage } from "./core/stage.ts";
import { Stages } from "./core/stage.ts";
import type { Target } from "./core/target.ts";
import { TARGET_CPU } from "./core/target.ts";
import { emit, layoutState } from "./emit/emit.ts";
import { renderKernel } from "../kernels/render.ts";
import { checkFits } from "./fits.ts";
import { interfaceOf } from "./interface.ts";
import type { Graph } from "./ir/graph.ts";
import { nodesOf } from "./ir/graph.ts";
import { verify } from "./ir/verify.ts";
import type { Plan } from "./pipeline.ts";
import { passesFor, planProgram, sourceGraph } from "./pipeline.ts";

export interface CompileOptions {
  /** What to compile for; the CPU executor unless given. */
  readonly target?: Target;
  /** Finds an imported file; imports are an error where it is absent or gives nothing. */
  readonly resolve?: (path: string, from: string) => Source | undefined;
  /** Verifies the graph after every pass and throws on a fault of the compiler's own. */
  readonly verify?: boolean;
  /** Sees the graph after every pass, under the pass's name; `lower` comes first. */
  readonly observe?: (stage: string, graph: Graph, entry: Entry) => void;
  /** Told when each stage of compiling begins and ends, the passes by name; to measure them. */
  readonly onStage?: OnStage;
  /** Stores every node, so that nothing is fused: for comparison. */
  readonly fuse?: boolean;
  /** Computes everything in f32, whatever the program's annotations say: for comparison. */
  readonly precision?: "f32";
}

export interface Compiled {
  /** Absent where a diagnostic is an error. */
  readonly bundle?: Bundle;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compiles a program: source ─▶ AST ─▶ typed model here; Graph ─▶ passes ─▶ Program for each entry and set of dims when
 * the bundle is first asked for it. Never throws for a fault of the program.
 */
export function compile(source: Source, options: CompileOptions = {}): Compiled {
  const { program: typed, diagnostics } = check(source, options.resolve ?? (() => undefined), options);
  if (!typed) return { diagnostics };
  const target = options.target ?? TARGET_CPU;
  const { plan, state } = new Stages(options.onStage).run("plan", () => {
    const plan = planProgram(typed);
    return { plan, state: layoutState(plan.slots) };
  });
  const made = new Map<string, Program>();
  const bundle: Bundle = {
    interface: interfaceOf(plan),
    target,
    state,
    program(entry, dims, programOptions = {}) {
      const key = JSON.stringify([entry, Object.entries(dims).sort(), programOptions]);
      const old = made.get(key);
      if (old) return old;
      const graph = buildGraph(plan, entry, dims, programOptions, options);
      const render = target.provider === "cpu" ? undefined : (k: Kernel): Shader => renderKernel(k, target);
      const stages = new Stages(options.onStage, entry);
      const program = emit(graph, { entry, dims, target, state, render, fuse: options.fuse, stages });
      checkFits(program, target, typed);
      made.set(key, program);
      return program;
    },
  };
  return { bundle, diagnostics };
}

/** The graph of an entry, all passes run. Throws DiagnosticError where the dims do not fit. */
export function buildGraph(
  plan: Plan,
  entry: Entry,
  dims: Readonly<Record<string, number>>,
  programOptions: ProgramOptions,
  options: CompileOptions,
): Graph {
  const stages = new Stages(options.onStage, entry);
  const count = (graph: Graph): Made => ({ count: nodesOf(graph).length, of: "nodes" });
  const source = stages.run("lower", () => sourceGraph(plan, entry, dims, programOptions), count);
  options.observe?.("lower", source, entry);
  return passesFor(plan, entry, programOptions).reduce((graph, pass) => {
    const next = stages.run(pass.name, () => pass.run(graph), count);
    const faults = options.verify ? verify(next) : [];
    if (faults.length > 0) throw new Error(`after ${pass.name}:\n${faults.join("\n")}`);
    options.observe?.(pass.name, next, entry);
    return next;
  }, source);
}
