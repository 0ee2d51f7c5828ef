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
import { verify } from "./ir/verify.ts";
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
    const seen = stagesOf(plan, request, { ...options, stages }, choice);
    const graph = seen[seen.length - 1][1];
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

/** The graph as it enters and after every pass, by the pass's name. */
function stagesOf(
  plan: Plan,
  { entry, dims, options: programOptions }: Request,
  { verify: verifies, stages }: SpecialiseOptions & { readonly stages: Stages },
  choice: SegmentChoice | undefined,
): [string, Graph][] {
  const count = (graph: Graph): Made => ({ count: nodesOf(graph).length, of: "nodes" });
  const source = stages.run("lower", () => sourceGraph(plan, entry, dims, programOptions), count);
  const seen: [string, Graph][] = [["lower", source]];
  for (const pass of passesFor(plan, entry, programOptions, choice)) {
    const next = stages.run(pass.name, () => pass.run(seen[seen.length - 1][1]), count);
    const faults = verifies ? verify(next) : [];
    if (faults.length > 0) throw new Error(`after ${pass.name}:\n${faults.join("\n")}`);
    seen.push([pass.name, next]);
  }
  return seen;
}

/** The Program with its kernels written for a GPU; the CPU executor takes them as they are. */
export function withShaders(program: Program, target: Target): Program {
  if (target.provider === "cpu") return program;
  const kernels = program.kernels.map((k): Kernel => ({ ...k, shader: renderKernel(k, target) }));
  return { ...program, kernels };
}
