import type { Kind } from "../../compiler/core/dtype.ts";
import type { Floats, Ints } from "./op.ts";

/** "f32": every operation rounds to f32. "f64": only `round` nodes and stores do; an oracle. */
export type Precision = "f32" | "f64";

/** Floats and integers are held apart. */
export type Bank = "f" | "i";

export function bankOf(kind: Kind): Bank {
  return kind === "f32" ? "f" : "i";
}

/** Holds one value for every lane. An f32 register's `ints` are its bits. */
export class Register {
  readonly floats: Floats;
  readonly ints: Ints;

  constructor(bank: Bank, width: number, precision: Precision) {
    if (bank === "i" || precision === "f32") {
      const buffer = new ArrayBuffer(4 * width);
      this.floats = new Float32Array(buffer);
      this.ints = new Int32Array(buffer);
    } else {
      // Instructions are the same for both; a Float64Array keeps what a Float32Array would round.
      this.floats = new Float64Array(width) as unknown as Floats;
      this.ints = new Int32Array(0);
    }
  }
}

/** Registers of full width, lent for a value's lifetime. */
export class RegisterPool {
  readonly #free: Record<Bank, Register[]> = { f: [], i: [] };
  readonly #lent = new Set<Register>();

  constructor(private readonly width: number, private readonly precision: Precision) {}

  take(node: { readonly bank: Bank; register: Register | null }): void {
    node.register = this.#free[node.bank].pop() ?? new Register(node.bank, this.width, this.precision);
    this.#lent.add(node.register);
  }

  /** Takes a register back; those of others stay theirs. */
  give(node: { readonly bank: Bank; readonly register: Register | null }): void {
    if (node.register && this.#lent.delete(node.register)) this.#free[node.bank].push(node.register);
  }
}
