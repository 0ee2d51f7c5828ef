import { byteSize, type DType } from "../../compiler/core/dtype.ts";
import { rowLength } from "../../compiler/core/kernel.ts";

/** Tensors between the host, where rows lie one after another, and a device, where they start at whole words. */

/** Bytes of a tensor on the host. */
export function hostBytes(shape: readonly number[], dtype: DType): number {
  return shape.reduce((a, b) => a * b, 1) * byteSize(dtype);
}

interface Rows {
  readonly count: number;
  readonly hostStride: number;
  readonly deviceStride: number;
}

function rowsOf(shape: readonly number[], dtype: DType): Rows {
  const size = byteSize(dtype);
  return {
    count: shape.slice(0, -1).reduce((a, b) => a * b, 1),
    hostStride: (shape.at(-1) ?? 1) * size,
    deviceStride: rowLength(shape, dtype) * size,
  };
}

/** Copies host bytes in, padding with zeros. */
export function writePadded(to: Uint8Array, data: Uint8Array, shape: readonly number[], dtype: DType): void {
  const { count, hostStride, deviceStride } = rowsOf(shape, dtype);
  if (hostStride === deviceStride) {
    to.set(data);
    return;
  }
  for (let row = 0; row < count; row++) {
    const at = row * deviceStride;
    to.set(data.subarray(row * hostStride, (row + 1) * hostStride), at);
    to.fill(0, at + hostStride, at + deviceStride);
  }
}

/** A copy without the padding. */
export function readPadded(from: Uint8Array, shape: readonly number[], dtype: DType): Uint8Array {
  const { count, hostStride, deviceStride } = rowsOf(shape, dtype);
  if (hostStride === deviceStride) return from.slice(0, count * hostStride);
  const out = new Uint8Array(count * hostStride);
  for (let row = 0; row < count; row++) {
    out.set(from.subarray(row * deviceStride, row * deviceStride + hostStride), row * hostStride);
  }
  return out;
}
