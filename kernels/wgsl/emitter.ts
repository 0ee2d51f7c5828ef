import { type DType, kindOf } from "../../compiler/core/dtype.ts";
import { type Expr, operands } from "../../compiler/core/expr.ts";
import { Magnitudes } from "../../compiler/core/magnitude.ts";
import { round } from "../../compiler/core/round.ts";
import type { Body, Value } from "./body.ts";
import type { LaneAnalysis } from "./lanes.ts";
import type { Prims } from "./prims.ts";
import { lanesOf, type Storage } from "./storage.ts";

/** What the leaves of expressions stand for. Valid while the block it was made in is open. */
export class Env {
  readonly memo = new Map<Expr, Value>();
  constructor(readonly coords: readonly (Value | undefined)[], readonly accs: readonly Value[]) {}
}

/** Consecutive coordinates of one axis that an invocation handles together: one Env for each. */
export interface Group {
  readonly envs: readonly Env[];
  readonly analysis: LaneAnalysis;
}

/** f32 bits from which a value rounds to infinity: 65520 and 61440. */
const OVERFLOW: Partial<Record<DType, string>> = { f16: "0x477ff000u", f8e5m2: "0x47700000u" };

/** Writes scalar expressions into a function body. */
export class Emitter {
  readonly body: Body;
  readonly #uses: Map<Expr, number>;
  /** Dtypes of the flagged roundings met: each has a running maximum of magnitudes, compared once at the end. */
  readonly #magnitudes = new Magnitudes((binding) => this.storage.dtypeOf(binding));
  readonly #peaks = new Set<DType>();

  constructor(readonly prims: Prims, readonly storage: Storage, roots: readonly Expr[]) {
    this.body = prims.body;
    this.#uses = countUses(roots);
  }

