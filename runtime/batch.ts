import type { DType } from "../compiler/core/dtype.ts";
import { byteSize } from "../compiler/core/dtype.ts";
import type { InputSpec } from "../compiler/core/program.ts";

/** Elements for one batch input, row-major and unpadded. f16 and bf16 may come as their bits in a Uint16Array. */
export type BatchArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | readonly number[];

/** A batch input with its shape where the element count alone does not tell the dims. */
export interface ShapedArray {
  readonly data: BatchArray;
  readonly shape: readonly number[];
}

export type Batch = Readonly<Record<string, BatchArray | ShapedArray>>;

/** Raised for a batch that does not fit the program; the message says what would. */
export class BatchError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BatchError";
  }
}

const isShaped = (x: BatchArray | ShapedArray): x is ShapedArray => "data" in x;

function get(batch: Batch, spec: InputSpec): BatchArray | ShapedArray {
  const value = batch[spec.name];
  if (value === undefined) {
    const given = Object.keys(batch).join(", ") || "nothing";
    throw new BatchError(`the batch has no ${spec.name}; it gives ${given}`);
  }
  return value;
}

/**
 * The symbols' values that make a batch fit: from shapes where they are given, else from element counts (an input with
 * one symbol not yet known settles it). Throws BatchError.
 */
export function dimsOf(specs: readonly InputSpec[], batch: Batch): Record<string, number> {
  const dims: Record<string, number> = {};
  const settledBy: Record<string, string> = {};
  const bind = (spec: InputSpec, symbol: string, value: number) => {
    if (!Number.isInteger(value)) {
      throw new BatchError(
        `${spec.name} has ${count(get(batch, spec))} elements, which is not whole rows of ${describe(spec)}`,
      );
    }
    settledBy[symbol] ??= spec.name;
    if ((dims[symbol] ??= value) !== value) {
      const other = `${settledBy[symbol]} makes it ${dims[symbol]}`;
      throw new BatchError(`${spec.name} makes ${symbol} ${value} and ${other}: it is one size in a batch`);
    }
  };
  let open = [...specs];
  while (open.length > 0) {
    const left = open.filter((spec) => {
      const value = get(batch, spec);
      const symbols = spec.shape.filter((d): d is string => typeof d === "string" && !(d in dims));
      if (isShaped(value)) {
        const whole = value.shape.reduce((a, b) => a * b, 1);
        if (value.shape.length !== spec.shape.length) throw mismatch(spec, value.shape);
        if (whole !== count(value)) {
          throw new BatchError(
            `${spec.name} has ${count(value)} elements; its shape [${value.shape.join(", ")}] takes ${whole}`,
          );
        }
        spec.shape.forEach((d, i) => {
          if (typeof d === "string" && /^[A-Za-z_]\w*$/.test(d)) bind(spec, d, value.shape[i]);
          else if (typeof d === "number" && d !== value.shape[i]) throw mismatch(spec, value.shape);
        });
        return false;
      }
      if (symbols.length > 1) return true;
      const known = spec.shape.reduce<number>((n, d) => n * (typeof d === "number" ? d : dims[d] ?? 1), 1);
      if (symbols.length === 1) bind(spec, symbols[0], count(value) / known);
      else if (known !== count(value)) {
        const where = Object.entries(dims).map(([name, n]) => `${name} ${n}`).join(", ");
        throw new BatchError(
          `${spec.name} has ${count(value)} elements; ${
            describe(spec)
          } takes ${known}, the others making ${where}`,
        );
      }
      return false;
    });
    if (left.length === open.length) {
      throw new BatchError(
        `give ${left[0].name} as {data, shape}: its length does not tell ${describe(left[0])}`,
      );
    }
    open = left;
  }
  return dims;
}

function mismatch(spec: InputSpec, shape: readonly number[]): BatchError {
  return new BatchError(`${spec.name} is [${shape.join(", ")}], the program takes ${describe(spec)}`);
}

