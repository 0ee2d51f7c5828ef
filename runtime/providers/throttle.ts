/**
 * Dawn's Node binding waits by polling: it passes `globalThis.setImmediate` a fresh native function every turn of the
 * event loop until nothing is outstanding. That burns a core, and collecting those functions stalls Deno for a second
 * at a time. While something is waited for, this replaces `setImmediate` by one that sleeps a little before each poll;
 * when the last wait ends, the original is back.
 */
export class PollThrottle {
  #waits = 0;
  #since = 0;
  /** Puts back what was there, if nobody else replaced it meanwhile. */
  #restore: () => void = () => {};

  /** Polls less often until the promise settles. Waits may overlap. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    this.#enter();
    try {
      return await promise;
    } finally {
      this.#leave();
    }
  }

  #enter(): void {
    if (this.#waits++ > 0) return;
    const original = scope.setImmediate;
    const slowed: SetImmediate = (callback, ...args) => {
      if (isNative(callback)) sleep(pauseAfter(performance.now() - this.#since));
      return original.call(scope, callback, ...args);
    };
    this.#since = performance.now();
    this.#restore = () => {
      if (scope.setImmediate === slowed) scope.setImmediate = original;
    };
    scope.setImmediate = slowed;
  }

  #leave(): void {
    // A wait that ends while others go on restarts the clock: polls are close together again after progress.
    this.#since = performance.now();
    if (--this.#waits === 0) this.#restore();
  }
}

type SetImmediate = (callback: (...args: unknown[]) => void, ...args: unknown[]) => unknown;

const scope = globalThis as unknown as { setImmediate: SetImmediate };

/** Milliseconds between polls: 50 µs, growing with 2 % of the wait so far to at most 500 µs. */
export function pauseAfter(waitedMs: number): number {
  return Math.min(0.5, Math.max(0.05, waitedMs * 0.02));
}

/** Dawn's callbacks are native functions without a name; other users of setImmediate are not slowed. */
function isNative(callback: unknown): boolean {
  return typeof callback === "function" && callback.name === "" &&
    Function.prototype.toString.call(callback).includes("[native code]");
}

const cell = new Int32Array(new SharedArrayBuffer(4));

function sleep(milliseconds: number): void {
  Atomics.wait(cell, 0, 0, milliseconds);
}
