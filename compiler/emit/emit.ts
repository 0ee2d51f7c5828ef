import type { Binding, Kernel, Shader } from "../core/kernel.ts";
import type { Dispatch, Entry, Program, StateLayout, View } from "../core/program.ts";
import type { Target } from "../core/target.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { nodeNames } from "../ir/print.ts";
import type { Cluster, Schedule } from "../passes/fuse.ts";
import { fuse } from "../passes/fuse.ts";
import { CPU_COSTS, GPU_COSTS } from "../passes/fuse_cost.ts";
import { lowerScatters } from "../passes/fuse_scatter.ts";
import { horizontal } from "../passes/fuse_horizontal.ts";
import { lowerFlags } from "../passes/fuse_flags.ts";
import { FOUND_INF } from "../passes/slots.ts";
import { placeTensors } from "./buffers.ts";
import type { BuiltKernel } from "./kernel.ts";
import { buildKernel } from "./kernel.ts";
import type { Lowered } from "./lower.ts";
import { identityOnly, lowerCluster, rootLayout } from "./lower.ts";
import { fusedNames, kernelName } from "./names.ts";
import { orderSteps } from "./order.ts";
import type { Tensor } from "./tensor.ts";
import { destinations, sameLayout, Tensors } from "./tensor.ts";

export { layoutState } from "./state.ts";

export interface EmitOptions {
  readonly entry: Entry;
  readonly dims: Readonly<Record<string, number>>;
  readonly target: Target;
  readonly state: StateLayout;
  /** Writes each kernel for a GPU; without it kernels are data only. */
  readonly render?: (kernel: Kernel) => Shader;
  /** false: every node is stored and nothing is fused, for comparison. */
  readonly fuse?: boolean;
}

/** The Program of a graph whose dims are bound, casts and gradients explicit, and composites expanded. */
export function emit(source: Graph, options: EmitOptions): Program {
  const spelled = lowerScatters.run(source);
  const joined = options.fuse === false
    ? { graph: spelled, arenas: new Map() }
    : horizontal(spelled, options.state);
  const graph = lowerFlags.run(joined.graph);
  const schedule = fuse(graph, {
    fuse: options.fuse,
    costs: options.target.provider === "cpu" ? CPU_COSTS : GPU_COSTS,
    maxBindings: options.target.limits.maxStorageBuffersPerShaderStage,
  });
  const kernels = lowerSchedule(schedule, new Tensors(options.state, joined.arenas, nodesOf(graph)));
  const { buffers, view, memory } = placeTensors(
    kernels.map((k) => ({ kernel: k.kernel, tensors: k.tensors })),
    options.state,
  );
  const ready = kernels.map((k) => withShader(consistent(k, view), options));
  const dispatches = kernels.map((k, i): Dispatch => ({ kernel: i, views: k.tensors.map(view) }));
  const results = kernels.flatMap((k) => k.tensors).filter((t) => t.kind === "result");
  const inputs = kernels.flatMap((k) => k.tensors).filter((t) => t.kind === "input");
  const tensorView = (t: Tensor) => ({ name: t.name, dtype: t.dtype, shape: t.layout, view: view(t) });
  return {
    entry: options.entry,
    dims: options.dims,
    buffers,
    kernels: ready,
    dispatches,
    inputs: [...new Set(inputs)].map(tensorView),
    results: graph.outputs.flatMap((o) => results.find((t) => o.kind === "result" && t.name === o.name) ?? [])
      .map(tensorView),
    memory,
  };
}

/** In one dispatch a buffer is only read, or bound read-write wherever it is bound. */
function consistent({ kernel, tensors }: BuiltKernel, view: (t: Tensor) => View): Kernel {
  const buffers = tensors.map((t) => view(t).buffer);
  const written = new Set(buffers.filter((_, i) => kernel.bindings[i].access !== "read"));
  const bindings = kernel.bindings.map((b, i): Binding =>
    b.access === "read" && written.has(buffers[i]) ? { ...b, access: "read_write" } : b
  );
  return { ...kernel, bindings };
}

function withShader(kernel: Kernel, { render }: EmitOptions): Kernel {
  return render ? { ...kernel, shader: render(kernel) } : kernel;
}

