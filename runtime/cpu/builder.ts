import { type DType, isNarrowRange, type Kind, kindOf } from "../../compiler/core/dtype.ts";
import type { Expr, Prim } from "../../compiler/core/expr.ts";
import type { Binding } from "../../compiler/core/kernel.ts";
import { Address, type Affine, AffineAnalysis } from "./affine.ts";
import { bitOps } from "./bit_ops.ts";
import { FLOAT_OPS, FLOAT_TESTS, selectFloat } from "./float_ops.ts";
import { affine, copyInts, intOp, selectInt, signedToFloat, unsignedToFloat } from "./int_ops.ts";
import { decodeTable, loadOp, loadRun } from "./load.ts";
import { isNarrow, narrowOps, wideOps } from "./narrow.ts";
import type { Op, Slot } from "./op.ts";
import { type Bank, bankOf, type Precision, Register } from "./registers.ts";
import { storeOp, storeRun } from "./store.ts";
import { assemble, type Draft, FIXED, LANE, type Node, NOTHING, type Operand, TILE } from "./assemble.ts";
import type { Tape } from "./tape.ts";
import { lanePattern, type Lanes } from "./tiles.ts";

/** A node seen as a kind: an i32 and a u32 may share one. */
interface Value {
  readonly node: Node;
  readonly kind: Kind;
}

export interface TapeOptions {
  readonly bindings: readonly Binding[];
  readonly lanes: Lanes;
  /** The coordinates of the current tile's first lane, shared with whoever walks the tiles. */
  readonly coords: Int32Array;
  readonly precision: Precision;
  /** One word, set by a flagged rounding that overflows. */
  readonly overflow: Int32Array;
}

/** Compiles scalar expressions, each shared sub-expression once, into a `Tape` over one choice of lanes. */
export class TapeBuilder {
  readonly #options: TapeOptions;
  readonly #affine: AffineAnalysis;
  readonly #parts: Record<"dispatch" | "lane" | "tile", Draft[]> = { dispatch: [], lane: [], tile: [] };
  readonly #stores: Draft[] = [];
  readonly #memo = new Map<Expr, Value>();
  readonly #known = new Map<string, Value>();
  readonly #patterns = new Map<string, Int32Array>();
  readonly #accumulators: Value[] = [];
  #count = 0;

  constructor(options: TapeOptions) {
    this.#options = options;
    this.#affine = new AffineAnalysis(options.lanes.extents);
  }

  // Roots.

  /** Stores a value at an affine index of a binding. Every store comes after every load of the tile. */
  store(binding: number, value: Expr, at: Affine): void {
    const { dtype, name } = this.#options.bindings[binding];
    if (bankOf(kindOf(dtype)) !== bankOf(value.kind)) {
      throw new Error(`the value stored in ${name} is ${value.kind}, which ${dtype} does not hold`);
    }
    // A store rounds as a `round` to its dtype does, so it can do both.
    const rounds = value.e === "round" && value.to === dtype && isNarrow(dtype);
    const { node } = this.value(rounds ? value.arg : value);
    const lanes = this.#varies(at) & LANE;
    if (node.varies & LANE && !lanes) {
      throw new Error(`the value stored in ${name} varies more than its index`);
    }
    const common = {
      b: array(this.#pattern(at)),
      address: new Address(at),
      lanes: lanes !== 0,
      store: binding,
    };
    if (isNarrow(dtype)) {
      const cell = this.#overflowCell(rounds && value.flag, dtype);
      if (this.#options.precision === "f64") {
        this.#stores.push({ ...common, fn: wideOps(dtype).store, a: { node }, c: array(cell) });
      } else {
        const { store, format } = narrowOps(dtype);
        this.#stores.push({ ...common, fn: store, a: { node, bits: true }, c: array(cell), d: format });
      }
    } else {
      const run = lanes && this.#isRun(at) && kindOf(dtype) === dtype && dtype !== "bool";
      this.#stores.push({ ...common, fn: run ? storeRun : storeOp(dtype), a: { node } });
    }
  }

  /**
   * Hands a value to `fn` as operand a, with `at` evaluated. It gets all the lanes, and mask 0 where the value is the
   * same for all.
   */
  sink(value: Expr, fn: Op, at?: Affine): void {
    const { node } = this.value(value);
    this.#parts.tile.push({ fn, a: { node }, address: at && new Address(at), lanes: true });
  }

  /** Makes accumulator `index` a register that its owner fills. */
  bindAccumulator(index: number, kind: Kind, register: Register, lanes: boolean): void {
    const node = this.#node(bankOf(kind), lanes ? LANE | TILE : TILE);
    node.register = register;
    this.#accumulators[index] = { node, kind };
  }

  /** Makes accumulator `index` what `fn` loads: operand b holds each lane's offset from the affine index `at`. */
  loadAccumulator(index: number, kind: Kind, fn: Op, at: Affine): void {
    const node = this.#node(bankOf(kind), this.#varies(at) | TILE);
    this.#emit(node, { fn, b: array(this.#pattern(at)), address: new Address(at) });
    this.#accumulators[index] = { node, kind };
  }

  // Expressions.

  value(x: Expr): Value {
    let v = this.#memo.get(x);
    if (!v) this.#memo.set(x, v = this.#compile(x));
    return v;
  }

  #compile(x: Expr): Value {
    if (x.e === "const") return this.#constant(x.kind, x.value);
    const form = this.#affine.of(x);
    if (form) return this.#coordinate(form);
    switch (x.e) {
      case "prim":
        return this.#prim(x.fn, x.args.map((a) => this.value(a)), x.kind);
      case "load":
        return this.#load(x);
      case "round":
        return this.#round(x);
      case "acc": {
        const found = this.#accumulators[x.index];
        if (!found) throw new Error(`accumulator ${x.index} is used before it is computed`);
        return found;
      }
      default:
        throw new Error(`a kernel has no value for “${x.e}”`);
    }
  }