  /** The value of an expression in one lane of a group. */
  value(x: Expr, group: Group, lane = 0): Value {
    if (lane > 0 && group.analysis.isUniform(x)) lane = 0;
    const { memo } = group.envs[lane];
    let value = memo.get(x);
    if (!value) {
      value = this.#make(x, group, lane);
      if ((this.#uses.get(x) ?? 0) > 1) this.body.name(value);
      memo.set(x, value);
    }
    return value;
  }

  /** The stored bits of an expression's value. What is only moved is never decoded. */
  code(x: Expr, dtype: DType, group: Group, lane = 0): Value {
    if (lane > 0 && group.analysis.isUniform(x)) lane = 0;
    if (this.#isStored(x, dtype)) {
      const { contiguous, index, guard } = this.#address(x, group, lane);
      return contiguous
        ? this.storage.loadLaneCode(x.binding, index, lane, guard)
        : this.storage.loadCode(x.binding, index, guard);
    }
    if (x.e === "prim" && x.fn === "select") {
      const [c, a, b] = x.args;
      const codes = [
        this.value(c, group, lane),
        this.code(a, dtype, group, lane),
        this.code(b, dtype, group, lane),
      ];
      return this.prims.emit("select", codes, "u32");
    }
    const { value, exact } = this.storable(x, dtype, group, lane);
    return this.storage.code(value, dtype, exact);
  }

  /** The words that hold a packed dtype's elements for all lanes of a group; those that are not `inside` are 0. */
  words(x: Expr, dtype: DType, group: Group, inside: readonly Value[]): Value[] {
    const { storage, body } = this;
    const kept = (value: Value, lane: number) =>
      this.prims.emit("select", [inside[lane], value, body.constant(value.kind, 0)], value.kind);
    const lanes = lanesOf(dtype);
    const moves = this.#isStored(x, dtype) || x.e === "prim" && x.fn === "select";
    return Array.from({ length: group.envs.length / lanes }, (_, w) => {
      const at = Array.from({ length: lanes }, (_, i) => w * lanes + i);
      if (dtype !== "f16" || moves || !storage.joinsHalves) {
        return storage.word(at.map((lane) => kept(this.code(x, dtype, group, lane), lane)));
      }
      const [low, high] = at.map((lane) => ({ ...this.storable(x, dtype, group, lane), lane }));
      return storage.halves(kept(low.value, low.lane), kept(high.value, high.lane), low.exact && high.exact);
    });
  }

  /**
   * A value on its way to a store: a rounding that the store does is left to it. `exact` says that the conversion to the
   * dtype gives what the expression is.
   */
  storable(x: Expr, dtype: DType, group: Group, lane = 0): { value: Value; exact: boolean } {
    if (
      x.e === "round" && x.to === dtype && this.storage.storesRound(dtype) && (this.#uses.get(x) ?? 0) <= 1
    ) {
      const value = this.value(x.arg, group, group.analysis.isUniform(x) ? 0 : lane);
      this.#watch(x, value);
      // What the store rounds by itself needs no care where it cannot overflow.
      const fits = !this.#magnitudes.mayOverflow(x.arg, dtype);
      return { value, exact: fits || this.isExact(x.arg, dtype) };
    }
    return { value: this.value(x, group, lane), exact: this.isExact(x, dtype) };
  }

  /** Whether a dtype is sure to hold the expression's value. */
  isExact(x: Expr, dtype: DType): boolean {
    if (kindOf(dtype) !== "f32" || dtype === "f32") return true;
    switch (x.e) {
      case "round":
        return x.to === dtype;
      case "load":
        return this.storage.dtypeOf(x.binding) === dtype;
      case "const":
        return Object.is(round(x.value, dtype), x.value);
      case "prim":
        return passedOn(x).length > 0 && passedOn(x).every((a) => this.isExact(a, dtype));
      default:
        return false;
    }
  }

  /** Variables that the function declares first. */
  prologue(): string[] {
    return [...this.#peaks].map((d) => `var peak_${d}: u32 = 0u;`);
  }

  /** Raises the kernel's flag where a flagged rounding overflowed; at most one atomic for an invocation. */
  epilogue(flag: number | undefined): string[] {
    if (this.#peaks.size === 0 || flag === undefined) return [];
    const tests = [...this.#peaks].map((d) => `peak_${d} >= ${OVERFLOW[d]}`);
    return [`if (${tests.join(" || ")}) { atomicOr(&b${flag}[0], 1u); }`];
  }

  #make(x: Expr, group: Group, lane: number): Value {
    const env = group.envs[lane];
    switch (x.e) {
      case "const":
        if (Number.isNaN(x.value)) this.prims.helpers.use("not_a_number");
        return this.body.constant(x.kind, x.value);
      case "coord": {
        const value = env.coords[x.axis];
        if (!value) throw new Error(`coordinate ${x.axis} does not exist where an expression uses it`);
        return value;
      }
      case "acc":
        if (!env.accs[x.index]) throw new Error(`accumulator ${x.index} is used before it is finished`);
        return env.accs[x.index];
      case "input":
        throw new Error("an op's input occurs in a kernel");
      case "load": {
        const { contiguous, index, guard } = this.#address(x, group, lane);
        return contiguous
          ? this.storage.loadLane(x.binding, index, lane, guard)
          : this.storage.load(x.binding, index, guard);
      }
      case "prim":
        return this.prims.emit(x.fn, x.args.map((a) => this.value(a, group, lane)), x.kind);
      case "round":
        return this.#round(x, this.value(x.arg, group, lane));
    }
  }

  /** Whether an expression's value stands in memory as the dtype's bits. */
  #isStored(x: Expr, dtype: DType): x is Expr & { e: "load" } {
    return x.e === "load" && this.storage.dtypeOf(x.binding) === dtype && this.storage.isPacked(x.binding);
  }

  #address(x: Expr & { e: "load" }, group: Group, lane: number) {
    const { analysis } = group;
    const contiguous = analysis.isTogether(x, this.storage.lanesOf(x.binding));
    return {
      contiguous,
      index: this.value(x.index, group, contiguous ? 0 : lane),
      guard: x.guard && this.value(x.guard, group, lane),
    };
  }

  #round(x: Expr & { e: "round" }, arg: Value): Value {
    this.#watch(x, arg);
    if (this.isExact(x.arg, x.to)) return arg;
    if (arg.constant !== undefined) return this.body.constant("f32", round(arg.constant, x.to));
    return this.storage.rounded(arg, x.to);
  }

  /** Notes the magnitude of what a flagged rounding is given. */
  #watch(x: Expr & { e: "round" }, arg: Value): void {
    const flagged = x.flag && OVERFLOW[x.to] !== undefined && this.storage.kernel.flag !== undefined;
    if (flagged && arg.constant === undefined) {
      this.#peaks.add(x.to);
      this.body.name(arg);
      // Written once for one value, in the block that the value belongs to.
      this.body.pure(`peak_${x.to}`, [arg], "u32", (v) => {
        this.body.line(`peak_${x.to} = max(peak_${x.to}, bitcast<u32>(${v}) & 0x7fffffffu);`, arg.depth);
        return v;
      });
    }
  }
}

/** The operands of which the result is one, up to its sign; none where it is something else. */
function passedOn(x: Expr & { e: "prim" }): readonly Expr[] {
  if (x.fn === "select") return x.args.slice(1);
  return ["neg", "abs", "min", "max"].includes(x.fn) ? x.args : [];
}

/** How many parents each expression has. */
function countUses(roots: readonly Expr[]): Map<Expr, number> {
  const uses = new Map<Expr, number>();
  const visit = (x: Expr) => {
    const seen = uses.get(x) ?? 0;
    uses.set(x, seen + 1);
    if (seen === 0) operands(x).forEach(visit);
  };
  roots.forEach(visit);
  return uses;
}
