import { byteSize } from "../../compiler/core/dtype.ts";
import { type Kernel, physicalBytes, rowLength } from "../../compiler/core/kernel.ts";
import type { Program, View } from "../../compiler/core/program.ts";
import { type Elements, elements } from "./load.ts";
import { MapRunner } from "./map.ts";
import { MatmulRunner } from "./matmul.ts";
import { ReduceRunner } from "./reduce.ts";
import type { Precision } from "./registers.ts";
import type { Runner, RunnerOptions } from "./runner.ts";
import { clearPadding } from "./store.ts";

/** Makes a kernel ready to run. */
export function createRunner(kernel: Kernel, options: RunnerOptions): Runner {
  switch (kernel.family) {
    case "map":
      return new MapRunner(kernel, options);
    case "reduce":
      return new ReduceRunner(kernel, options);
    case "matmul":
      if (kernel.stores.some((s) => s.place)) throw new Error("it stores to a place, which only GPUs do");
      return new MatmulRunner(kernel, options);
    case "group": {
      const runners = kernel.parts.map((p) => createRunner(p, options));
      return { run: (bindings) => runners.forEach((r) => r.run(bindings)) };
    }
  }
}

interface Launch {
  readonly kernel: Kernel;
  readonly runner: Runner;
  readonly bindings: readonly Elements[];
  /** The bindings that it writes and whose rows end in padding. */
  readonly padded: readonly number[];
}

/** Runs a Program's dispatches in order on its buffers. */
export class Dispatcher {
  readonly #launches: readonly Launch[];
  /** Set by a flagged rounding in the kernel that runs. */
  readonly #overflow = new Int32Array(1);

  constructor(program: Program, buffers: readonly ArrayBuffer[], precision: Precision) {
    const options = { precision, overflow: this.#overflow };
    const runners = new Map<Kernel, Runner>();
    this.#launches = program.dispatches.map((dispatch) => {
      const kernel = program.kernels[dispatch.kernel];
      let runner = runners.get(kernel);
      if (!runner) {
        try {
          runners.set(kernel, runner = createRunner(kernel, options));
        } catch (error) {
          throw new Error(`kernel ${kernel.name}: ${error instanceof Error ? error.message : error}`);
        }
      }
      const bindings = bindingViews(kernel, dispatch.views, buffers);
      const padded = [...bindings.keys()].filter((i) => {
        const { access, shape, dtype } = kernel.bindings[i];
        return access !== "read" && rowLength(shape, dtype) !== (shape.at(-1) ?? 1);
      });
      return { kernel, runner, bindings, padded };
    });
  }

  /** @param after called when a dispatch has been run, for the profiler */
  run(after?: (dispatch: number) => void): void {
    for (const [dispatch, { kernel, runner, bindings, padded }] of this.#launches.entries()) {
      this.#overflow[0] = 0;
      runner.run(bindings);
      for (const i of padded) clearPadding(bindings[i], kernel.bindings[i].shape, kernel.bindings[i].dtype);
      if (kernel.flag !== undefined) bindings[kernel.flag][0] |= this.#overflow[0];
      after?.(dispatch);
    }
  }
}

function bindingViews(kernel: Kernel, views: readonly View[], buffers: readonly ArrayBuffer[]): Elements[] {
  return kernel.bindings.map((binding, i) => {
    const view = views[i];
    const bytes = physicalBytes(binding.shape, binding.dtype);
    const where = `kernel ${kernel.name}, binding ${binding.name}`;
    if (!view || view.bytes < bytes) throw new Error(`${where}: its view is shorter than its ${bytes} bytes`);
    if (view.offset % 4 !== 0) throw new Error(`${where}: its view starts within a word`);
    return elements(buffers[view.buffer], view.offset, bytes / byteSize(binding.dtype), binding.dtype);
  });
}