  #constant(kind: Kind, value: number): Value {
    const key = `const ${kind} ${Object.is(value, -0) ? "-0" : value}`;
    let v = this.#known.get(key);
    if (!v) {
      const node = this.#node(bankOf(kind), FIXED);
      node.register = new Register(node.bank, 1, this.#options.precision);
      if (kind === "f32") node.register.floats[0] = value;
      else node.register.ints[0] = value;
      this.#known.set(key, v = { node, kind });
    }
    return v;
  }

  #coordinate(form: Affine): Value {
    const varies = this.#varies(form);
    if (varies === FIXED) return this.#constant("i32", form.constant);
    return this.#once(`affine ${form.constant} ${form.coefs}`, "i32", varies, () => ({
      fn: affine,
      a: array(this.#pattern(form)),
      address: new Address(form),
    }));
  }

  #load(x: Expr & { e: "load" }): Value {
    const { dtype } = this.#options.bindings[x.binding];
    const form = this.#affine.of(x.index);
    const index = form ? null : this.value(x.index).node;
    const guard = x.guard && !(x.guard.e === "const" && x.guard.value !== 0)
      ? this.value(x.guard).node
      : null;
    const varies = (form ? this.#varies(form) : index!.varies) | (guard ? guard.varies : 0);
    const key = `load ${x.binding} ${form ? `${form.constant} ${form.coefs}` : index!.id} ${guard?.id}`;
    return this.#once(key, kindOf(dtype), varies, () => {
      const run = form && !guard && varies & LANE && this.#isRun(form) && kindOf(dtype) === dtype;
      return {
        fn: run && dtype !== "bool" ? loadRun : loadOp(dtype, guard !== null),
        b: form ? array(this.#pattern(form)) : { node: index! },
        c: guard ? { node: guard } : undefined,
        d: decodeTable(dtype),
        address: form ? new Address(form) : undefined,
        load: x.binding,
      };
    });
  }

  #round({ to, arg, flag }: Expr & { e: "round" }): Value {
    const { node } = this.value(arg);
    const wide = this.#options.precision === "f64";
    if (to === "f32" && !wide) return { node, kind: "f32" };
    const cell = this.#overflowCell(flag, to);
    const key = `round ${to} ${cell === this.#options.overflow} ${node.id}`;
    return this.#once(key, "f32", node.varies, () => {
      if (wide || !isNarrow(to)) return { fn: wideOps(to).round, a: { node }, b: array(cell) };
      const { round, format } = narrowOps(to);
      return { fn: round, bitsOut: true, a: { node, bits: true }, b: array(cell), d: format };
    });
  }

  /** Where a rounding reports an overflow: the kernel's word, or nobody's. */
  #overflowCell(flag: boolean, to: DType): Int32Array {
    return flag && isNarrowRange(to) ? this.#options.overflow : new Int32Array(1);
  }

  #prim(fn: Prim, args: readonly Value[], kind: Kind): Value {
    const nodes = args.map((v) => v.node);
    const from = args[fn === "select" ? 1 : 0].kind;
    const source = { node: nodes[0] };
    const make = (draft: Partial<Draft> & { fn: Op; bitsOut?: boolean }) =>
      this.#once(
        `${fn} ${from} ${kind} ${nodes.map((n) => n.id)}`,
        kind,
        nodes.reduce((bits, n) => bits | n.varies, 0),
        () => draft,
      );
    const floats = from === "f32";
    switch (fn) {
      case "select": {
        const op = floats ? selectFloat : selectInt;
        return make({ fn: op, c: source, a: { node: nodes[1] }, b: { node: nodes[2] } });
      }
      case "to_f32":
        if (floats) return args[0];
        return make({ fn: from === "u32" ? unsignedToFloat : signedToFloat, a: source });
      case "to_i32":
      case "to_u32":
        if (!floats) return { node: nodes[0], kind };
        break;
      case "to_bool":
        if (from === "bool") return args[0];
        break;
      case "bits_of":
      case "f32_of_bits":
      case "is_finite": {
        const wide = this.#options.precision === "f64";
        if (wide) return make({ fn: bitOps.f64[fn], a: source });
        if (fn === "is_finite") return make({ fn: bitOps.f32.is_finite, a: { node: nodes[0], bits: true } });
        const toBits = fn === "bits_of";
        return make({ fn: copyInts, bitsOut: !toBits, a: { node: nodes[0], bits: toBits } });
      }
    }
    const op = floats ? FLOAT_OPS[fn] ?? FLOAT_TESTS[fn] : intOp(fn, from);
    if (!op) throw new Error(`there is no “${fn}” of ${from}`);
    return make({ fn: op, a: source, b: nodes[1] && { node: nodes[1] } });
  }

  // Nodes and drafts.

  #node(bank: Bank, varies: number): Node {
    return { id: this.#count++, bank, varies, register: null, lastUse: -1 };
  }

  /** The value under this key, computed by the draft where it is not there yet. */
  #once(
    key: string,
    kind: Kind,
    varies: number,
    draft: () => Omit<Draft, "lanes"> & { bitsOut?: boolean },
  ): Value {
    let v = this.#known.get(key);
    if (!v) {
      const node = this.#node(bankOf(kind), varies);
      this.#emit(node, draft());
      this.#known.set(key, v = { node, kind });
    }
    return v;
  }

  #emit(node: Node, draft: Omit<Draft, "lanes"> & { bitsOut?: boolean }): void {
    const part = node.varies === FIXED ? "dispatch" : node.varies === LANE ? "lane" : "tile";
    const out = { node, bits: draft.bitsOut };
    this.#parts[part].push({ ...draft, out, lanes: (node.varies & LANE) !== 0 });
  }

  #varies(form: Affine): number {
    const { axes } = this.#options.lanes;
    return form.coefs.reduce(
      (bits, c, axis) => c === 0 ? bits : bits | (axes.includes(axis) ? LANE : TILE),
      0,
    );
  }

  /** Lane offsets of a form; one 0 where lanes do not matter. */
  #pattern(form: Affine): Int32Array {
    const { lanes } = this.#options;
    if (!(this.#varies(form) & LANE)) return NOTHING;
    const key = lanes.axes.map((axis) => form.coefs[axis]).join();
    let pattern = this.#patterns.get(key);
    if (!pattern) this.#patterns.set(key, pattern = lanePattern(lanes, form.coefs));
    return pattern;
  }

  #isRun(form: Affine): boolean {
    return this.#pattern(form).every((offset, lane) => offset === lane);
  }

  /** Fixes registers and operands. The builder is spent. */
  build(): Tape {
    const tile = [...this.#parts.tile, ...this.#stores];
    return assemble({ ...this.#parts, tile }, this.#options);
  }
}

function array(a: Slot): Operand {
  return { array: a };
}
