import { byteSize, type DType, type Kind } from "../../compiler/core/dtype.ts";
import type { Expr } from "../../compiler/core/expr.ts";
import {
  type Accumulator,
  type Kernel,
  type MatmulKernel,
  partsOf,
  physicalBytes,
  type Prelude,
  type ReduceKernel,
  rowLength,
  type SingleKernel,
  type Store,
  storesOf,
  stridesOf,
} from "../../compiler/core/kernel.ts";
import { decode, encode, overflows, round } from "../../compiler/core/round.ts";
import { applyPrim } from "../scalar.ts";

/** A tensor in its padded layout, as the words a device holds. */
export type Words = Uint32Array<ArrayBuffer>;

/** The stored bits of one element. */
export function getCode(words: Words, dtype: DType, index: number): number {
  const bits = 8 * byteSize(dtype), lanes = 32 / bits;
  const word = words[Math.floor(index / lanes)];
  if (word === undefined) throw new RangeError(`element ${index} of ${words.length * lanes} is read`);
  return bits === 32 ? word : (word >>> ((index % lanes) * bits)) & (2 ** bits - 1);
}

export function setCode(words: Words, dtype: DType, index: number, code: number): void {
  const bits = 8 * byteSize(dtype), lanes = 32 / bits;
  const at = Math.floor(index / lanes), shift = (index % lanes) * bits;
  if (at >= words.length) throw new RangeError(`element ${index} of ${words.length * lanes} is written`);
  if (bits === 32) words[at] = code >>> 0;
  else words[at] = ((words[at] & ~((2 ** bits - 1) << shift)) | (code << shift)) >>> 0;
}

/** A tensor's logical elements, row-major, into the padded layout. */
export function pack(values: ArrayLike<number>, shape: readonly number[], dtype: DType): Words {
  const words = new Uint32Array(physicalBytes(shape, dtype) / 4);
  const extent = shape.at(-1) ?? 1, row = rowLength(shape, dtype);
  for (let i = 0; i < values.length; i++) {
    setCode(words, dtype, Math.floor(i / extent) * row + i % extent, encode(values[i], dtype));
  }
  return words;
}

/** Every element of a padded tensor, padding included. */
export function unpack(words: Words, dtype: DType): number[] {
  const lanes = 4 / byteSize(dtype);
  return Array.from({ length: words.length * lanes }, (_, i) => decode(getCode(words, dtype, i), dtype));
}

/** Calls `visit` for each coordinate of a box, row-major. */
function each(dims: readonly number[], visit: (coords: number[]) => void): void {
  const total = dims.reduce((a, b) => a * b, 1);
  for (let i = 0; i < total; i++) {
    const coords = new Array<number>(dims.length);
    let rest = i;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      coords[axis] = rest % dims[axis];
      rest = Math.floor(rest / dims[axis]);
    }
    visit(coords);
  }
}

/**
 * Runs a kernel one scalar at a time: every primitive is rounded to f32, every rounding is exact, sums are in f64. It
 * is slow, and too plain to be wrong in the same way as anything it is compared with.
 *
 * @param memory the words of each binding; not changed
 * @returns the words of each binding after the kernel; written tensors have zero padding
 */
export function evaluateKernel(kernel: Kernel, memory: readonly Words[]): Words[] {
  return partsOf(kernel).reduce((words, part) => new Evaluator(part, words).run(), [...memory]);
}

class Evaluator {
  readonly #out: Words[];
  #overflowed = false;

  constructor(readonly kernel: SingleKernel, readonly memory: readonly Words[]) {
    this.#out = memory.map((words) => words.slice());
    for (const store of storesOf(kernel)) if (!store.place) this.#out[store.binding].fill(0);
  }

