import { loadsOf } from "../compiler/core/expr.ts";
import type { MapKernel, ReduceKernel } from "../compiler/core/kernel.ts";
import type { Target } from "../compiler/core/target.ts";
import { transactionsAlong } from "./wgsl/loads.ts";
import { lanesOf } from "./wgsl/storage.ts";

/** How the rows of a reduction are laid on workgroups. All counts but `slots` and `groups` are powers of two. */
export interface ReducePlan {
  /** Rows of the output, `packing` to a group of the last outer axis, the last group padded. */
  readonly slots: number;
  /** Rows that are stored together in one word. */
  readonly packing: number;
  /** Rows of a workgroup. */
  readonly rows: number;
  /** Invocations that share a row. */
  readonly threads: number;
  /** Neighbouring invocations take neighbouring elements of a row; else neighbouring rows. */
  readonly along: "inner" | "outer";
  /** Consecutive elements of the last inner axis that an invocation takes at a time. */
  readonly size: number;
  /** Groups of `size` in a row. */
  readonly groups: number;
  /** Every invocation's part of a row is written out, so that phases share what they load; else it is a loop. */
  readonly unrolled: boolean;
  /** Invocations of a subgroup, where they combine their parts by shuffles; 0 where it is done in workgroup memory. */
  readonly subgroup: number;
}

/** Turns of a loop over a row that are written out, so that their loads overlap. */
export const TURNS = 4;

/** Elements of a row that an invocation may hold in registers. */
const REGISTERS = 16;
/** Rows too few to be neighbours worth having. */
const FEW = 8;
/** Enough invocations to fill a processor. On a CPU's lanes, sharing a row costs more than it gives beyond that. */
const PLENTY = { gpu: 65536, cpu: 1024 } as const;

/** @param invocations of a workgroup, where others share the dispatch; else as many as are best */
export function planReduce(kernel: ReduceKernel, target: Target, invocations?: number): ReducePlan {
  const { outer, inner, bindings } = kernel;
  const native = (dtype: string) => dtype === "f16" && target.f16;
  const packing = Math.max(
    1,
    ...kernel.rowStores.map((s) => bindings[s.binding].dtype).map((d) => native(d) ? 1 : lanesOf(d)),
  );
  const slots = product(outer.slice(0, -1)) * Math.ceil((outer.at(-1) ?? 1) / packing) * packing;
  const limit = Math.min(256, target.limits.maxComputeInvocationsPerWorkgroup);

  const along = direction(kernel);
  const size = groupSize(kernel, along);
  const groups = product(inner.slice(0, -1)) * Math.ceil((inner.at(-1) ?? 1) / size);
  const plenty = PLENTY[target.processor];
  const fits = (threads: number) => Math.ceil(groups / threads) * size <= REGISTERS;

  let threads: number, rows: number;
  if (along === "inner") {
    const most = Math.min(limit, powerAbove(groups));
    threads = Math.min(most, powerAbove(Math.ceil(groups / 4)));
    // Few rows: more invocations to each. Several phases: enough to keep the row in registers.
    while (threads < most && (slots * threads < plenty || (kernel.phases.length > 1 && !fits(threads)))) {
      threads *= 2;
    }
    rows = Math.min(Math.max(1, Math.floor(64 / threads)), powerAbove(slots));
  } else {
    rows = Math.min(slots >= plenty ? 64 : 32, powerAbove(slots));
    threads = slots >= plenty ? 1 : Math.min(limit / rows, powerAbove(groups));
  }
  rows = Math.max(rows, packing);
  threads = Math.min(threads, limit / rows);
  while (invocations !== undefined && rows * threads < invocations) {
    // Few rows: more invocations to each.
    if (2 * threads <= powerAbove(groups) && slots * threads < plenty) threads *= 2;
    else rows *= 2;
  }
  const subgroup = along === "inner" ? subgroupOf(target, threads, rows) : 0;
  return { slots, packing, rows, threads, along, size, groups, unrolled: fits(threads), subgroup };
}

/** Invocations that share a prelude's row: the same on every device, so that a sum's order is. */
const PRELUDE_THREADS = 32;

/**
 * A prelude as a reduction of one row that each part of a workgroup makes again: where a subgroup has the whole row, no
 * invocation waits for another subgroup.
 */
export function planPrelude(
  { prelude, bindings }: MapKernel,
  target: Target,
  invocations: number,
): ReducePlan {
  const { inner, phases } = prelude!;
  const size = groupSize({ inner, phases, bindings, elementStores: [] }, "inner");
  const groups = product(inner.slice(0, -1)) * Math.ceil((inner.at(-1) ?? 1) / size);
  const threads = Math.min(PRELUDE_THREADS, invocations, powerAbove(groups));
  const rows = invocations / threads;
  const unrolled = Math.ceil(groups / threads) * size <= REGISTERS;
  const subgroup = subgroupOf(target, threads, rows);
  return { slots: 1, packing: 1, rows, threads, along: "inner", size, groups, unrolled, subgroup };
}

/** The size of subgroups, where it is one number and a workgroup is whole subgroups. */
function subgroupOf({ provider, subgroups }: Target, threads: number, rows: number): number {
  // `subgroup_id` is Dawn's own so far.
  if (provider !== "dawn" || !subgroups || subgroups.min !== subgroups.max || threads === 1) return 0;
  return (threads * rows) % subgroups.min === 0 ? subgroups.min : 0;
}

/** At least the lanes of the narrowest element store; a word's worth where loads run along the row. */
function groupSize(
  { inner, bindings, elementStores, phases }: Pick<
    ReduceKernel,
    "inner" | "bindings" | "elementStores" | "phases"
  >,
  along: "inner" | "outer",
): number {
  const extent = inner.at(-1) ?? 1;
  const stored = Math.max(1, ...elementStores.map((s) => lanesOf(bindings[s.binding].dtype)));
  if (along === "outer" || phases.length === 0) return stored;
  const loaded = Math.max(
    ...loadsOf(phases.flat().map((a) => a.value)).map((l) => lanesOf(bindings[l.binding].dtype)),
    1,
  );
  const wanted = Math.max(stored, loaded, product(inner) >= 128 ? 4 : 1);
  return extent % wanted === 0 ? wanted : stored;
}

/** Whether neighbouring invocations take neighbours of the last inner axis or of the last outer one: the cheaper loads. */
function direction({ outer, inner, phases }: ReduceKernel): "inner" | "outer" {
  if ((outer.at(-1) ?? 1) < FEW) return "inner";
  const values = phases.flat().map((a) => a.value);
  const rows = transactionsAlong(outer.length - 1, values);
  return rows < transactionsAlong(outer.length + inner.length - 1, values) ? "outer" : "inner";
}

export function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

/** The least power of two that is not below x. */
export function powerAbove(x: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, x)));
}
