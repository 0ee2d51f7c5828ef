import type { Binding, Prelude } from "../../compiler/core/kernel.ts";
import { Accumulation } from "./accumulation.ts";
import { TapeBuilder } from "./builder.ts";
import type { Elements } from "./load.ts";
import { bankOf, Register } from "./registers.ts";
import { positionIndex, type Runner, type RunnerOptions } from "./runner.ts";
import type { Tape } from "./tape.ts";
import { chooseLanes, Tiles } from "./tiles.ts";

interface Result {
  readonly accumulation: Accumulation;
  readonly register: Register;
}

/** A map's prelude: one row, reduced once for the whole map. */
export class PreludeRunner implements Runner {
  readonly #results: Result[] = [];
  readonly #phases: { readonly tape: Tape; readonly results: readonly Result[] }[] = [];
  readonly #tiles: Tiles;

  constructor({ inner, phases }: Prelude, bindings: readonly Binding[], options: RunnerOptions) {
    const axes = [...inner.keys()];
    const coords = new Int32Array(inner.length);
    const lanes = chooseLanes(inner, axes);
    const position = positionIndex(inner, axes);
    for (const phase of phases) {
      const tape = new TapeBuilder({ ...options, bindings, lanes, coords });
      this.bind(tape);
      const results = phase.map(({ combine, value }): Result => {
        const accumulation = new Accumulation(combine, value.kind, "row", lanes.width);
        tape.sink(value, accumulation.fold, position);
        return { accumulation, register: new Register(bankOf(accumulation.kind), 1, options.precision) };
      });
      this.#results.push(...results);
      this.#phases.push({ tape: tape.build(), results });
    }
    this.#tiles = new Tiles(lanes, axes, coords);
  }

  /** Makes the accumulators known to expressions. */
  bind(tape: TapeBuilder): void {
    this.#results.forEach(({ accumulation, register }, i) =>
      tape.bindAccumulator(i, accumulation.kind, register, false)
    );
  }

  run(bindings: readonly Elements[]): void {
    const tiles = this.#tiles;
    for (const { tape, results } of this.#phases) {
      tape.bind(bindings);
      for (const { accumulation } of results) accumulation.reset();
      for (let more = tiles.first(); more; more = tiles.next()) tape.run(tiles.n);
      for (const { accumulation, register } of results) accumulation.finish(register, 1);
    }
  }
}
