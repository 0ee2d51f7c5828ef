/**
 * The safetensors file format: an eight-byte length, that many bytes of JSON that names every tensor with its dtype,
 * shape and place, then the tensors' little-endian bytes without gaps. What is read is not trusted: every number in
 * the header is checked before it is used.
 *
 * @module
 */
import { byteSize, type DType, isDType } from "../../compiler/core/dtype.ts";
import { decode } from "../../compiler/core/round.ts";

/** The element types that files may hold: the language's, and two more that other tools write. */
export type StoredDType = DType | "f64" | "i64";

/** A tensor as it is stored. */
export interface StoredTensor {
  readonly dtype: StoredDType;
  /** Extents, the outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** The elements in row-major order, little-endian, at any alignment. `bool` is a byte, `f16` and `bf16` two. */
  readonly data: Uint8Array;
}

/** What a file holds; tensors in the order of their bytes. */
export interface SafetensorsFile {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Map<string, string>;
}

/** Says what is wrong with a file, or with what should become one. */
export class SafetensorsError extends Error {
  override name = "SafetensorsError";
}

const FILE_NAMES: Readonly<Record<StoredDType, string>> = {
  f64: "F64",
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  f8e4m3: "F8_E4M3",
  f8e5m2: "F8_E5M2",
  i64: "I64",
  i32: "I32",
  u32: "U32",
  i8: "I8",
  u8: "U8",
  bool: "BOOL",
};
const BY_FILE_NAME = new Map(Object.entries(FILE_NAMES).map(([dtype, name]) => [name, dtype as StoredDType]));

/** The limit that the format's own library sets, so that a length from a broken file allocates nothing absurd. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

/** Bytes of one element. */
export function storedByteSize(dtype: StoredDType): 1 | 2 | 4 | 8 {
  return isDType(dtype) ? byteSize(dtype) : 8;
}

/**
 * Encodes tensors as one file. Wide elements come first, and names are in order within one width, as the format's own
 * library writes them: every tensor is aligned to its elements, and equal tensors give equal files.
 *
 * @throws SafetensorsError if a tensor's bytes do not fit its shape and dtype, or its name is reserved
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
  metadata: Iterable<readonly [key: string, value: string]> = [],
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(([a, s], [b, t]) =>
    storedByteSize(t.dtype) - storedByteSize(s.dtype) || (a < b ? -1 : a > b ? 1 : 0)
  );
  const entries = new Map<string, unknown>();
  const meta = [...metadata];
  if (meta.length > 0) entries.set(METADATA, Object.fromEntries(meta));
  let end = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === METADATA) throw new SafetensorsError(`a tensor may not be called ${METADATA}`);
    if (entries.has(name)) throw new SafetensorsError(`two tensors are called ${quote(name)}`);
    if (!(dtype in FILE_NAMES)) {
      throw new SafetensorsError(`${quote(name)} has dtype ${dtype}, which no file can hold`);
    }
    const bytes = bytesOf(name, dtype, shape);
    if (data.byteLength !== bytes) {
      throw new SafetensorsError(
        `${quote(name)} is ${dtype}[${shape}], ${bytes} bytes, but has ${data.byteLength}`,
      );
    }
    entries.set(name, { dtype: FILE_NAMES[dtype], shape, data_offsets: [end, end += bytes] });
  }
  // JSON.stringify of a record would drop __proto__ and move names that look like numbers.
  const json = [...entries].map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(
    ",",
  );
  const text = new TextEncoder().encode(`{${json}}`);
  const header = Math.ceil(text.length / 8) * 8;
  if (header > MAX_HEADER_BYTES) {
    throw new SafetensorsError(`the header would have ${header} bytes: too many tensors`);
  }

  const file = new Uint8Array(8 + header + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(header), true);
  file.fill(0x20, 8, 8 + header);
  file.set(text, 8);
  let at = 8 + header;
  for (const [, { data }] of sorted) {
    file.set(data, at);
    at += data.byteLength;
  }
  return file;
}

/**
 * Decodes a file. The tensors' `data` are views of `file`, not copies.
 *
 * @throws SafetensorsError if the file is damaged, not of this format, or holds a dtype that is not supported
 */