const count = (x: BatchArray | ShapedArray) => isShaped(x) ? x.data.length : x.length;
const describe = (s: InputSpec) => `${s.dtype}[${s.shape.join(", ")}]`;

/** Unpadded host bytes of every input a Program takes, converted to its dtype. Throws BatchError. */
export function toBytes(specs: readonly InputSpec[], batch: Batch): Record<string, Uint8Array> {
  return Object.fromEntries(specs.map((spec) => {
    const value = get(batch, spec);
    return [spec.name, bytesOf(isShaped(value) ? value.data : value, spec)];
  }));
}

const ARRAYS: Partial<Record<DType, new (data: ArrayLike<number>) => ArrayBufferView>> = {
  f32: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

function bytesOf(data: BatchArray, spec: InputSpec): Uint8Array {
  const wide = ArrayBuffer.isView(data) && data.BYTES_PER_ELEMENT === byteSize(spec.dtype) ? data : undefined;
  const sameKind = wide && (spec.dtype === "f32") === (wide instanceof Float32Array);
  if (wide && sameKind) return new Uint8Array(wide.buffer, wide.byteOffset, wide.byteLength);
  const Array_ = ARRAYS[spec.dtype];
  if (!Array_) {
    throw new BatchError(`${spec.name} is ${spec.dtype}: give its bits as a typed array of that width`);
  }
  const typed = new Array_(data as ArrayLike<number>);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

/** Arrays of whole data sets, one row an example. */
export type Dataset = Readonly<Record<string, Exclude<BatchArray, readonly number[]>>>;

export interface BatchOptions {
  readonly batchSize: number;
  /** A new order each pass, from `seed`. Default true. */
  readonly shuffle?: boolean;
  readonly seed?: number;
  /** Passes over the data; default 1. `Infinity` goes on for as long as batches are taken. */
  readonly epochs?: number;
  /** Leaves out the last, smaller batch of each pass. Default false. */
  readonly dropLast?: boolean;
}

/** Batches of a data set's rows. Rows are counted by `rows`; every array's length is a multiple of it. */
export function* batches(data: Dataset, rows: number, options: BatchOptions): Generator<Batch> {
  const { batchSize, shuffle = true, epochs = 1, dropLast = false } = options;
  for (const [name, array] of Object.entries(data)) {
    if (array.length % rows !== 0) {
      throw new BatchError(`${name} has ${array.length} elements, not ${rows} equal rows`);
    }
  }
  if (!(batchSize >= 1)) throw new BatchError(`batchSize is ${batchSize}; it must be 1 or more`);
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  const random = mulberry32(options.seed ?? 0);
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (shuffle) shuffleInPlace(order, random);
    for (let start = 0; start < rows; start += batchSize) {
      const size = Math.min(batchSize, rows - start);
      if (size < batchSize && dropLast) break;
      yield Object.fromEntries(
        Object.entries(data).map(([name, array]) => [name, gatherRows(array, order, start, size, rows)]),
      );
    }
  }
}

/** By tag, not by `constructor`: a file's bytes may come as Node's Buffer, whose constructor is another matter. */
const CONSTRUCTORS: Readonly<Record<string, new (length: number) => Dataset[string]>> = {
  Float32Array,
  Float64Array,
  Int32Array,
  Uint32Array,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
};

function gatherRows(
  array: Dataset[string],
  order: Uint32Array,
  start: number,
  size: number,
  rows: number,
): BatchArray {
  const width = array.length / rows;
  const out = new CONSTRUCTORS[array[Symbol.toStringTag]](size * width);
  for (let i = 0; i < size; i++) {
    const from = order[start + i] * width;
    out.set(array.subarray(from, from + width), i * width);
  }
  return out;
}

/** Fisher–Yates. */
export function shuffleInPlace(order: Uint32Array | Int32Array, random: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
}

/** A small generator for the order of examples; device-side randomness has its own. Uniform in [0, 1). */
export function mulberry32(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
