import type { Kernel } from "../core/kernel.ts";
import { physicalBytes } from "../core/kernel.ts";
import type { BufferDecl, StateLayout, View } from "../core/program.ts";
import { GRADS } from "../passes/fuse_arena.ts";
import { planTemps } from "../passes/plan.ts";
import { align } from "./state.ts";
import type { Tensor } from "./tensor.ts";

export interface Placement {
  readonly buffers: readonly BufferDecl[];
  readonly view: (t: Tensor) => View;
  readonly memory: Readonly<Record<string, number>>;
}

const bytesOf = (t: Tensor) => physicalBytes(t.layout, t.dtype);

/** Gives every tensor of the kernels, which stand in the order of execution, its place in a buffer. */
export function placeTensors(
  kernels: readonly { readonly kernel: Kernel; readonly tensors: readonly Tensor[] }[],
  state: StateLayout,
): Placement {
  const buffers: BufferDecl[] = [];
  const views = new Map<Tensor, View>();
  const named = new Map<string, number>();
  const lives = new Map<Tensor, { first: number; last: number }>();
  const scalars: Tensor[] = [];
  kernels.forEach(({ tensors }, i) => {
    for (const t of tensors) {
      const life = lives.get(t);
      if (life) life.last = i;
      else lives.set(t, { first: i, last: i });
    }
  });
  const buffer = (decl: BufferDecl): number => buffers.push(decl) - 1;
  for (const t of lives.keys()) {
    const bytes = bytesOf(t);
    if (t.at) {
      const { buffer: name, offset } = t.at;
      let at = named.get(name);
      if (at === undefined) {
        const size = state.buffers.find((b) => b.name === name)!.bytes;
        named.set(name, at = buffer({ name, bytes: size, role: "state" }));
      }
      views.set(t, { buffer: at, offset, bytes });
    } else if (t.kind === "result" && t.layout.length === 0) scalars.push(t);
    else if (t.kind !== "temp") {
      views.set(t, { buffer: buffer({ name: t.name, bytes, role: t.kind }), offset: 0, bytes });
    }
  }
  if (scalars.length > 0) {
    const at = buffer({ name: "scalars", bytes: align(4) * scalars.length, role: "result" });
    scalars.forEach((t, i) => views.set(t, { buffer: at, offset: align(4) * i, bytes: 4 }));
  }
  // What stands in a larger temp keeps that one alive.
  const wholes = new Map(
    [...lives.keys()].flatMap((t) => (t.covers ?? []).map((part) => [part, t] as const)),
  );
  for (const [part, life] of lives) {
    const whole = part.place && lives.get(wholes.get(part)!)!;
    if (whole) whole.first = Math.min(whole.first, life.first);
  }
  const temps = [...lives.keys()].filter((t) => t.kind === "temp" && !t.at && !t.place);
  const plan = planTemps(temps.map((t) => ({ bytes: bytesOf(t), ...lives.get(t)! })));
  const first = buffers.length;
  plan.buffers.forEach((bytes, i) => buffer({ name: `temp${i}`, bytes, role: "temp" }));
  temps.forEach((t, i) => views.set(t, { buffer: first + plan.of[i], offset: 0, bytes: bytesOf(t) }));
  for (const t of lives.keys()) if (t.place) views.set(t, views.get(wholes.get(t)!)!);
  const kept = keptForBackward(kernels, temps.map((t) => ({ bytes: bytesOf(t), ...lives.get(t)! })));
  return { buffers, view: (t) => views.get(t)!, memory: memoryOf(buffers, kept) };
}

/** Bytes of the temps that the forward pass leaves for the backward pass: those alive while the loss is made. */
function keptForBackward(
  kernels: readonly { readonly tensors: readonly Tensor[] }[],
  temps: readonly { readonly bytes: number; readonly first: number; readonly last: number }[],
): number {
  const loss = kernels.findIndex((k) => k.tensors.some((t) => t.kind === "result" && t.name === "loss"));
  return temps.reduce((sum, t) => sum + (t.first < loss && loss < t.last ? t.bytes : 0), 0);
}

/** Bytes by part; `activations` are what the backward pass waits for, `workspace` all other temps. */
function memoryOf(buffers: readonly BufferDecl[], kept: number): Record<string, number> {
  const parts: Record<string, number> = {};
  for (const b of buffers) {
    const part = PARTS.find(([test]) => test(b))![1];
    parts[part] = (parts[part] ?? 0) + b.bytes;
  }
  if (parts.workspace && kept > 0) {
    parts.activations = Math.min(kept, parts.workspace);
    parts.workspace -= parts.activations;
  }
  return parts;
}

const PARTS: readonly (readonly [(b: BufferDecl) => boolean, string])[] = [
  [(b) => b.role === "temp", "workspace"],
  [(b) => b.role !== "state", "batch"],
  [(b) => b.name.startsWith("param."), "weights"],
  [(b) => b.name.startsWith("copy."), "copies"],
  [(b) => b.name.startsWith("accum.") || b.name === GRADS, "gradients"],
  [(b) => b.name.includes(".") && !b.name.startsWith("scaler."), "moments"],
  [() => true, "scalars"],
];