  run(): Words[] {
    const { kernel } = this;
    if (kernel.family === "map") {
      const accs = kernel.prelude ? this.#accumulate(kernel.prelude, []) : [];
      each(kernel.shape, (c) => this.#store(kernel.stores, kernel.shape, c, c, accs));
    } else if (kernel.family === "reduce") this.#reduce(kernel);
    else this.#matmul(kernel);
    if (this.#overflowed && kernel.flag !== undefined) this.#out[kernel.flag][0] |= 1;
    return this.#out;
  }

  #reduce(kernel: ReduceKernel): void {
    each(kernel.outer, (outer) => {
      const accs = this.#accumulate(kernel, outer);
      this.#store(kernel.rowStores, kernel.outer, outer, outer, accs);
      each(kernel.inner, (inner) => {
        const c = [...outer, ...inner];
        this.#store(kernel.elementStores, [...kernel.outer, ...kernel.inner], c, c, accs);
      });
    });
  }

  #accumulate({ inner, phases }: Prelude, outer: readonly number[]): number[] {
    const accs: number[] = [];
    for (const phase of phases) {
      const running = phase.map((a) => new Running(a));
      let position = 0;
      each(inner, (c) => {
        phase.forEach((a, i) => running[i].add(this.#value(a.value, [...outer, ...c], accs), position));
        position++;
      });
      accs.push(...running.map((r) => r.finish()));
    }
    return accs;
  }

  #matmul(kernel: MatmulKernel): void {
    const shape = [...kernel.batch, kernel.m, kernel.n];
    each(shape, (c) => {
      let sum = 0;
      for (let k = 0; k < kernel.k; k++) {
        const ck = [...c, k];
        sum += this.#value(kernel.a, ck, []) * this.#value(kernel.b, ck, []);
      }
      this.#store(kernel.stores, shape, c, c, [inKind(sum, kernel.a.kind)]);
    });
  }

  #store(
    stores: readonly Store[],
    shape: readonly number[],
    at: readonly number[],
    coords: readonly number[],
    accs: readonly number[],
  ): void {
    for (const { binding, value, place } of stores) {
      const { dtype } = this.kernel.bindings[binding];
      const { offset, strides } = place ?? { offset: 0, strides: stridesOf(shape, dtype) };
      const index = at.reduce((sum, c, axis) => sum + c * strides[axis], offset);
      setCode(this.#out[binding], dtype, index, encode(this.#value(value, coords, accs), dtype));
    }
  }

  #value(root: Expr, coords: readonly number[], accs: readonly number[]): number {
    const memo = new Map<Expr, number>();
    const visit = (x: Expr): number => {
      let value = memo.get(x);
      if (value === undefined) memo.set(x, value = compute(x));
      return value;
    };
    const compute = (x: Expr): number => {
      switch (x.e) {
        case "const":
          return x.value;
        case "coord":
          return coords[x.axis];
        case "acc":
          return accs[x.index];
        case "input":
          throw new Error("an op's input occurs in a kernel");
        case "load": {
          if (x.guard && !visit(x.guard)) return 0;
          const { dtype } = this.kernel.bindings[x.binding];
          return decode(getCode(this.memory[x.binding], dtype, visit(x.index)), dtype);
        }
        case "prim":
          return applyPrim(x.fn, operandKind(x), x.args.map(visit));
        case "round": {
          const arg = visit(x.arg);
          if (x.flag && overflows(arg, x.to)) this.#overflowed = true;
          return round(arg, x.to);
        }
      }
    };
    return visit(root);
  }
}

function operandKind(x: Expr & { e: "prim" }): Kind {
  return x.args[x.fn === "select" ? 1 : 0].kind;
}

class Running {
  #value: number;
  #position = 0;
  #first = true;

  constructor(readonly accumulator: Accumulator) {
    const { combine, value } = accumulator;
    this.#value = combine === "sum" || combine === "or" ? 0 : identity(combine, value.kind);
  }

  add(value: number, position: number): void {
    const { combine } = this.accumulator;
    const better = combine === "argmax" || combine === "max" ? value > this.#value : value < this.#value;
    if (combine === "sum") this.#value += value;
    else if (combine === "or") this.#value = this.#value || value ? 1 : 0;
    else if (better || this.#first) [this.#value, this.#position] = [value, position];
    this.#first = false;
  }

  finish(): number {
    const { combine, value } = this.accumulator;
    if (combine === "argmax" || combine === "argmin") return this.#position;
    if (combine !== "sum") return this.#value;
    return inKind(this.#value, value.kind);
  }
}

function inKind(sum: number, kind: Kind): number {
  return kind === "f32" ? Math.fround(sum) : kind === "u32" ? sum >>> 0 : sum | 0;
}

function identity(combine: string, kind: Kind): number {
  const least = kind === "f32" ? -3.4028234663852886e38 : kind === "i32" ? -2147483648 : 0;
  const most = kind === "f32" ? 3.4028234663852886e38 : kind === "i32" ? 2147483647 : 4294967295;
  return combine === "max" || combine === "argmax" ? least : most;
}
