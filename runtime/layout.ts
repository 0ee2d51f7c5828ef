import type { DType } from "../compiler/core/dtype.ts";
import { byteSize } from "../compiler/core/dtype.ts";
import { physicalBytes, rowLength } from "../compiler/core/kernel.ts";

/** Bytes of a tensor on the host: unpadded. */
export function hostBytes(shape: readonly number[], dtype: DType): number {
  return shape.reduce((n, d) => n * d, byteSize(dtype));
}

/** Host bytes in the device's layout, rows padded with zeros to whole words; the same array where nothing is padded. */
export function toDeviceLayout(data: Uint8Array, shape: readonly number[], dtype: DType): Uint8Array {
  const { from, to, rows } = rowsOf(shape, dtype);
  if (from === to) return data;
  const out = new Uint8Array(physicalBytes(shape, dtype));
  for (let r = 0; r < rows; r++) out.set(data.subarray(r * from, (r + 1) * from), r * to);
  return out;
}

/** The device's layout without its padding, in an array of its own. */
export function toHostLayout(data: Uint8Array, shape: readonly number[], dtype: DType): Uint8Array {
  const { from, to, rows } = rowsOf(shape, dtype);
  if (from === to) return data.slice(0, rows * from);
  const out = new Uint8Array(rows * from);
  for (let r = 0; r < rows; r++) out.set(data.subarray(r * to, r * to + from), r * from);
  return out;
}

/** Bytes of a row on the host and on the device, and how many rows there are. */
function rowsOf(shape: readonly number[], dtype: DType): { from: number; to: number; rows: number } {
  return {
    from: (shape.at(-1) ?? 1) * byteSize(dtype),
    to: rowLength(shape, dtype) * byteSize(dtype),
    rows: shape.slice(0, -1).reduce((n, d) => n * d, 1),
  };
}

/**
 * Checks that host bytes are as many as a tensor takes.
 * Throws a RangeError that names the tensor, what it needs and what came.
 */
export function expectBytes(name: string, data: Uint8Array, shape: readonly number[], dtype: DType): void {
  const needed = hostBytes(shape, dtype);
  if (data.byteLength === needed) return;
  throw new RangeError(
    `"${name}" is ${dtype}[${shape.join(", ")}], ${needed} bytes; ${data.byteLength} bytes were given`,
  );
}
