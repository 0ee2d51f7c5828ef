import { i32 } from "../core/expr.ts";
import type { Store } from "../core/kernel.ts";
import { partsOf } from "../core/kernel.ts";
import { byteSize } from "../core/dtype.ts";
import { Pool, rebound } from "./bound.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";

/** Where a scalar stands among those that its kernel stores. */
interface Seat {
  readonly whole: Tensor;
  readonly index: number;
}

/**
 * Lets the scalars of one dtype that a kernel stores for others stand side by side in one tensor: who reads several
 * binds one.
 */
export function packScalars(kernels: readonly BuiltKernel[]): readonly BuiltKernel[] {
  const seats = new Map<Tensor, Seat>();
  for (const k of kernels) {
    const scalars = scalarsOf(k);
    for (const dtype of new Set(scalars.map((t) => t.dtype))) {
      const alike = scalars.filter((t) => t.dtype === dtype);
      if (alike.length < 2) continue;
      const name = `${alike[0].name} …`;
      const whole: Tensor = { kind: "temp", name, dtype, layout: [alike.length] };
      alike.forEach((t, index) => seats.set(t, { whole, index }));
    }
  }
  return kernels.map((k) => k.tensors.some((t) => seats.has(t)) ? seated(k, seats) : k);
}

/** Temps of one word each that a kernel of one row, or a map of one element, stores. */
function scalarsOf({ kernel, tensors }: BuiltKernel): Tensor[] {
  const isOne = (shape: readonly number[]) => shape.every((d) => d === 1);
  const stores: readonly Store[] = kernel.family === "reduce" && isOne(kernel.outer)
    ? kernel.rowStores
    : kernel.family === "map" && isOne(kernel.shape)
    ? kernel.stores
    : [];
  const stored = new Set(stores.map((s) => tensors[s.binding]));
  return [...stored].filter((t) =>
    t.kind === "temp" && !t.at && !t.place && isOne(t.layout) && byteSize(t.dtype) === 4
  );
}

/** The kernel with scalars where they are seated. */
function seated({ kernel, tensors }: BuiltKernel, seats: ReadonlyMap<Tensor, Seat>): BuiltKernel {
  const [single] = partsOf(kernel);
  const pool = new Pool();
  const number = (binding: number) => {
    const t = tensors[binding];
    return pool.number(seats.get(t)?.whole ?? t);
  };
  const rank = single.family === "reduce"
    ? single.outer.length
    : single.family === "map"
    ? single.shape.length
    : 0;
  const moved = rebound(single, {
    load(x) {
      const seat = seats.get(tensors[x.binding]);
      return { ...x, binding: number(x.binding), ...(seat ? { index: i32(seat.index) } : {}) };
    },
    store(s) {
      const seat = seats.get(tensors[s.binding]);
      const place = seat && { offset: seat.index, strides: new Array<number>(rank).fill(0) };
      return { ...s, binding: number(s.binding), ...(place ? { place } : {}) };
    },
    flag: number,
  }, []);
  return pool.close(moved);
}
