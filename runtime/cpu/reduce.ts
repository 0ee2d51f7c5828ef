import type { Expr } from "../../compiler/core/expr.ts";
import type { Combine, ReduceKernel, Store } from "../../compiler/core/kernel.ts";
import { Accumulation } from "./accumulation.ts";
import { TapeBuilder } from "./builder.ts";
import type { Elements } from "./load.ts";
import type { Op } from "./op.ts";
import { bankOf, Register } from "./registers.ts";
import {
  allAffine,
  positionIndex,
  product,
  type Runner,
  type RunnerOptions,
  storeIndex,
  strideAlong,
} from "./runner.ts";
import type { Tape } from "./tape.ts";
import { chooseLanes, type Lanes, Tiles } from "./tiles.ts";

type Layout = "row" | "column";

interface Result {
  readonly accumulation: Accumulation;
  /** The finished value, which later expressions read. */
  readonly register: Register;
}

/** A tape that runs for each tile of rows: once, or over all the reduced coordinates. */
interface Pass {
  readonly tape: Tape;
  readonly over: "row" | "elements";
  /** What it accumulates. */
  readonly results: readonly Result[];
}

/**
 * The reduce family. Lanes run either along the reduced axes, one row after another ("row"), or along the outer axes,
 * one reduced coordinate after another ("column"): whichever reads memory in order and keeps tiles long.
 */
export class ReduceRunner implements Runner {
  readonly #passes: Pass[] = [];
  readonly #layout: Layout;
  readonly #rows: Tiles;
  readonly #elements: Tiles;

  constructor(kernel: ReduceKernel, options: RunnerOptions) {
    const { outer, inner, bindings, phases, rowStores, elementStores } = kernel;
    const extents = [...outer, ...inner];
    const outerAxes = [...outer.keys()];
    const innerAxes = inner.map((_, i) => outer.length + i);
    const coords = new Int32Array(extents.length);
    const roots = [...phases.flat(), ...rowStores, ...elementStores].map((x) => x.value);
    const layout = this.#layout = chooseLayout(roots, extents, outer.length);
    const uniform: Lanes = { extents, axes: [], chunk: 1, width: 1 };
    const along = layout === "row" ? innerAxes : outerAxes;
    const lanes = chooseLanes(extents, along, { wholeRows: !allAffine(roots, extents) });
    this.#rows = new Tiles(layout === "row" ? uniform : lanes, outerAxes, coords);
    this.#elements = new Tiles(layout === "row" ? lanes : uniform, innerAxes, coords);

    const position = positionIndex(extents, innerAxes);
    const results: Result[] = [];
    const begin = (lanes: Lanes) => {
      const builder = new TapeBuilder({ ...options, bindings, lanes, coords });
      results.forEach((r, i) => bind(builder, i, r));
      return builder;
    };
    const bind = (builder: TapeBuilder, index: number, { accumulation, register }: Result) =>
      builder.bindAccumulator(index, accumulation.kind, register, layout === "column");
    const result = (combine: Combine, value: Expr): Result => {
      const accumulation = new Accumulation(combine, value.kind, layout, lanes.width);
      const rows = layout === "row" ? 1 : lanes.width;
      return { accumulation, register: new Register(bankOf(accumulation.kind), rows, options.precision) };
    };
    const storeAll = (builder: TapeBuilder, stores: readonly Store[], axes: readonly number[]) => {
      for (const { binding, value, place } of stores) {
        builder.store(binding, value, storeIndex(extents, axes, bindings[binding].dtype, place));
      }
    };

    if (layout === "row" && lanes.width > 0 && lanes.width === product(inner)) {
      // A row is one tile: all phases and stores are one tape, and share what they have in common.
      const tape = begin(lanes);
      for (const { combine, value } of phases.flat()) {
        const r = result(combine, value);
        tape.sink(value, reduceTile(r), position);
        bind(tape, results.push(r) - 1, r);
      }
      storeAll(tape, rowStores, outerAxes);
      storeAll(tape, elementStores, [...outerAxes, ...innerAxes]);
      this.#passes.push({ tape: tape.build(), over: "elements", results: [] });
      return;
    }
    for (const phase of phases) {
      const tape = begin(lanes);
      const added = phase.map(({ combine, value }) => {
        const r = result(combine, value);
        tape.sink(value, r.accumulation.fold, position);
        return r;
      });
      results.push(...added);
      this.#passes.push({ tape: tape.build(), over: "elements", results: added });
    }
    if (rowStores.length > 0) {
      const tape = begin(layout === "row" ? uniform : lanes);
      storeAll(tape, rowStores, outerAxes);
      this.#passes.push({ tape: tape.build(), over: "row", results: [] });
    }
    if (elementStores.length > 0) {
      const tape = begin(lanes);
      storeAll(tape, elementStores, [...outerAxes, ...innerAxes]);
      this.#passes.push({ tape: tape.build(), over: "elements", results: [] });
    }
  }

  run(bindings: readonly Elements[]): void {
    const rows = this.#rows;
    const elements = this.#elements;
    for (const pass of this.#passes) pass.tape.bind(bindings);
    for (let more = rows.first(); more; more = rows.next()) {
      for (const { tape, over, results } of this.#passes) {
        for (const r of results) r.accumulation.reset();
        if (over === "row") tape.run(rows.n);
        else {
          for (let more = elements.first(); more; more = elements.next()) {
            tape.run(this.#layout === "row" ? elements.n : rows.n);
          }
        }
        for (const r of results) r.accumulation.finish(r.register, rows.n);
      }
    }
  }
}

/** Folds a whole row and finishes it. */
function reduceTile({ accumulation, register }: Result): Op {
  const fold = accumulation.fold;
  return (n: number, o, a: Float32Array, ma: number, b, mb: number, c, mc: number, d, at: number) => {
    accumulation.reset();
    fold(n, o, a, ma, b, mb, c, mc, d, at);
    accumulation.finish(register, 1);
  };
}

/** Nanoseconds: dispatching an instruction, and what a lane costs more where it is not next to the one before it. */
const DISPATCH = 25;
const STRIDED = 2;

function chooseLayout(roots: readonly Expr[], extents: readonly number[], outerRank: number): Layout {
  const outer = extents.slice(0, outerRank);
  const inner = extents.slice(outerRank);
  const elements = product(extents);
  const cost = (lanes: readonly number[], loops: readonly number[], first: number) => {
    // Lanes hold as many of the innermost axes as fit: what they do not hold is walked.
    const width = chooseLanes(lanes, [...lanes.keys()]).width;
    const tiles = product(loops) * Math.ceil(product(lanes) / Math.max(1, width));
    const axis = first + lanes.findLastIndex((n) => n > 1);
    const strides = axis < first ? [] : strideAlong(roots, extents, axis);
    return tiles * DISPATCH + elements * STRIDED * strides.filter((s) => s !== 0 && s !== 1).length;
  };
  return cost(inner, outer, outerRank) <= cost(outer, inner, 0) ? "row" : "column";
}
