import type { GpuMemory } from "./memory.ts";
import { KERNEL_USAGE } from "./memory.ts";

interface Shared {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  users: number;
}

/**
 * Temps of all Programs of one device. Runs execute in order and a temp means nothing between runs, so Programs share
 * them: a step and an evaluation together take little more than the larger of the two.
 */
export class SharedTemps {
  readonly #memory: GpuMemory;
  #shared: Shared[] = [];

  constructor(memory: GpuMemory) {
    this.#memory = memory;
  }

  /** One buffer for each request, all different, each at least as large as asked. */
  async take(requests: readonly { readonly label: string; readonly bytes: number }[]): Promise<GPUBuffer[]> {
    const taken = new Array<Shared | undefined>(requests.length);
    const used = new Set<Shared>();
    const order = requests.map((_, i) => i).sort((a, b) => requests[b].bytes - requests[a].bytes);
    for (const i of order) {
      // The tightest fit, so that the large ones stay for the large.
      const fit = this.#shared.filter((s) => !used.has(s) && s.bytes >= requests[i].bytes)
        .reduce<Shared | undefined>((best, s) => !best || s.bytes < best.bytes ? s : best, undefined);
      if (!fit) continue;
      taken[i] = fit;
      used.add(fit);
      // Held at once: another Program may be taking while this one waits for memory.
      fit.users++;
    }
    const missing = order.filter((i) => !taken[i]);
    try {
      const buffers = await this.#memory.create(
        missing.map((i) => ({ label: requests[i].label, bytes: requests[i].bytes, usage: KERNEL_USAGE })),
      );
      missing.forEach((i, k) => {
        taken[i] = { buffer: buffers[k], bytes: requests[i].bytes, users: 1 };
        this.#shared.push(taken[i]);
      });
    } catch (error) {
      this.release([...used].map((s) => s.buffer));
      throw error;
    }
    return taken.map((s) => s!.buffer);
  }

  release(buffers: readonly GPUBuffer[]): void {
    for (const shared of this.#shared) {
      if (buffers.includes(shared.buffer) && --shared.users === 0) this.#memory.release(shared.buffer);
    }
    this.#shared = this.#shared.filter((s) => s.users > 0);
  }
}
