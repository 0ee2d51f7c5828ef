import { isBrief } from "../../kernels/matmul_plan.ts";
import type { Binding, Kernel } from "../core/kernel.ts";
import type { Dispatch, Entry, Program, StateLayout, View } from "../core/program.ts";
import type { Made } from "../core/stage.ts";
import { Stages } from "../core/stage.ts";
import type { Target } from "../core/target.ts";
import type { Graph } from "../ir/graph.ts";
import { elementsOf } from "../ir/bound_type.ts";
import { nodesOf } from "../ir/graph.ts";
import type { Pass } from "../ir/rewrite.ts";
import { fuse } from "../passes/fuse.ts";
import { joinSlices } from "../passes/fuse_concat.ts";
import type { CostModel } from "../passes/fuse_cost.ts";
import { costsOf } from "../passes/fuse_cost.ts";
import { placeParts } from "../passes/fuse_place.ts";
import { splitLong } from "../passes/fuse_split.ts";
import { spreadOutputs } from "../passes/fuse_outputs.ts";
import type { Horizontal } from "../passes/fuse_horizontal.ts";
import { horizontal } from "../passes/fuse_horizontal.ts";
import { lowerFlags } from "../passes/fuse_flags.ts";
import { lowerSchedule } from "./assemble.ts";
import { placeTensors } from "./buffers.ts";
import { groupKernels } from "./group.ts";
import { takePreludes } from "./prelude.ts";
import { packScalars } from "./scalars.ts";
import { kernelKey } from "./dedupe.ts";
import type { BuiltKernel } from "./kernel.ts";
import { kernelName } from "./names.ts";
import type { Tensor } from "./tensor.ts";
import { Tensors } from "./tensor.ts";
import { inVectors } from "./vectors.ts";

export { layoutState } from "./state.ts";

export interface EmitOptions {
  readonly entry: Entry;
  readonly dims: Readonly<Record<string, number>>;
  readonly target: Target;
  readonly state: StateLayout;
  /** false: every node is stored and nothing is fused, for comparison. */
  readonly fuse?: boolean;
  /** Tells of the stages; silent unless given. */
  readonly stages?: Stages;
}

const SILENT = new Stages(undefined);

/**
 * The Program of a graph whose dims are bound, casts and gradients explicit, and composites expanded. Kernels are data:
 * their shaders are written once it is settled which Program it is.
 */
export function emit(source: Graph, options: EmitOptions): Program {
  const { stages = SILENT } = options;
  const kernels = buildKernels(source, options);
  const { buffers, view } = stages.run(
    "memory",
    () => placeTensors(kernels.map((k) => ({ kernel: k.kernel, tensors: k.tensors })), options.state),
    (placed) => ({ count: placed.buffers.length, of: "buffers" }),
  );
  const { unique, indices } = stages.run(
    "dedupe",
    () => distinct(kernels.map((k) => consistent(k, view))),
    (found) => ({ count: found.unique.length, of: "kernels" }),
  );
  const dispatches = kernels.map((k, i): Dispatch => ({ kernel: indices[i], views: k.tensors.map(view) }));
  const bound = new Map(kernels.flatMap((k) => k.tensors).map((t) => [`${t.kind} ${t.name}`, t]));
  // In the order of the graph as given, whatever the kernels made of it.
  const names = nodesOf(source).filter((n) => n.op.name === "input").map((n) => String(n.attrs.name));
  const inputs = [...new Set(names)].flatMap((name) => bound.get(`input ${name}`) ?? []);
  const tensorView = (t: Tensor) => ({ name: t.name, dtype: t.dtype, shape: t.layout, view: view(t) });
  return {
    entry: options.entry,
    dims: options.dims,
    buffers,
    kernels: unique.map((k, i) => ({ ...k, name: kernelName(i, k) })),
    dispatches,
    inputs: inputs.map(tensorView),
    results: source.outputs.filter((o) => o.kind === "result").map((o) =>
      tensorView(bound.get(`result ${o.name}`)!)
    ),
  };
}

/**
 * The kernels, none of which binds more buffers than the target can. The fuser counts bindings before it is settled what
 * must wait in a buffer of its own, so where it counted too few it is asked again for fewer.
 */
