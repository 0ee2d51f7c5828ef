import type { MapKernel } from "../../compiler/core/kernel.ts";
import { TapeBuilder } from "./builder.ts";
import type { Elements } from "./load.ts";
import { PreludeRunner } from "./prelude.ts";
import { allAffine, type Runner, type RunnerOptions, storeIndex } from "./runner.ts";
import type { Tape } from "./tape.ts";
import { chooseLanes, Tiles } from "./tiles.ts";

/** The map family: one tape over tiles of the shape, after the prelude's reductions. */
export class MapRunner implements Runner {
  readonly #tape: Tape;
  readonly #tiles: Tiles;
  readonly #prelude: PreludeRunner | undefined;

  constructor(kernel: MapKernel, options: RunnerOptions) {
    const { shape, stores, bindings, prelude } = kernel;
    const axes = [...shape.keys()];
    const wholeRows = !allAffine(stores.map((s) => s.value), shape);
    const lanes = chooseLanes(shape, axes, { wholeRows });
    const coords = new Int32Array(shape.length);
    const tape = new TapeBuilder({ ...options, bindings, lanes, coords });
    this.#prelude = prelude && new PreludeRunner(prelude, bindings, options);
    this.#prelude?.bind(tape);
    for (const { binding, value, place } of stores) {
      tape.store(binding, value, storeIndex(shape, axes, bindings[binding].dtype, place));
    }
    this.#tape = tape.build();
    this.#tiles = new Tiles(lanes, axes, coords);
  }

  run(bindings: readonly Elements[]): void {
    this.#prelude?.run(bindings);
    this.#tape.bind(bindings);
    const tiles = this.#tiles;
    for (let more = tiles.first(); more; more = tiles.next()) this.#tape.run(tiles.n);
  }
}
