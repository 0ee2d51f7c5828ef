import type { Address } from "./affine.ts";
import type { Elements } from "./load.ts";
import type { Op, Slot } from "./op.ts";

/** One instruction with its operands in place. */
export interface Step {
  readonly fn: Op;
  o: Slot;
  readonly a: Slot;
  readonly ma: number;
  readonly b: Slot;
  readonly mb: number;
  readonly c: Slot;
  readonly mc: number;
  readonly d: Slot;
  /** Evaluated at the tile's first lane and passed as `at`. */
  readonly address: Address | null;
  /** Whether it runs over the lanes or once for the tile. */
  readonly lanes: boolean;
}

/** A memory access: which operand of which step a binding's elements become. */
export interface Access {
  readonly step: { o: Slot; a: Slot };
  readonly operand: "o" | "a";
  readonly binding: number;
}

/**
 * A compiled expression DAG: instructions in order, in three parts by how often their values change. The registers
 * belong to the tape, so nothing is allocated while it runs.
 */
export class Tape {
  #lane = -1;
  #begun = false;

  constructor(
    private readonly parts: {
      /** The same for a whole dispatch. */
      readonly dispatch: readonly Step[];
      /** Depends on the lane axes only: computed again when their first coordinate moves. */
      readonly lane: readonly Step[];
      /** Everything else, and the stores. */
      readonly tile: readonly Step[];
    },
    private readonly accesses: readonly Access[],
    private readonly coords: Int32Array,
    private readonly firstLaneAxis: number,
  ) {}

  /** Starts a dispatch on these bindings. */
  bind(bindings: readonly Elements[]): void {
    for (const { step, operand, binding } of this.accesses) {
      step[operand] = bindings[binding];
    }
    this.#lane = -1;
    this.#begun = false;
  }

  /**
   * Runs one tile of `n` lanes, whose first is at the coordinates. Tiles of a dispatch that start at one coordinate of
   * the first lane axis are of one length.
   */
  run(n: number): void {
    const { dispatch, lane, tile } = this.parts;
    if (!this.#begun) {
      this.#begun = true;
      this.#execute(dispatch, n);
    }
    if (lane.length > 0) {
      const first = this.coords[this.firstLaneAxis];
      if (first !== this.#lane) {
        this.#lane = first;
        this.#execute(lane, n);
      }
    }
    this.#execute(tile, n);
  }

  #execute(steps: readonly Step[], n: number): void {
    const coords = this.coords;
    for (let k = 0; k < steps.length; k++) {
      const s = steps[k];
      const at = s.address === null ? 0 : s.address.at(coords);
      s.fn(
        s.lanes ? n : 1,
        s.o as never,
        s.a as never,
        s.ma,
        s.b as never,
        s.mb,
        s.c as never,
        s.mc,
        s.d as never,
        at,
      );
    }
  }
}