/** The kernels of a schedule in the order of execution. */
function lowerSchedule(schedule: Schedule, tensors: Tensors): BuiltKernel[] {
  const { graph, flagged } = schedule;
  const wanted = destinations(graph, tensors);
  const clusters = withCopies(schedule, wanted);
  const home = new Map<Node, Cluster>();
  for (const c of schedule.clusters) for (const r of c.roots) home.set(r, c);
  const position = new Map(schedule.clusters.map((c, i) => [c, i]));
  const tensor = (node: Node, from?: Cluster): Tensor | undefined => {
    const standing = tensors.standing(node);
    if (standing) return standing;
    const at = home.get(node);
    // What a later cluster stores is computed here as well.
    if (!at || from && position.get(at)! > (position.get(from) ?? Infinity)) return undefined;
    return tensors.temp(node, rootLayout(at, node));
  };
  const lowered = clusters.map(({ cluster }) =>
    lowerCluster(cluster, { tensor: (node) => tensor(node, cluster), flagged })
  );
  const read = new Set(lowered.flatMap((l) => l.loads).flatMap((t) => [t, ...t.covers ?? []]));
  const stores = lowered.map((l, i) =>
    l.roots.map(({ node }) => {
      const temp = home.get(node) === clusters[i].cluster ? tensor(node) : undefined;
      return [...(temp?.kind === "temp" && read.has(temp) ? [temp] : []), ...clusters[i].to(node)];
    })
  );
  const { order, deferred } = orderSteps(lowered.map((l, i) => ({
    reads: new Set(l.loads),
    writes: new Set(stores[i].flat()),
    raisesFlag: l.raisesFlag,
    inPlace: (slot) => identityOnly(l, slot),
  })));
  const names = nodeNames(nodesOf(graph));
  const flag = () => tensors.slot(FOUND_INF);
  const out: BuiltKernel[] = [];
  const copies: BuiltKernel[] = [];
  const build = (l: Lowered, to: readonly (readonly Tensor[])[]) => {
    const built = buildKernel(l, to, l.raisesFlag ? flag() : undefined, "");
    return { ...built, kernel: { ...built.kernel, fuses: fusedNames(l, names) } };
  };
  for (const i of order) {
    const l = lowered[i];
    const to = stores[i].map((list, r) =>
      list.map((t) => {
        if (!deferred.has(t)) return t;
        const later: Tensor = { ...t, kind: "temp", name: `next_${t.name}`, at: undefined };
        copies.push(copyKernel(l.roots[r].node, later, t));
        return later;
      })
    );
    out.push(build(l, to));
  }
  return [...out, ...copies].map((k, i) => ({
    ...k,
    kernel: { ...k.kernel, name: kernelName(i, k.kernel) },
  }));
}

interface Job {
  readonly cluster: Cluster;
  /** The results and slots to which a root goes. */
  readonly to: (root: Node) => readonly Tensor[];
}

/**
 * A root goes straight to the results and slots that want it; leaves, and values whose own layout is not the one wanted,
 * are copied by a kernel of their own.
 */
function withCopies(schedule: Schedule, wanted: ReadonlyMap<Node, readonly Tensor[]>): Job[] {
  const home = new Map<Node, Cluster>();
  for (const c of schedule.clusters) for (const r of c.roots) home.set(r, c);
  const direct = (node: Node, t: Tensor) => {
    const at = home.get(node);
    return at !== undefined && sameLayout(rootLayout(at, node), t.layout, t.dtype);
  };
  const jobs = schedule.clusters.map((cluster): Job => ({
    cluster,
    to: (root) => (wanted.get(root) ?? []).filter((t) => direct(root, t)),
  }));
  for (const [node, list] of wanted) {
    for (const t of list.filter((t) => !direct(node, t))) {
      jobs.push({
        cluster: { family: "map", outer: t.layout, inner: [], anchors: [], roots: [node] },
        to: () => [t],
      });
    }
  }
  return jobs;
}

/** Copies one tensor to another of the same layout. */
function copyKernel(node: Node, from: Tensor, to: Tensor): BuiltKernel {
  const cluster: Cluster = { family: "map", outer: to.layout, inner: [], anchors: [], roots: [node] };
  const leaf: Node = {
    ...node,
    op: { ...node.op, kind: "leaf" } as Node["op"],
    type: { dtype: to.dtype, shape: to.layout },
  };
  const lowered = lowerCluster({ ...cluster, roots: [leaf] }, { tensor: () => from, flagged: new Set() });
  return buildKernel(lowered, [[to]], undefined, "");
}
