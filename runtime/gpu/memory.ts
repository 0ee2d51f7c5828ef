import { Usage } from "./usage.ts";

/** A buffer to be made, and what it is for, as an out-of-memory message names it. */
export interface BufferRequest {
  readonly label: string;
  readonly bytes: number;
  readonly usage: number;
}

/** The device has no room. The message names what was asked for and what to do. */
export class OutOfMemoryError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "OutOfMemoryError";
  }
}

/** What every buffer a kernel touches is made with: the host writes and reads any of them by copies. */
export const KERNEL_USAGE = Usage.STORAGE | Usage.COPY_SRC | Usage.COPY_DST;

/** Idle pooled bytes that are kept for reuse. */
const KEEP_BYTES = 64 * 2 ** 20;

/**
 * Buffers of one device. A released buffer is destroyed or lent again only after everything queued before its release
 * has finished: drivers free memory under a running kernel otherwise.
 */
export class GpuMemory {
  readonly #gpu: GPUDevice;
  readonly #idle = new Map<string, GPUBuffer[]>();
  readonly #pooled = new Map<GPUBuffer, string>();
  #idleBytes = 0;
  #keep = KEEP_BYTES;
  #released: GPUBuffer[] = [];
  #fence: Promise<void> | undefined;

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** New buffers, filled with zeros. All or none: throws OutOfMemoryError where they do not fit. */
  async create(requests: readonly BufferRequest[]): Promise<GPUBuffer[]> {
    const gpu = this.#gpu;
    const limit = gpu.limits.maxBufferSize;
    const large = requests.find((r) => r.bytes > limit);
    if (large) {
      throw new OutOfMemoryError(
        `"${large.label}" needs ${mebibytes(large.bytes)} in one buffer; this device allows ${
          mebibytes(limit)
        }. ` +
          "Use a smaller batch or a narrower dtype",
      );
    }
    gpu.pushErrorScope("out-of-memory");
    const buffers = requests.map(({ label, bytes, usage }) =>
      gpu.createBuffer({ label, size: bytes, usage })
    );
    const error = await gpu.popErrorScope();
    if (!error) return buffers;
    for (const buffer of buffers) buffer.destroy();
    const total = requests.reduce((n, r) => n + r.bytes, 0);
    throw new OutOfMemoryError(
      `the device has no room for ${mebibytes(total)} in ${requests.length} buffers. ` +
        "Use a smaller batch or a narrower dtype, or close what else uses the device",
    );
  }

  /**
   * Lends a buffer of at least `bytes`, from the pool where one lies idle. Contents are undefined. For staging, where a
   * lack of memory shows when the buffer is mapped.
   */
  lend(bytes: number, usage: number): GPUBuffer {
    const size = sizeClass(bytes);
    const key = `${usage}:${size}`;
    const idle = this.#idle.get(key)?.pop();
    if (idle) {
      this.#idleBytes -= size;
      return idle;
    }
    const buffer = this.#gpu.createBuffer({ label: "staging", size, usage });
    this.#pooled.set(buffer, key);
    return buffer;
  }

  /** Gives up a buffer. Lent ones go back to the pool, others are destroyed, once the device is done with them. */
  release(buffer: GPUBuffer): void {
    this.#released.push(buffer);
    this.#fence ??= this.#retire();
  }

  /** Resolves when every released buffer has been dealt with. */
  async settled(): Promise<void> {
    while (this.#fence) await this.#fence;
  }

  async #retire(): Promise<void> {
    // Lets the releases of this turn share a fence.
    await Promise.resolve();
    while (this.#released.length > 0) {
      const batch = this.#released;
      this.#released = [];
      await this.#gpu.queue.onSubmittedWorkDone();
      for (const buffer of batch) this.#dispose(buffer);
    }
    this.#fence = undefined;
  }

  #dispose(buffer: GPUBuffer): void {
    const key = this.#pooled.get(buffer);
    if (key === undefined || this.#idleBytes + buffer.size > this.#keep) {
      this.#pooled.delete(buffer);
      buffer.destroy();
      return;
    }
    this.#idleBytes += buffer.size;
    const list = this.#idle.get(key);
    if (list) list.push(buffer);
    else this.#idle.set(key, [buffer]);
  }

  /** Destroys idle buffers, and keeps none from now on. */
  destroy(): void {
    this.#keep = 0;
    for (const list of this.#idle.values()) for (const buffer of list) buffer.destroy();
    this.#idle.clear();
    this.#idleBytes = 0;
  }
}

/** Rounds up to an eighth of the next power of two, so that similar requests share buffers and waste at most 1/8. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = Math.max(256, 2 ** (Math.ceil(Math.log2(bytes)) - 4));
  return Math.ceil(bytes / step) * step;
}

function mebibytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
