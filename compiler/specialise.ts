import type { Kernel } from "./core/kernel.ts";
import type { Entry, Program, ProgramOptions, StateLayout } from "./core/program.ts";
import type { Made, OnStage } from "./core/stage.ts";
import { Stages } from "./core/stage.ts";
import type { Target } from "./core/target.ts";
import { renderKernel } from "../kernels/render.ts";
import { recomputedIn, withinBudget } from "./budget.ts";
import { emit } from "./emit/emit.ts";
import type { Graph } from "./ir/graph.ts";
import { nodesOf } from "./ir/graph.ts";
import { Sound, verify } from "./ir/verify.ts";
import { casts } from "./passes/casts.ts";
import type { SegmentChoice } from "./passes/segments.ts";
import type { Plan } from "./pipeline.ts";
import { passesFor, sourceGraph } from "./pipeline.ts";

export interface Request {
  readonly entry: Entry;
  readonly dims: Readonly<Record<string, number>>;
  readonly options: ProgramOptions;
  readonly state: StateLayout;
  readonly target: Target;
  /** Bytes that the Program and its State may take. */
  readonly limit: number | undefined;
}

/** What `CompileOptions` says of a Program's making. */
export interface SpecialiseOptions {
  readonly verify?: boolean;
  readonly observe?: (stage: string, graph: Graph, entry: Entry) => void;
  readonly onStage?: OnStage;
  readonly fuse?: boolean;
}

/**
 * Graph ─▶ passes ─▶ Program, for one entry at one set of dims. Under a limit of memory several may be made; the stages
 * that are observed are those of the one that is given. Throws DiagnosticError where the dims or the limit do not fit.
 */
export function specialise(plan: Plan, request: Request, options: SpecialiseOptions): Program {
  const { entry, dims, state, target, limit } = request;
  const stages = new Stages(options.onStage, entry);
  const seenBy = new Map<Program, readonly [string, Graph][]>();
  const make = (choice?: SegmentChoice): Program => {
    // A graph that no one asks to see is not kept: a deep stack's are large.
    const seen: [string, Graph][] = [];
    const keep = options.observe && ((stage: string, graph: Graph) => seen.push([stage, graph]));
    const graph = finalGraph(plan, request, { verify: options.verify, stages, keep }, choice);
    const emitted = emit(graph, { entry, dims, target, state, fuse: options.fuse, stages });
    const recomputed = recomputedIn(graph, choice, limit);
    const program = recomputed.length > 0 ? { ...emitted, recomputed } : emitted;
    seenBy.set(program, seen);
    return program;
  };
  const forward = () => casts.run(sourceGraph(plan, entry, dims, request.options));
  const trains = entry === "step" || entry === "micro";
  const program = limit === undefined
    ? make()
    : withinBudget({ limit, state, source: plan.program, forward: trains ? forward : undefined, make });
  for (const [stage, graph] of seenBy.get(program)!) options.observe?.(stage, graph, entry);
  if (target.provider === "cpu") return program;
  const shaders = () => withShaders(program, target);
  return stages.run("render", shaders, ({ kernels }) => ({ count: kernels.length, of: "shaders" }));
}

interface PassOptions {
  readonly verify: boolean | undefined;
  readonly stages: Stages;
  /** Given the graph as it enters and after every pass, by the pass's name. */
  readonly keep: ((stage: string, graph: Graph) => void) | undefined;
}

/** The graph after all passes. */
function finalGraph(
  plan: Plan,
  { entry, dims, options: programOptions }: Request,
  { verify: verifies, stages, keep }: PassOptions,
  choice: SegmentChoice | undefined,
): Graph {
  const count = (graph: Graph): Made => ({ count: nodesOf(graph).length, of: "nodes" });
  const sound = new Sound();
  let graph = stages.run("lower", () => sourceGraph(plan, entry, dims, programOptions), count);
  keep?.("lower", graph);
  for (const pass of passesFor(plan, entry, programOptions, choice)) {
    graph = stages.run(pass.name, () => pass.run(graph), count);
    const faults = verifies ? verify(graph, { sound }) : [];
    if (faults.length > 0) throw new Error(`after ${pass.name}:\n${faults.join("\n")}`);
    keep?.(pass.name, graph);
  }
  return graph;
}

/** The Program with its kernels written for a GPU; the CPU executor takes them as they are. */
export function withShaders(program: Program, target: Target): Program {
  if (target.provider === "cpu") return program;
  const kernels = program.kernels.map((k): Kernel => ({ ...k, shader: renderKernel(k, target) }));
  return { ...program, kernels };
}
