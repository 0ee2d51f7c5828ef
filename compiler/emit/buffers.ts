import type { Kernel } from "../core/kernel.ts";
import { physicalBytes } from "../core/kernel.ts";
import type { BufferDecl, StateLayout, View } from "../core/program.ts";
import { planTemps } from "../passes/plan.ts";
import { align } from "./state.ts";
import type { Tensor } from "./tensor.ts";

export interface Placement {
  readonly buffers: readonly BufferDecl[];
  readonly view: (t: Tensor) => View;
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
  return { buffers, view: (t) => views.get(t)! };
}
