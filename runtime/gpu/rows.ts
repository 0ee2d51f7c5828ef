import type { GpuMemory } from "./memory.ts";
import { MapMode, Usage } from "./usage.ts";

interface Waiter {
  readonly resolve: (row: DataView) => void;
  readonly reject: (error: Error) => void;
}

interface Chunk {
  readonly buffer: GPUBuffer;
  readonly waiters: Waiter[];
}

/** Where a run's row is to be copied, and the promise of it. */
export interface Row {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: Promise<DataView>;
}

/** How much work is queued ahead: enough to hide a readback (Deno's takes 11 ms), little enough to stop soon. */
const QUEUED_MS = 250;
const FIRST_LIMIT = 8;

/**
 * Small results of many runs, read late. Each run copies its row into a chunk; one chunk at a time is mapped, and the
 * runs queued meanwhile fill the next. So a caller that waits for each run gets its row at once, and one that runs
 * ahead pays one map for many rows.
 */
export class RowRing {
  readonly #memory: GpuMemory;
  readonly #rowBytes: number;
  readonly #rowsPerChunk: number;
  #filling: Chunk | undefined;
  readonly #full: Chunk[] = [];
  readonly #free: Chunk[] = [];
  #mapping: Chunk | undefined;
  #inFlight = 0;
  /** Runs in flight before `ready` waits, from how long a run takes. */
  #limit: number;
  #msPerRow = 0;
  /** When the device began on the oldest run in flight, as far as the host can tell. */
  #busySince = 0;
  #room: (() => void)[] = [];
  #error: Error | undefined;
  #released = false;

  /** @param depth the most runs in flight before `ready` waits; runs that take long are fewer */
  constructor(
    memory: GpuMemory,
    rowBytes: number,
    readonly depth: number,
  ) {
    this.#memory = memory;
    // Copies are of whole words, and a row is never empty: its arrival is how the host knows a run has finished.
    this.#rowBytes = Math.max(4, Math.ceil(rowBytes / 4) * 4);
    this.#rowsPerChunk = Math.max(1, depth >> 1);
    this.#limit = Math.min(FIRST_LIMIT, depth);
  }

  /** A place for the row of the run being encoded. Call `submitted` once its commands are queued. */
  reserve(): Row {
    const chunk = this.#filling ??= this.#free.pop() ?? {
      buffer: this.#memory.lend(this.#rowBytes * this.#rowsPerChunk, Usage.MAP_READ | Usage.COPY_DST),
      waiters: [],
    };
    const offset = chunk.waiters.length * this.#rowBytes;
    const bytes = new Promise<DataView>((resolve, reject) => chunk.waiters.push({ resolve, reject }));
    if (this.#inFlight++ === 0) this.#busySince = performance.now();
    return { buffer: chunk.buffer, offset, bytes };
  }

  submitted(): void {
    if (this.#filling && this.#filling.waiters.length === this.#rowsPerChunk) {
      this.#full.push(this.#filling);
      this.#filling = undefined;
    }
    this.#mapNext();
  }

  /** Resolves when less than about a quarter of a second's work is queued, and fewer than `depth` runs. */
  async ready(): Promise<void> {
    while (this.#inFlight >= this.#limit && !this.#error) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
    if (this.#error) throw this.#error;
  }

  /** Rejects every row in flight, and those to come. */
  fail(error: Error): void {
    this.#error ??= error;
    for (const chunk of [this.#filling, this.#mapping, ...this.#full]) {
      for (const waiter of chunk?.waiters ?? []) waiter.reject(error);
    }
    this.#wake();
  }

  /** Gives the chunks back, those with rows in flight once these are delivered. */
  release(): void {
    this.#released = true;
    for (const chunk of this.#free.splice(0)) this.#memory.release(chunk.buffer);
  }

  #mapNext(): void {
    if (this.#mapping) return;
    const chunk = this.#full.shift() ?? this.#filling;
    if (!chunk || chunk.waiters.length === 0) return;
    if (chunk === this.#filling) this.#filling = undefined;
    this.#mapping = chunk;
    this.#deliver(chunk).catch((error) =>
      this.fail(error instanceof Error ? error : new Error(String(error)))
    );
  }

  async #deliver(chunk: Chunk): Promise<void> {
    const bytes = chunk.waiters.length * this.#rowBytes;
    await chunk.buffer.mapAsync(MapMode.READ, 0, bytes);
    // Copied out before unmapping: Deno can crash at exit on ranges that outlive the mapping (denoland/deno#30512).
    const copy = chunk.buffer.getMappedRange(0, bytes).slice(0);
    chunk.buffer.unmap();
    const waiters = chunk.waiters.splice(0);
    this.#mapping = undefined;
    this.#inFlight -= waiters.length;
    this.#measure(waiters.length);
    if (this.#released) this.#memory.release(chunk.buffer);
    else this.#free.push(chunk);
    waiters.forEach((w, i) => w.resolve(new DataView(copy, i * this.#rowBytes, this.#rowBytes)));
    this.#wake();
    this.#mapNext();
  }

  #measure(rows: number): void {
    const now = performance.now();
    const latest = (now - this.#busySince) / rows;
    this.#busySince = now;
    this.#msPerRow = this.#msPerRow === 0 ? latest : (this.#msPerRow + latest) / 2;
    this.#limit = Math.min(this.depth, Math.max(2, Math.ceil(QUEUED_MS / this.#msPerRow)));
  }

  #wake(): void {
    const room = this.#room;
    this.#room = [];
    for (const resolve of room) resolve();
  }
}