function buildKernels(source: Graph, options: EmitOptions): BuiltKernel[] {
  const { target, state, fuse: fusing, stages = SILENT } = options;
  const limit = target.limits.maxStorageBuffersPerShaderStage;
  const costs = costsOf(target);
  const { graph, arenas } = scheduled(source, options, costs);
  const nodes = nodesOf(graph);
  // Launches and copies are what a GPU saves by these.
  const forGpu = fusing !== false && target.provider !== "cpu";
  for (let asked = limit;;) {
    const schedule = stages.run(
      "fuse",
      () => {
        const found = fuse(graph, { fuse: fusing, costs, maxBindings: asked, places: forGpu });
        return forGpu ? placeParts(found) : found;
      },
      ({ clusters }) => ({ count: clusters.length, of: "kernels" }),
    );
    const kernels = stages.run(
      "schedule",
      () => lowerSchedule(schedule, new Tensors(state, arenas, nodes, schedule.placed)),
      (all) => ({ count: all.length, of: "kernels" }),
    );
    const widest = kernels.reduce((most, k) => Math.max(most, k.kernel.bindings.length), 0);
    if (widest <= limit || asked <= LEAST_BINDINGS) {
      return forGpu ? launched(kernels, target, costs, stages) : kernels;
    }
    asked = Math.max(LEAST_BINDINGS, asked - (widest - limit));
  }
}

/** The kernels as a GPU launches them: few dispatches, which share what they can. */
function launched(
  kernels: readonly BuiltKernel[],
  target: Target,
  { launch }: CostModel,
  stages: Stages,
): BuiltKernel[] {
  const wide = kernels.map(inVectors);
  const maxBindings = target.limits.maxStorageBuffersPerShaderStage;
  const known = new Map<readonly BuiltKernel[], BuiltKernel[]>();
  const grouped = (all: readonly BuiltKernel[]) => {
    const groups = known.get(all) ??
      groupKernels(packScalars(all), target, ({ kernel }) => standsAlone(kernel, target));
    known.set(all, groups);
    return groups;
  };
  const taken = stages.run(
    "prelude",
    () => takePreludes(wide, { maxBindings, launch, dispatches: grouped }),
    (all) => ({ count: all.length, of: "kernels" }),
  );
  return stages.run("group", () => grouped(taken), (groups) => ({ count: groups.length, of: "dispatches" }));
}

/** Elements of a map from which every workgroup's way through a group's other parts costs lanes more than a launch. */
const LONG = 1 << 18;

/** Whether company would cost a kernel, or its company, more than the launch that is saved. */
function standsAlone(kernel: Kernel, target: Target): boolean {
  if (kernel.family === "matmul") return !isBrief(kernel, target);
  return target.processor === "cpu" && kernel.family === "map" && elementsOf(kernel.shape) >= LONG;
}

/** What every WebGPU device binds. */
const LEAST_BINDINGS = 8;

/** The graph as the device had best compute it. */
function scheduled(
  source: Graph,
  { state, fuse: fusing, stages = SILENT }: EmitOptions,
  costs: CostModel,
): Horizontal {
  const made = (graph: Graph): Made => ({ count: nodesOf(graph).length, of: "nodes" });
  const run = (pass: Pass, graph: Graph) => stages.run(pass.name, () => pass.run(graph), made);
  if (fusing === false) return { graph: run(spreadOutputs, run(lowerFlags, source)), arenas: new Map() };
  const slices = run(joinSlices, source);
  const { graph, arenas } = stages.run("horizontal", () => horizontal(slices, state), (h) => made(h.graph));
  return { graph: run(spreadOutputs, run(splitLong(costs), run(lowerFlags, graph))), arenas };
}

/** In one dispatch a buffer is only read, or bound read-write wherever it is bound. */
function consistent({ kernel, tensors }: BuiltKernel, view: (t: Tensor) => View): Kernel {
  const buffers = tensors.map((t) => view(t).buffer);
  const written = new Set(buffers.filter((_, i) => kernel.bindings[i].access !== "read"));
  const bindings = kernel.bindings.map((b, i): Binding =>
    b.access === "read" && written.has(buffers[i]) ? { ...b, access: "read_write" } : b
  );
  return kernel.family === "group"
    ? { ...kernel, bindings, parts: kernel.parts.map((p) => ({ ...p, bindings })) }
    : { ...kernel, bindings };
}

/** Kernels that differ in more than names, and which of them each is. */
function distinct(kernels: readonly Kernel[]): { unique: Kernel[]; indices: number[] } {
  const unique: Kernel[] = [];
  const known = new Map<string, number>();
  const indices = kernels.map((k) => {
    const key = kernelKey(k);
    let index = known.get(key);
    if (index === undefined) known.set(key, index = unique.push(k) - 1);
    return index;
  });
  return { unique, indices };
}