export function decodeSafetensors(file: Uint8Array): SafetensorsFile {
  const header = readHeader(file);
  const bytes = file.subarray(8 + header.length);
  const metadata = new Map<string, string>();
  const found: { name: string; begin: number; end: number; tensor: StoredTensor }[] = [];
  for (const [name, entry] of Object.entries(header.json)) {
    if (name === METADATA) {
      for (const [key, value] of Object.entries(record(entry, METADATA))) {
        if (typeof value !== "string") throw new SafetensorsError(`metadata ${quote(key)} is not a string`);
        metadata.set(key, value);
      }
      continue;
    }
    const { dtype, shape, begin, end } = readEntry(name, entry, bytes.length);
    found.push({ name, begin, end, tensor: { dtype, shape, data: bytes.subarray(begin, end) } });
  }
  found.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0, before = "";
  for (const { name, begin, end } of found) {
    if (begin < covered) {
      throw new SafetensorsError(`the bytes of ${quote(before)} and ${quote(name)} overlap`);
    }
    if (begin > covered) {
      throw new SafetensorsError(`${begin - covered} bytes before ${quote(name)} belong to no tensor`);
    }
    covered = end;
    before = name;
  }
  if (covered !== bytes.length) {
    throw new SafetensorsError(`${bytes.length - covered} bytes at the end belong to no tensor`);
  }
  return { tensors: new Map(found.map(({ name, tensor }) => [name, tensor])), metadata };
}

/** The elements of a tensor as numbers, exact for all dtypes but i64 beyond 2^53. */
export function numbersOf({ dtype, shape, data }: StoredTensor): Float64Array<ArrayBuffer> {
  const size = storedByteSize(dtype);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const out = new Float64Array(shape.reduce((count, extent) => count * extent, 1));
  for (let i = 0; i < out.length; i++) {
    if (dtype === "f64") out[i] = view.getFloat64(i * 8, true);
    else if (dtype === "i64") out[i] = Number(view.getBigInt64(i * 8, true));
    else if (size === 4) out[i] = decode(view.getUint32(i * 4, true), dtype);
    else out[i] = decode(size === 2 ? view.getUint16(i * 2, true) : view.getUint8(i), dtype);
  }
  return out;
}

function readHeader(file: Uint8Array): { length: number; json: Record<string, unknown> } {
  const broken = (why: string) =>
    new SafetensorsError(`this is no safetensors file, or a damaged one: ${why}`);
  if (file.length < 8) throw broken(`it has ${file.length} bytes, and its header's length alone takes 8`);
  const declared = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true);
  if (declared > MAX_HEADER_BYTES) throw broken(`its header would have ${declared} bytes`);
  const length = Number(declared);
  if (8 + length > file.length) {
    throw broken(`its header has ${length} bytes, but only ${file.length - 8} are there`);
  }
  if (file[8] !== 0x7b || length === 0) throw broken("its header does not begin with {");
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length));
    return { length, json: record(JSON.parse(text), "the header") };
  } catch (error) {
    throw broken(`its header is not JSON (${(error as Error).message})`);
  }
}

function readEntry(name: string, entry: unknown, available: number) {
  const { dtype: fileName, shape, data_offsets: offsets } = record(entry, quote(name));
  const dtype = BY_FILE_NAME.get(fileName as string);
  if (!dtype) {
    const known = [...BY_FILE_NAME.keys()].join(", ");
    throw new SafetensorsError(`${quote(name)} has dtype ${quote(fileName)}; supported are ${known}`);
  }
  if (!isCounts(shape)) throw new SafetensorsError(`${quote(name)} has no valid shape: ${quote(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw new SafetensorsError(`${quote(name)} has no valid data_offsets: ${quote(offsets)}`);
  }
  const [begin, end] = offsets;
  if (end > available) {
    throw new SafetensorsError(
      `${quote(name)} ends at byte ${end}, but the file has ${available}: it is cut short`,
    );
  }
  const bytes = bytesOf(name, dtype, shape);
  if (bytes !== end - begin) {
    throw new SafetensorsError(
      `${quote(name)} is ${fileName}[${shape}], ${bytes} bytes, but has ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

function bytesOf(name: string, dtype: StoredDType, shape: readonly number[]): number {
  if (!isCounts(shape)) throw new SafetensorsError(`${quote(name)} has no valid shape: ${quote(shape)}`);
  const bytes = shape.includes(0)
    ? 0
    : shape.reduce((count, extent) => count * extent, storedByteSize(dtype));
  if (!Number.isSafeInteger(bytes)) {
    throw new SafetensorsError(`${quote(name)} has shape [${shape}], which is too large`);
  }
  return bytes;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new SafetensorsError(`${what} is not an object`);
}

/** For a message: as JSON, short. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
