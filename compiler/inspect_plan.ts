import { showBytes } from "./core/bytes.ts";
import type { Program, StateLayout } from "./core/program.ts";
import type { MemoryPlan, PlannedTensor } from "./memory.ts";
import { memoryPlan, PARTS } from "./memory.ts";

/** What each part is, for a reader. */
const MEANS: Readonly<Record<typeof PARTS[number], string>> = {
  weights: "masters of the parameters",
  copies: "the parameters in low precision",
  moments: "what the optimizer keeps",
  gradients: "gradients side by side, or summed over micro-batches",
  state: "scaler, counters, seed",
  batch: "inputs and results",
  activations: "kept from the forward pass for the backward pass",
  workspace: "everything else that a run makes",
};

/** `mpt inspect --stage plan`: where the memory of a Program goes. */
export function printPlan(program: Program, state: StateLayout): string {
  const plan = memoryPlan(program, state);
  const dims = Object.entries(program.dims).map(([name, size]) => ` ${name}=${size}`).join("");
  const kernel = (i: number) => `#${i} ${program.kernels[program.dispatches[i].kernel].name}`;
  const lines = [
    `plan of ${program.entry}${dims}: ${showBytes(plan.total)}, ${program.dispatches.length} dispatches`,
    "",
    ...table([
      ["part", "memory", ""],
      ...PARTS.filter((p) => plan.parts[p] > 0).map((p) => [p, showBytes(plan.parts[p]), MEANS[p]]),
      ["total", showBytes(plan.total), `${plan.total} bytes`],
    ]),
    ...recomputed(program),
  ];
  if (plan.peak) {
    const { dispatch, bytes } = plan.peak;
    const alive = plan.tensors.filter((t) => t.first <= dispatch && dispatch <= t.last);
    lines.push("", `peak of what a run makes: ${showBytes(bytes)} at ${kernel(dispatch)}`);
    lines.push(...table(alive.sort((a, b) => b.bytes - a.bytes).map((t) => ["", ...row(t, kernel)])));
  }
  lines.push("", "what a run makes, by buffer: each from the dispatch that writes it to its last reader");
  lines.push(...table(byBuffer(program, plan, kernel)));
  const changed = plan.state.filter((s) => s.readBy.length + s.writtenBy.length > 0);
  if (changed.length > 0) {
    lines.push("", "State");
    lines.push(...table([
      ["buffer", "bytes", "read by", "written by", "in place"],
      ...changed.map((
        s,
      ) => [s.name, String(s.bytes), spans(s.readBy), spans(s.writtenBy), spans(s.inPlace)]),
    ]));
  }
  return lines.join("\n") + "\n";
}

/** The same as plain data. */
export function planToJson(program: Program, state: StateLayout): unknown {
  const plan = memoryPlan(program, state);
  const name = (i: number) => program.kernels[program.dispatches[i].kernel].name;
  return {
    entry: program.entry,
    dims: program.dims,
    ...plan,
    ...(plan.peak ? { peak: { ...plan.peak, kernel: name(plan.peak.dispatch) } } : {}),
    tensors: plan.tensors.map((t) => ({
      ...t,
      buffer: program.buffers[t.buffer].name,
      madeBy: name(t.first),
      lastReadBy: name(t.last),
    })),
    buffers: program.buffers,
    recomputed: program.recomputed ?? [],
  };
}

function recomputed({ recomputed = [] }: Program): string[] {
  if (recomputed.length === 0) return [];
  return [
    "",
    "computed again in the backward pass",
    ...table(recomputed.map((r) => ["", r.segment, r.why, r.light ? "between products" : "whole"])),
  ];
}

const row = (t: PlannedTensor, kernel: (i: number) => string) => [
  showBytes(t.bytes),
  `#${t.first}–#${t.last}`,
  t.type,
  `${kernel(t.first)}${t.kept ? ", kept for the backward pass" : ""}`,
];

function byBuffer(program: Program, plan: MemoryPlan, kernel: (i: number) => string): string[][] {
  const out = [["buffer", "bytes", "alive", "tensor", "made by"]];
  program.buffers.forEach((b, i) => {
    if (b.role === "state") return;
    const inside = plan.tensors.filter((t) => t.buffer === i);
    if (inside.length === 0) return out.push([b.name, String(b.bytes), "", b.role, ""]);
    inside.forEach((t, k) => {
      const [, ...rest] = row(t, kernel);
      out.push([k === 0 ? b.name : "", k === 0 ? String(b.bytes) : `of these ${t.bytes}`, ...rest]);
    });
  });
  return out;
}

/** `0 3–7 12`. */
function spans(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([a, b]) => a === b ? `${a}` : `${a}–${b}`).join(" ") || "–";
}

/** Columns side by side; the second is a number and stands to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const r of rows) r.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  return rows.map((r) =>
    `  ${r.map((c, i) => i === 1 ? c.padStart(widths[i]) : c.padEnd(widths[i])).join("  ")}`.trimEnd()
  );
}
